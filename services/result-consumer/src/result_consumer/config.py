"""The settings of the result-consumer."""

from __future__ import annotations

from pydantic import Field, PositiveFloat, PositiveInt

from shared.settings import CommonSettings, NsqSettings, PipelineSettings, WeaviateSettings


class ConsumerSettings(CommonSettings, NsqSettings, PipelineSettings, WeaviateSettings):
    """All of them."""

    consumer_results: PositiveInt = Field(
        64, description="results that one consumer takes from NSQ at once, and stores in one transaction"
    )
    index_batch_chunks: PositiveInt = Field(500, description="chunks of one index batch, at most")
    index_lanes: PositiveInt = Field(2, description="index batches that one consumer works on at once")
    index_linger_seconds: PositiveFloat = Field(
        0.05, description="seconds that the first document of an index batch waits for company"
    )
    index_adopt_seconds: PositiveFloat = Field(
        1.0, description="seconds between two looks for staged documents that nobody indexes"
    )
    index_batch_seconds: PositiveFloat = Field(
        180.0, description="seconds after which an index batch that was not closed counts as failed"
    )
    repair_period_seconds: PositiveFloat = Field(
        5.0, description="seconds between two looks for objects that the audit found broken"
    )
    embedder_cache_bytes: PositiveInt = Field(
        33_554_432, description="memory for remembered pieces of text, in bytes"
    )
