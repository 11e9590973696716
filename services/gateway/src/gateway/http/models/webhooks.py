"""Shapes of webhooks."""

from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Self
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints, model_validator
from pydantic.json_schema import SkipJsonSchema

from gateway.http.models.common import Input, Json, Output, Page, PageQuery, Storable, Text, Time

if TYPE_CHECKING:
    from shared.postgres.webhooks import DeliveryRow, WebhookRow

Event = Literal["run.succeeded", "run.failed", "run.cancelled", "run.skipped"]
ALL_EVENTS: Final[tuple[Event, ...]] = ("run.succeeded", "run.failed", "run.cancelled", "run.skipped")
DeliveryStatus = Literal["waiting", "sending", "delivered", "dead"]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2048), Storable]
Description = Annotated[str, StringConstraints(max_length=200, strip_whitespace=True), Storable]
Secret = Annotated[
    str,
    StringConstraints(
        max_length=200,
        pattern=r"^whsec_(?:(?:[A-Za-z0-9+/]{4}){8,20}(?:[A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?"
        r"|(?:[A-Za-z0-9+/]{4}){21}(?:[A-Za-z0-9+/]{2}==)?)$",
    ),
]
MASKED: Final = "whsec_***"
_ABOUT: Final = "`whsec_` and the base64 of 24 to 64 random bytes; made here where it is left out. It is answered once, here."


class WebhookInput(Input):
    """Who is to be told, and about what."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"url": "https://hooks.example.org/quern", "events": ["run.succeeded", "run.failed"]},
            ]
        }
    )

    url: Url = Field(description="Begins with http:// or https://. Redirects are not followed.")
    events: list[Event] = Field(
        default_factory=lambda: list(ALL_EVENTS),
        min_length=1,
        max_length=20,
        description="What it is told about; everything where left out.",
    )
    description: Description = ""
    active: bool = True
    secret: Secret | None = Field(None, description=_ABOUT)


class WebhookPatch(Input):
    """What is to change; what is left out stays as it is."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"active": True}]})

    url: Url | SkipJsonSchema[None] = None
    events: Annotated[list[Event], Field(min_length=1, max_length=20)] | SkipJsonSchema[None] = None
    description: Description | SkipJsonSchema[None] = None
    active: bool | SkipJsonSchema[None] = Field(
        default=None, description="True also ends a pause: what waits is sent."
    )

    @model_validator(mode="before")
    @classmethod
    def _no_null(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for name in cls.model_fields:
                if name in value and value[name] is None:
                    raise ValueError(f"{name} cannot be null; leave it out to keep it")
        return value


class SecretInput(Input):
    """Another secret."""

    secret: Secret | None = Field(None, description=_ABOUT)
    revoke: bool = Field(
        default=False, description="The secret before it ends at once, instead of signing along for a while."
    )


class DeliveriesQuery(PageQuery):
    """Which deliveries."""

    status: Literal["waiting", "delivered", "dead"] | None = Field(
        None, description="`waiting` has those that are being sent as well."
    )


class Webhook(Output):
    """Who is told when runs end."""

    id: UUID
    url: str
    description: str
    events: list[str]
    active: bool
    paused_at: Time | None = Field(description="Nothing is sent since then; what happens waits.")
    paused_reason: str | None = Field(
        description="`failing`: nothing could be delivered for too long; `gone`: the receiver answered 410."
    )
    failing_since: Time | None = Field(description="The first failure since the last success.")
    secret: str = Field(description="Masked, but in the answer to the request that made or set it.")
    secret_set_at: Time
    previous_secret_until: Time | None = Field(description="Until then the secret before it signs as well.")
    created_by: str
    created_at: Time
    updated_at: Time

    @classmethod
    def of(cls, row: "WebhookRow", secret: str = MASKED) -> Self:
        """From a row; with the secret at the one moment when it is shown."""
        values = {name: getattr(row, name) for name in cls.model_fields if name != "secret"}
        return cls(**values, secret=secret)


class WebhookList(Page[Webhook]):
    """Webhooks, newest first."""


class DeliveryTry(Output):
    """One request to a webhook."""

    at: Time
    duration_ms: int
    http_status: int | None
    error_code: str | None = Field(
        description="Null where it was delivered; else http_error, redirected, timeout, tls_error, unreachable, "
        "blocked_address or secret_unreadable."
    )
    error: str | None
    response: Text | None = Field(description="The beginning of what the receiver said, where it refused.")


class Delivery(Output):
    """One message to one webhook."""

    id: UUID = Field(description="The header `webhook-id`, the same in every try.")
    webhook_id: UUID
    event: str
    run_id: UUID | None
    status: DeliveryStatus
    attempts: int = Field(description="Tries since it was last begun.")
    redeliveries: int = Field(description="How often somebody asked for it again.")
    next_attempt_at: Time | None
    tries: list[DeliveryTry] = Field(description="The latest 20, oldest first.")
    payload: Json = Field(description="The body.")
    created_at: Time
    finished_at: Time | None

    @classmethod
    def of(cls, row: "DeliveryRow") -> Self:
        """From a row."""
        names = set(cls.model_fields) - {"run_id", "tries"}
        values = {name: getattr(row, name) for name in names}
        tries = [DeliveryTry.model_validate(one) for one in row.tries]
        return cls(**values, run_id=row.job_id, tries=tries)


class DeliveryList(Page[Delivery]):
    """Deliveries, newest first."""
