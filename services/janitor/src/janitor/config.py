"""The settings of the janitor."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr, model_validator

from shared.settings import (
    CleanupSettings,
    CommonSettings,
    FileSettings,
    NsqSettings,
    PipelineSettings,
    ServingSettings,
    WeaviateSettings,
    WebhookSettings,
)
from shared.settings_base import BaseUrl, Settings, derived

_DAY_SECONDS = 86_400.0


class SummarySettings(Settings):
    """Who writes summaries."""

    summary_url: BaseUrl | Literal[""] = Field(
        "",
        description="API that writes summaries (OpenAI-compatible, such as https://api.example.com/v1); empty: they are "
        "made of the documents' own sentences, and no text leaves the machine",
    )
    summary_key: SecretStr = Field(SecretStr(""), description="its key; empty: it asks for none")
    summary_model: str = Field("", description="its model")
    summary_timeout_seconds: PositiveFloat = Field(60.0, description="seconds that one summary may take")
    summary_answer_bytes: PositiveInt = Field(
        262_144, description="largest answer of that API that is read, in bytes"
    )
    summary_characters: PositiveInt = Field(
        60_000, description="characters of a document that its summary is made of, from the beginning"
    )


class JanitorSettings(
    CommonSettings,
    NsqSettings,
    PipelineSettings,
    WeaviateSettings,
    ServingSettings,
    FileSettings,
    WebhookSettings,
    CleanupSettings,
    SummarySettings,
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
    webhook_period_seconds: PositiveFloat = Field(
        1.0, description="seconds between two looks for webhooks that are due"
    )
    webhook_timeout_seconds: PositiveFloat = Field(
        15.0, description="seconds that one request to a webhook may take in all"
    )
    webhook_connect_timeout_seconds: PositiveFloat = derived(
        lambda values: min(5.0, values["webhook_timeout_seconds"] / 2),
        "half of QUERN_WEBHOOK_TIMEOUT_SECONDS, at most 5",
        "seconds for finding a webhook's host, and as long again for the connection to it",
    )
    webhook_lease_seconds: PositiveFloat = derived(
        lambda values: 2 * values["webhook_timeout_seconds"] + 30.0,
        "twice QUERN_WEBHOOK_TIMEOUT_SECONDS and 30 more",
        "seconds after which a delivery whose sender gave no sign is sent by another",
    )
    webhook_max_attempts: PositiveInt = Field(
        8, description="tries of a delivery before it is dead; with the pauses of their defaults within a day"
    )
    webhook_retry_base_seconds: PositiveFloat = Field(
        20.0,
        description="seconds before the second try; four times as long before each further one, 20 % jitter",
    )
    webhook_retry_max_seconds: PositiveFloat = Field(
        43_200.0, description="seconds that the pause before a try never exceeds, Retry-After included"
    )
    webhook_pause_seconds: PositiveFloat = Field(
        259_200.0, description="seconds without any success after which a webhook that fails is paused"
    )
    webhook_remembered_seconds: PositiveFloat = Field(
        1_209_600.0, description="seconds after which a delivery is forgotten, whatever became of it"
    )
    webhook_per_host: PositiveInt = Field(8, description="requests to the webhooks of one host at once")
    webhook_per_tenant: PositiveInt = Field(16, description="requests to the webhooks of one tenant at once")
    webhook_at_once: PositiveInt = Field(64, description="requests to webhooks at once, in all")
    jobs_keep_days: NonNegativeFloat = Field(
        365.0, description="days since their end after which jobs are forgotten; 0: never"
    )
    errands_at_once: PositiveInt = Field(
        4, description="cleanups, summaries and rebuilds of sources that one janitor does at once"
    )
    errand_period_seconds: PositiveFloat = Field(
        1.0, description="seconds between two looks for such jobs, and at the rebuild that one follows"
    )
    errand_turn_seconds: PositiveFloat = Field(
        15.0, description="seconds after which such a job makes room for others that wait"
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
            "webhook_timeout_seconds",
            lambda timeout, lease: timeout < lease,
            "webhook_lease_seconds",
            "a delivery would be sent by another while it is still being sent",
        )
        self.require(
            "webhook_retry_base_seconds",
            lambda base, most: base <= most,
            "webhook_retry_max_seconds",
            "the first pause cannot be above the last",
        )
        self.require(
            "webhook_retry_max_seconds",
            lambda pause, remembered: pause < remembered,
            "webhook_remembered_seconds",
            "a delivery would be forgotten before it is tried again",
        )
        self.require(
            "webhook_per_host",
            lambda host, tenant: host <= tenant,
            "webhook_per_tenant",
            "one slow receiver would hold up all others of its tenant",
        )
        self.require(
            "webhook_per_tenant",
            lambda tenant, every: tenant <= every,
            "webhook_at_once",
            "one tenant would hold up all others",
        )
        self.require(
            "statement_timeout_seconds",
            lambda statement, turn: statement < turn,
            "janitor_turn_seconds",
            "a turn would be over before one of its statements",
        )
        self.require(
            "summary_timeout_seconds",
            lambda summary, deadline: summary < deadline,
            "job_deadline_seconds",
            "a summarizer would be taken for lost while it waits for one summary",
        )
        if self.summary_url and not self.summary_model:
            raise ValueError("QUERN_SUMMARY_URL is set, QUERN_SUMMARY_MODEL is not: name the model")
        if self.jobs_keep_days and self.jobs_keep_days * _DAY_SECONDS < self.cleanup_min_age_seconds:
            raise ValueError(
                f"QUERN_JOBS_KEEP_DAYS={self.jobs_keep_days:g} does not go with "
                f"QUERN_CLEANUP_MIN_AGE_SECONDS={self.cleanup_min_age_seconds:g}: jobs would be forgotten that every "
                "cleanup has to keep"
            )
        return self

    @property
    def jobs_keep_seconds(self) -> float:
        """How long ended jobs are kept; 0: for ever."""
        return self.jobs_keep_days * _DAY_SECONDS
