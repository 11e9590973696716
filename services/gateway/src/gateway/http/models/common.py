"""What all shapes share."""

import re
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
)

T = TypeVar("T")

MAX_OFFSET = 10_000
MAX_LIMIT = 500
DEFAULT_LIMIT = 50

_DIGITS = re.compile(r"-?[0-9]{1,18}")


class Input(BaseModel):
    """Base of what clients send: an unknown field is refused, a wrong type is not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Parameters(BaseModel):
    """Base of query strings, where everything is text."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Output(BaseModel):
    """Base of what clients get."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


class NoQuery(Parameters):
    """No parameters."""


class NoBody(Input):
    """No body."""


def _storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("must not hold a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("must be valid Unicode text") from None
    return text


def _digits(value: object) -> object:
    if isinstance(value, str) and not _DIGITS.fullmatch(value):
        raise ValueError("must be a whole number")
    return value


def _rfc3339(value: datetime) -> str:
    return value.isoformat().replace("+00:00", "Z")


Storable = AfterValidator(_storable)
"""Stands behind all other constraints of a text."""

Text = Annotated[str, Storable]
"""Text that Postgres can store: it has no NUL character and no half of a surrogate pair."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Storable]
"""What people call something."""

SearchedText = Annotated[str, StringConstraints(min_length=1, max_length=200), Storable]
"""A part of a name, in any case."""

Number = Annotated[int, BeforeValidator(_digits)]
"""A whole number in a query string; pydantic alone would take ``1_0`` and ``5.0`` too."""

Time = Annotated[datetime, PlainSerializer(_rfc3339, return_type=str, when_used="json")]
"""RFC 3339 in UTC, with a Z."""

Json = dict[str, Any]


class PageQuery(Parameters):
    """Which part of a list."""

    limit: Number = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT, description="How many items at most.")
    offset: Number = Field(
        0, ge=0, le=MAX_OFFSET, description="How many items to leave out first; beyond 10,000 filter instead."
    )


class Page(Output, Generic[T]):
    """A part of a list."""

    items: list[T]
    total: int = Field(description="How many items the whole list has.")
    limit: int
    offset: int


class FieldError(Output):
    """What is wrong with one field or parameter."""

    loc: list[str | int] = Field(description="Where: body, query, path or form, then the names down to it.")
    msg: str


class Problem(Output):
    """RFC 9457 problem details."""

    type: str = Field(description="A URN that ends in the code.")
    title: str
    status: int
    detail: str
    code: str = Field(description="Stable, for programs.")
    request_id: str
    errors: list[FieldError] | None = Field(None, description="Of validation errors alone.")
    source_id: str | None = Field(None, description="Of source_exists: the source that has the URL.")
    run_id: str | None = Field(None, description="Of ingest_in_progress: the active run.")
    limit_bytes: int | None = Field(None, description="Of too_large: the limit that was exceeded.")
