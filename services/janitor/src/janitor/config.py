"""The settings of the janitor."""

from __future__ import annotations

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from shared.settings import (
    CommonSettings,
    FileSettings,
    NsqSettings,
    PipelineSettings,
    ServingSettings,
    WeaviateSettings,
)
from shared.settings_base import derived


class JanitorSettings(
    CommonSettings, NsqSettings, PipelineSettings, WeaviateSettings, ServingSettings, FileSettings
):
    """All of them."""

    announce_period_seconds: PositiveFloat = Field(
        1.0, description="seconds between two looks for jobs that have come due"
    )
    reclaim_period_seconds: PositiveFloat = derived(
        lambda values: min(5.0, values["lease_seconds"] / 4),
        "a quarter of QUERN_LEASE_SECONDS, at most 5",
        "seconds between two looks for jobs that lost their owner",
    )
    delete_period_seconds: PositiveFloat = Field(
        5.0, description="seconds between two looks for sources and objects that are to be deleted"
    )
    upkeep_period_seconds: PositiveFloat = Field(
        20.0,
        description="seconds between two turns of what is never urgent: expired batches, dead jobs, old versions …",
    )
    figures_period_seconds: PositiveFloat = Field(
        15.0, description="seconds between two comparisons of the ledger with the rows"
    )
    sweep_period_seconds: PositiveFloat = Field(
        3600.0, description="seconds between two sweeps over the originals of uploads"
    )
    audit_period_seconds: PositiveFloat = Field(
        15.0, description="seconds between two turns of the comparison of Weaviate with Postgres"
    )
    audit_objects: PositiveInt = Field(
        1000, description="objects that one turn of that comparison looks at, as long as they are sound"
    )
    audit_recent_seconds: PositiveFloat = Field(
        3600.0,
        description="seconds that an index batch is verified again after Weaviate was away",
    )
    max_lost_results: PositiveInt = Field(
        20, description="times that a job's result may be lost before the job fails as lease_lost"
    )
    stalled_run_seconds: PositiveFloat = Field(
        600.0,
        description="seconds without movement after which a run's rows are counted anew",
    )
    abandoned_seconds: PositiveFloat = Field(
        300.0, description="seconds that content which nothing will serve is left alone"
    )
    blob_age_seconds: PositiveFloat = Field(
        86_400.0, description="seconds that an original without a run is left alone: its upload may go on"
    )
    remembered_seconds: PositiveFloat = Field(
        604_800.0, description="seconds that index batches and hosts are remembered after their last use"
    )
    dead_messages_kept: PositiveInt = Field(
        10_000, description="newest messages that could not be understood that are kept for people to see"
    )
    remembered_workers_seconds: PositiveFloat = Field(
        3600.0, description="seconds that a process is remembered after its lease has lapsed"
    )
    janitor_turn_seconds: PositiveFloat = Field(
        600.0, description="seconds that one turn of a task may take at most"
    )

    @property
    def purge_after_seconds(self) -> float:
        """How long tombstones stay: longer than any insert that was begun before can take to arrive."""
        return self.lease_seconds + self.index_batch_seconds + 2 * self.weaviate_insert_timeout_seconds

    @property
    def noticed_within_seconds(self) -> float:
        """How long after a worker's death its jobs are announced anew, at most: its lease lapses, the next turns of
        both tasks come. Periods vary by a tenth. What Postgres takes for the statements comes on top.
        """
        return self.lease_seconds + 1.1 * (self.reclaim_period_seconds + self.announce_period_seconds)

    @model_validator(mode="after")
    def _check_janitor(self) -> Self:
        self.require(
            "reclaim_period_seconds",
            lambda period, lease: period <= lease,
            "lease_seconds",
            "a dead worker would be noticed long after its lease",
        )
        self.require(
            "abandoned_seconds",
            lambda abandoned, grace: abandoned >= grace,
            "superseded_grace_seconds",
            "a search that has begun may still look at a version that was let go",
        )
        self.require(
            "upload_max_seconds",
            lambda upload, age: upload < age,
            "blob_age_seconds",
            "the bytes of an upload that is still coming in would be swept away",
        )
        self.require(
            "audit_recent_seconds",
            lambda recent, remembered: recent <= remembered,
            "remembered_seconds",
            "index batches would be forgotten before they can be verified again",
        )
        self.require(
            "statement_timeout_seconds",
            lambda statement, turn: statement < turn,
            "janitor_turn_seconds",
            "a turn would be over before one of its statements",
        )
        return self
