"""The settings of the gateway."""

from typing import Annotated, Final, Self

from pydantic import (
    BeforeValidator,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    field_validator,
    model_validator,
)

from gateway.core.accounts import normal_email
from shared.settings import (
    CleanupSettings,
    CommonSettings,
    CrawlSettings,
    FileSettings,
    NsqSettings,
    PipelineSettings,
    ServingSettings,
    WeaviateSettings,
    WebhookSettings,
)
from shared.settings_base import CommaSeparated, Port, Words, derived, split_commas
from shared.settings_limits import LimitSettings

SECRET_CHARACTERS: Final = 32
"""The least of a secret that others could try to guess: what 32 random bytes take, and some."""

Secrets = Annotated[tuple[SecretStr, ...], CommaSeparated, BeforeValidator(split_commas)]


class GatewaySettings(
    CommonSettings,
    NsqSettings,
    PipelineSettings,
    WeaviateSettings,
    ServingSettings,
    FileSettings,
    CrawlSettings,
    WebhookSettings,
    LimitSettings,
    CleanupSettings,
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
    mcp_requests_at_once: PositiveInt = Field(
        32, description="requests of assistants (MCP) that are answered at once; further ones get 503"
    )
    mcp_request_seconds: PositiveFloat = Field(
        45.0, description="seconds that answering one request of an assistant (MCP) may take in all"
    )
    mcp_allowed_origins: Words = Field(
        (),
        description="values of the Origin header that requests of assistants (MCP) may carry, comma-separated; "
        "assistants send none, and web pages must not get in",
    )
    resolve_timeout_seconds: PositiveFloat = Field(
        5.0, description="seconds for finding the addresses of a host that is to be crawled"
    )
    query_cache_bytes: Annotated[int, Field(ge=0)] = Field(
        4_194_304, description="memory for remembered pieces of questions, in bytes"
    )
    search_budget_seconds: PositiveFloat = derived(
        lambda values: min(0.5, values["search_deadline_seconds"]),
        "0.5, at most QUERN_SEARCH_DEADLINE_SECONDS",
        "seconds that a search should take at most; slower ones are counted, not refused",
    )
    webhooks_per_tenant: PositiveInt = Field(20, description="webhooks that one tenant may have")
    webhook_secret_overlap_seconds: NonNegativeFloat = Field(
        86_400.0, description="seconds that a webhook's secret signs along after it was replaced"
    )
    dispatch_pool_max: PositiveInt = Field(
        2, description="connections for announcing jobs, which looks at all tenants"
    )

    auth_enabled: bool = Field(
        default=True, description="whether people have to sign in; false is for the development profile alone"
    )
    session_keys: Secrets = Field(
        (),
        description="secrets that sign sessions, of 32 characters or more each, separated by commas: the first one "
        "signs, all are accepted, so that a new one can be put in front before the old one is taken out",
    )
    session_seconds: PositiveFloat = Field(
        604_800.0, description="seconds after which one has to sign in again"
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^/\s]+)?$",
        description="what browsers call this installation, such as https://quern.example.org: with https the session's "
        "cookie is sent over TLS alone, and changes are taken from pages of this origin alone",
    )
    admin_email: str = Field(
        "admin@localhost", description="address of the first admin, made when there is no user yet"
    )
    admin_password: SecretStr = Field(
        SecretStr(""), description="its password; a random one, printed once, where none is given"
    )
    login_attempts: PositiveInt = Field(
        10, description="failed attempts to sign in to one account within the window; then 429"
    )
    login_attempts_per_address: PositiveInt = Field(
        100, description="failed attempts to sign in from one network address within the window; then 429"
    )
    login_window_seconds: PositiveFloat = Field(
        300.0, description="seconds that a failed attempt to sign in counts"
    )
    passwords_at_once: PositiveInt = Field(
        2, description="passwords that are checked at once; each takes 64 MiB for some tenths of a second"
    )

    @field_validator("admin_email")
    @classmethod
    def _normal(cls, value: str) -> str:
        email = normal_email(value)
        if email is None:
            raise ValueError("must be an e-mail address")
        return email

    @model_validator(mode="after")
    def _check_accounts(self) -> Self:
        if self.auth_enabled and not self.session_keys:
            raise ValueError("QUERN_SESSION_KEYS is empty: nobody could sign in; give it a random secret")
        if self.profile == "development":
            return self
        if not self.auth_enabled:
            raise ValueError(
                "QUERN_AUTH_ENABLED=false does not go with QUERN_PROFILE=production: everybody would be admin"
            )
        for name, secret in self._secrets():
            if len(secret) < SECRET_CHARACTERS or len(set(secret)) < SECRET_CHARACTERS // 4:
                raise ValueError(
                    f"{name} has {len(secret)} characters, {len(set(secret))} different ones: outside of "
                    f"QUERN_PROFILE=development it has to be random text of at least {SECRET_CHARACTERS}"
                )
        return self

    def _secrets(self) -> list[tuple[str, str]]:
        return [("QUERN_SESSION_KEYS", key.get_secret_value()) for key in self.session_keys]

    @model_validator(mode="after")
    def _check_gateway(self) -> Self:
        self.require(
            "table_max_bytes",
            lambda table, document: table <= document,
            "upload_max_bytes",
            "the larger limit is checked before the type of a file is known",
        )
        self.require(
            "search_budget_seconds",
            lambda budget, deadline: budget <= deadline,
            "search_deadline_seconds",
            "a search that is ended before its budget is spent would never count as slow",
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
        for part in ("search_deadline_seconds", "http_database_seconds"):
            self.require(
                part,
                lambda dependency, request: dependency < request,
                "mcp_request_seconds",
                "a tool could not say which dependency does not answer",
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
