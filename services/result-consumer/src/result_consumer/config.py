"""The settings of the result-consumer."""

from __future__ import annotations

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

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
    repair_period_seconds: PositiveFloat = Field(
        5.0, description="seconds between two looks for objects that the audit found broken"
    )
    embedder_cache_bytes: PositiveInt = Field(
        33_554_432, description="memory for remembered pieces of text, in bytes"
    )

    @model_validator(mode="after")
    def _check_consumer(self) -> Self:
        self.require(
            "index_batch_seconds",
            lambda batch, insert: batch > insert,
            "weaviate_insert_timeout_seconds",
            "a batch whose insert takes all its time would expire before it is verified, each time",
        )
        self.require(
            "index_lanes",
            lambda lanes, pool: lanes < pool,
            "database_pool_max",
            "each index batch takes a connection, and results could not be stored beside them",
        )
        return self
