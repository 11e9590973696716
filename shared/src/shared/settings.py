"""Groups of settings that the services compose: ``class WorkerSettings(CommonSettings, NsqSettings, ...)``.

Every setting is an environment variable ``QUERN_<FIELD NAME IN CAPITALS>``. Its unit is in its name, what it means
in its description. Values that contradict each other are refused at the start, with both numbers in the sentence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, SecretStr, model_validator

from shared.settings_base import BaseUrl, BaseUrls, HostPort, HostPorts, Port, Settings, Words, derived

CLOSING_SECONDS = 15.0
"""What a stop may take beyond the grace: ``shared.lifecycle`` ends the process after that, come what may."""


class CommonSettings(Settings):
    """What every service has."""

    profile: Literal["production", "development"] = Field(
        "production",
        description="production, or development, which alone may switch safety off (such as authentication)",
    )
    instance: str = Field(
        "1", min_length=1, description="tells processes of one service apart, in logs and claims"
    )
    admin_host: str = Field("127.0.0.1", description="address that /healthz, /readyz and /metrics listen on")
    admin_port: Port = Field(0, description="port of /healthz, /readyz and /metrics; 0 takes any free one")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level that is logged"
    )
    log_format: Literal["json", "console"] = Field(
        "json",
        description="json: one object a line; console: for reading in a terminal",
    )
    shutdown_grace_seconds: PositiveFloat = Field(
        20.0,
        description="seconds that work under way may take to end after SIGTERM; then it is handed back",
    )
    stop_timeout_seconds: PositiveFloat = Field(
        60.0,
        description="seconds after SIGTERM at which whoever runs the services kills them: a container's grace period",
    )
    readiness_period_seconds: PositiveFloat = Field(
        5.0,
        description="seconds between two checks of a dependency for /readyz",
    )
    readiness_timeout_seconds: PositiveFloat = Field(
        2.0,
        description="seconds after which a dependency that does not answer such a check counts as down",
    )

    @model_validator(mode="after")
    def _check_common(self) -> Self:
        self.require(
            "shutdown_grace_seconds",
            lambda grace, killed: grace + CLOSING_SECONDS <= killed,
            "stop_timeout_seconds",
            f"a service needs up to {CLOSING_SECONDS:g} seconds beyond its grace to hand work back and close its "
            "connections, and would be killed meanwhile",
        )
        return self


class PostgresSettings(Settings):
    """How Postgres is reached; the lease is here because every timeout of Postgres must stay below it."""

    lease_seconds: PositiveFloat = Field(
        30.0,
        description="seconds after which the jobs of a worker that gave no sign of life are given to others",
    )

    database_url: SecretStr = Field(description="postgresql:// URL of the service role, with its password")
    database_pool_max: PositiveInt = Field(10, description="connections at most")
    database_connect_timeout_seconds: PositiveFloat = Field(5.0, description="seconds for a new connection")
    database_acquire_timeout_seconds: PositiveFloat = Field(
        5.0,
        description="seconds to wait for a free connection of the pool",
    )
    statement_timeout_seconds: PositiveFloat = derived(
        lambda values: min(10.0, values["lease_seconds"] / 2),
        "half of QUERN_LEASE_SECONDS, at most 10",
        "seconds after which Postgres ends a statement",
    )
    lock_timeout_seconds: PositiveFloat = derived(
        lambda values: min(5.0, values["statement_timeout_seconds"] / 2),
        "half of QUERN_STATEMENT_TIMEOUT_SECONDS, at most 5",
        "seconds that a statement waits for a lock",
    )
    idle_in_transaction_timeout_seconds: PositiveFloat = derived(
        lambda values: min(10.0, values["lease_seconds"] / 2),
        "half of QUERN_LEASE_SECONDS, at most 10",
        "seconds after which Postgres ends a session that sits in an open transaction",
    )

    @model_validator(mode="after")
    def _check_postgres(self) -> Self:
        self.require(
            "lock_timeout_seconds",
            lambda lock, statement: lock <= statement,
            "statement_timeout_seconds",
            "a lock that may be awaited longer than its statement lives would never be reported as a lock",
        )
        for name in ("statement_timeout_seconds", "idle_in_transaction_timeout_seconds"):
            self.require(
                name,
                lambda timeout, lease: timeout < lease,
                "lease_seconds",
                "a transaction that outlives the lease could write for a job that is someone else's by then",
            )
        return self


class NsqSettings(Settings):
    """How NSQ is reached, and its limits, which must be those that nsqd was started with."""

    nsqd_tcp: HostPorts = Field(
        ("127.0.0.1:4150",),
        description="nsqd's to publish to, host:port, comma-separated; the first that answers is taken",
    )
    nsqd_http: BaseUrl = Field(
        "http://127.0.0.1:4151", description="HTTP address of nsqd, for channels and statistics"
    )
    nsqlookupd_http: BaseUrls = Field(
        (),
        description="nsqlookupd's HTTP addresses, comma-separated; empty: consume from QUERN_NSQD_TCP alone",
    )
    nsqlookupd_poll_seconds: PositiveFloat = Field(
        15.0, description="seconds between two looks for new nsqd's"
    )
    nsq_http_timeout_seconds: PositiveFloat = Field(
        2.0, description="seconds for one request to nsqd or nsqlookupd"
    )
    publish_timeout_seconds: PositiveFloat = Field(
        5.0,
        description="seconds for one publish, waiting for a connection included",
    )
    publish_max_outstanding: PositiveInt = Field(
        200,
        description="publishes that may wait for nsqd's answer at once; further ones wait their turn",
    )
    max_msg_bytes: PositiveInt = Field(
        1_048_576, description="nsqd's --max-msg-size in bytes: one message's limit"
    )
    max_mpub_bytes: PositiveInt = Field(
        5_242_880, description="nsqd's --max-body-size in bytes: one batch's limit"
    )
    msg_timeout_seconds: PositiveFloat = Field(
        60.0,
        description="seconds without a sign of life after which nsqd delivers a message again",
    )
    max_msg_timeout_seconds: PositiveFloat = Field(
        1800.0,
        description="nsqd's --max-msg-timeout in seconds: how long signs of life can keep one message in all",
    )
    touch_seconds: PositiveFloat = derived(
        lambda values: min(15.0, values["msg_timeout_seconds"] / 4),
        "a quarter of QUERN_MSG_TIMEOUT_SECONDS, at most 15",
        "seconds between two signs of life of a message at work; at most a third of its timeout",
    )
    nsq_heartbeat_seconds: PositiveFloat = Field(
        15.0,
        description="seconds between nsqd's heartbeats; after twice this in silence a connection is given up",
    )
    nsq_connect_timeout_seconds: PositiveFloat = Field(
        3.0, description="seconds for a new connection to nsqd"
    )
    nsq_reconnect_max_seconds: PositiveFloat = Field(
        1.5,
        description="seconds between two tries to reach an nsqd that is gone, at most",
    )
    requeue_base_seconds: PositiveFloat = Field(
        1.0,
        description="seconds before a message whose handling failed is delivered again; doubles each time",
    )
    requeue_max_seconds: PositiveFloat = Field(60.0, description="seconds at which that doubling ends")

    @model_validator(mode="after")
    def _check_nsq(self) -> Self:
        if not self.nsqd_tcp:
            raise ValueError("QUERN_NSQD_TCP is empty: name at least one nsqd to publish to")
        self.require(
            "touch_seconds",
            lambda touch, timeout: touch * 3 <= timeout,
            "msg_timeout_seconds",
            "a message must be touched at least three times within its timeout, so that one late touch does no harm",
        )
        self.require(
            "msg_timeout_seconds",
            lambda timeout, most: timeout <= most,
            "max_msg_timeout_seconds",
            "nsqd refuses a consumer that asks for more than it allows",
        )
        self.require(
            "max_msg_bytes",
            lambda message, batch: message < batch,
            "max_mpub_bytes",
            "the largest message must fit into a batch",
        )
        self.require(
            "requeue_base_seconds",
            lambda base, most: base <= most,
            "requeue_max_seconds",
            "the first delay cannot be above the last",
        )
        return self


class WeaviateSettings(Settings):
    """How Weaviate is reached."""

    weaviate_url: BaseUrl = Field("http://127.0.0.1:8080", description="HTTP address of Weaviate")
    weaviate_grpc: HostPort = Field("127.0.0.1:50051", description="gRPC address of Weaviate, host:port")
    weaviate_api_key: SecretStr = Field(SecretStr(""), description="API key; empty: Weaviate asks for none")
    weaviate_connect_timeout_seconds: PositiveFloat = Field(
        5.0, description="seconds for the connection at the start"
    )
    weaviate_query_timeout_seconds: PositiveFloat = Field(5.0, description="seconds for one search or read")
    weaviate_insert_timeout_seconds: PositiveFloat = Field(
        30.0, description="seconds for one batch or delete"
    )


class PipelineSettings(PostgresSettings):
    """The clockwork of jobs: leases, retries, windows. The same in every service, or they disagree about who owns what."""

    heartbeat_seconds: PositiveFloat = derived(
        lambda values: min(10.0, values["lease_seconds"] / 4),
        "a quarter of QUERN_LEASE_SECONDS, at most 10",
        "seconds between two signs of life of a worker; at most a third of the lease",
    )
    job_deadline_seconds: PositiveFloat = Field(
        900.0,
        description="seconds that one try of a unit of work may run in all, however alive its worker is",
    )
    result_deadline_seconds: PositiveFloat = Field(
        300.0,
        description="seconds that a delivered result may take to be stored; then the job is done again",
    )
    index_batch_seconds: PositiveFloat = Field(
        180.0, description="seconds after which an index batch that was not closed counts as failed"
    )
    max_attempts: PositiveInt = Field(3, description="tries of a unit of work before it fails for good")
    retry_base_seconds: NonNegativeFloat = Field(
        5.0,
        description="seconds before the second try; doubles with each further one, with 20 % of jitter",
    )
    retry_max_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        3600.0,
        description="seconds that the wait before a try never exceeds, Retry-After included; an hour at most",
    )
    dead_retry_seconds: NonNegativeFloat = Field(
        900.0,
        description="seconds before a dead job whose class allows it is retried for the first time; doubles; 0: never",
    )
    dead_retries_max: Annotated[int, Field(ge=0)] = Field(
        5, description="retries of a dead job, those of people included, after which only people retry it"
    )
    max_reclaims: PositiveInt = Field(
        5,
        description="times that a job may lose its owner or exceed its deadline before it fails as lease_lost",
    )
    prune_hold_pages: Annotated[int, Field(ge=0)] = Field(
        20,
        description="documents that a crawl may find gone without asking a person, however large their share",
    )
    prune_hold_share: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5,
        description="share of a source's documents (0 to 1) that a crawl may find gone without asking a person",
    )
    announce_again_seconds: PositiveFloat = Field(
        60.0,
        description="seconds after which a job that was announced but not claimed is announced again",
    )
    unstored_results_max: PositiveInt = Field(
        500,
        description="delivered results that are not stored yet, at which workers claim nothing further",
    )
    window_per_slot: PositiveInt = Field(2, description="announced jobs for each live worker slot")
    window_per_run: PositiveInt = Field(
        50, description="jobs of one run that are announced or running at once"
    )
    window_per_host: PositiveInt = Field(
        32, description="pages of one host that are announced or running at once, where no pace limits them"
    )
    window_least: PositiveInt = Field(
        8, description="announced jobs in all while no worker is alive, so that the first finds something"
    )
    window_per_tenant: PositiveInt = Field(
        200, description="jobs of one tenant that are announced or running at once"
    )
    window_upload_slots: PositiveInt = Field(
        1, description="worker slots that crawls leave free for uploads by people"
    )

    @model_validator(mode="after")
    def _check_pipeline(self) -> Self:
        self.require(
            "heartbeat_seconds",
            lambda beat, lease: beat * 3 <= lease,
            "lease_seconds",
            "a lease must outlast three signs of life, so that one late does not cost a worker its jobs",
        )
        self.require(
            "retry_base_seconds",
            lambda base, most: base <= most,
            "retry_max_seconds",
            "the first wait cannot be above the last",
        )
        self.require(
            "window_upload_slots",
            lambda kept, window: kept < window,
            "window_least",
            "nothing of the smallest window would be left for crawls",
        )
        return self


class ServingSettings(Settings):
    """What search and the removal of old objects must agree about."""

    superseded_grace_seconds: PositiveFloat = Field(
        60.0,
        description="seconds that objects of a superseded version stay in Weaviate; longer than any search takes",
    )
    search_deadline_seconds: PositiveFloat = derived(
        lambda values: min(10.0, values["superseded_grace_seconds"] / 2),
        "half of QUERN_SUPERSEDED_GRACE_SECONDS, at most 10",
        "seconds that one search may take in all",
    )
    keep_versions: PositiveInt = Field(
        3, description="versions of a document that are kept, the active one included"
    )

    @model_validator(mode="after")
    def _check_serving(self) -> Self:
        self.require(
            "superseded_grace_seconds",
            lambda grace, deadline: grace > deadline,
            "search_deadline_seconds",
            "a search that began before a version was replaced must still find that version's objects",
        )
        return self


class FileSettings(Settings):
    """Where uploads are kept and how large they may be."""

    data_dir: str = Field(
        ".quern", min_length=1, description="directory of all state; uploads are in blobs/ below it"
    )
    blob_dir: str = Field("", description="directory of uploads; empty: blobs/ below QUERN_DATA_DIR")
    upload_max_bytes: PositiveInt = Field(
        209_715_200, description="largest document that can be uploaded, in bytes"
    )
    table_max_bytes: PositiveInt = Field(
        52_428_800,
        description="largest table (CSV, XLS, XLSX, Parquet) that can be uploaded, in bytes",
    )
    upload_max_seconds: PositiveFloat = Field(
        3600.0, description="seconds that one upload may take to come in, however steadily it comes"
    )

    @property
    def blobs_root(self) -> Path:
        """Where uploads are."""
        return Path(self.blob_dir) if self.blob_dir else Path(self.data_dir) / "blobs"


class CrawlSettings(Settings):
    """What a crawl may reach and how politely."""

    crawl_allow_networks: Words = Field(
        (),
        description="networks that may be crawled although they are not public, such as 127.0.0.0/8, comma-separated",
    )
    crawl_delay_ms: NonNegativeFloat = Field(
        500.0,
        description="milliseconds between two requests to one host; 0 only for one's own site",
    )
    page_timeout_seconds: PositiveFloat = Field(
        30.0, description="seconds for fetching one page, redirects included"
    )
    page_max_bytes: PositiveInt = Field(20_971_520, description="largest page that is fetched, in bytes")
