"""The settings of the gateway."""

from typing import Annotated, Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from shared.settings import (
    CommonSettings,
    CrawlSettings,
    FileSettings,
    NsqSettings,
    PipelineSettings,
    ServingSettings,
    WeaviateSettings,
)
from shared.settings_base import Port


class GatewaySettings(
    CommonSettings,
    NsqSettings,
    PipelineSettings,
    WeaviateSettings,
    ServingSettings,
    FileSettings,
    CrawlSettings,
):
    """All of them."""

    http_host: str = Field("127.0.0.1", description="address that the public API listens on")
    http_port: Port = Field(8000, description="port of the public API; 0 takes any free one")
    http_requests_at_once: PositiveInt = Field(
        256, description="requests that are answered at once; further ones are refused with 503"
    )
    http_body_max_bytes: PositiveInt = Field(1_048_576, description="largest JSON body, in bytes")
    http_idle_seconds: PositiveFloat = Field(
        30.0, description="seconds that a client may send nothing of a body that it has begun"
    )
    http_keepalive_seconds: PositiveFloat = Field(
        75.0, description="seconds that an idle connection is kept open"
    )
    http_lingering_seconds: PositiveFloat = Field(
        5.0,
        description="seconds that the rest of a refused body is read, so that the client sees the refusal",
    )
    http_database_seconds: PositiveFloat = Field(
        10.0,
        description="seconds that a request waits for Postgres in all; then it is answered with 503",
    )
    uploads_at_once: PositiveInt = Field(
        32, description="uploads that may come in at once; each takes some MB"
    )
    events_poll_seconds: PositiveFloat = Field(
        0.5, description="seconds between two looks at a run that somebody follows"
    )
    events_heartbeat_seconds: PositiveFloat = Field(
        15.0, description="seconds after which a silent stream of events shows that it lives"
    )
    events_max_seconds: PositiveFloat = Field(
        3600.0, description="seconds that one stream of events lives at most; the client comes back"
    )
    events_at_once: PositiveInt = Field(100, description="streams of events at once")
    resolve_timeout_seconds: PositiveFloat = Field(
        5.0, description="seconds for finding the addresses of a host that is to be crawled"
    )
    query_cache_bytes: Annotated[int, Field(ge=0)] = Field(
        4_194_304, description="memory for remembered pieces of questions, in bytes"
    )
    dispatch_pool_max: PositiveInt = Field(
        2, description="connections for announcing jobs, which looks at all tenants"
    )

    @model_validator(mode="after")
    def _check_gateway(self) -> Self:
        self.require(
            "table_max_bytes",
            lambda table, document: table <= document,
            "upload_max_bytes",
            "the larger limit is checked before the type of a file is known",
        )
        self.require(
            "events_poll_seconds",
            lambda poll, beat: poll <= beat,
            "events_heartbeat_seconds",
            "a heartbeat is sent between two looks",
        )
        self.require(
            "http_idle_seconds",
            lambda idle, upload: idle < upload,
            "upload_max_seconds",
            "a client that stands still would be noticed after its upload is over",
        )
        self.require(
            "uploads_at_once",
            lambda uploads, requests: uploads <= requests,
            "http_requests_at_once",
            "more uploads than requests can never come in",
        )
        self.require(
            "events_at_once",
            lambda events, requests: events < requests,
            "http_requests_at_once",
            "clients that follow runs would leave no room for other requests",
        )
        return self
