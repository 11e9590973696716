"""Every message that travels through NSQ: JSON, versioned, modelled here and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from uuid import UUID

import msgspec

from shared.contracts.content import Chunk, Column
from shared.errors import ErrorCode, QuernError
from shared.states import Handler

if TYPE_CHECKING:
    from collections.abc import Mapping

# What a column of type integer holds: a larger number is no message of ours, and would fail the batch it is in.
_MOST = 2**31 - 1
_Count = Annotated[int, msgspec.Meta(ge=0, le=_MOST)]
_Epoch = Annotated[int, msgspec.Meta(ge=1, le=_MOST)]


class TaskMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``ingest.task``: wakes a worker up for a job. The row says what is to be done."""

    v: Literal[1] = 1
    job_id: UUID
    epoch: _Epoch
    tenant_id: UUID
    handler: Handler
    attempt: _Epoch
    request_id: str = ""
    payload: dict[str, Any]


class FoundLink(msgspec.Struct, frozen=True, array_like=True):
    """A link in scope: as found, its identity, and its host (``scheme://host:port``)."""

    url: str
    key: str
    host: str


class RefusedLink(msgspec.Struct, frozen=True, array_like=True):
    """A link that is not followed, with the reason."""

    url: str
    key: str
    reason: str


class PageReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How the fetch of a page went.

    Attributes:
        asked_key: the identity of the URL that was asked for.
        final_url: after redirects.
        final_key: its identity.
        moved_permanently: the seed's redirect was permanent, so that the scope follows it.
        not_modified: answered 304; there is no content.
        noindex: the page asks not to be indexed; its links count all the same.
        links: in scope whatever their depth, in order. Of a page that was not modified: empty, the rows know them.
        refused: not followed, up to a limit.
        refused_counts: how many in all, by reason.
    """

    asked_key: str
    final_url: str
    final_key: str
    moved_permanently: bool = False
    http_status: int = 200
    not_modified: bool = False
    noindex: bool = False
    canonical_key: str | None = None
    canonical_url: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    links: list[FoundLink] = []
    refused: list[RefusedLink] = []
    refused_counts: dict[str, int] = {}


class ContentReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The document that came out of a page or file; ``chunks`` are this part's, from ``first_ordinal`` on."""

    title: str
    content_type: str
    content_hash: str
    language: str | None = None
    markdown: str = ""
    columns: list[Column] = []
    pages: int | None = None
    chunk_count: _Count = 0
    first_ordinal: _Count = 0
    chunks: list[Chunk] = []


class FailureReport(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why it failed."""

    code: ErrorCode
    sentence: str
    retryable: bool
    http_status: int | None = None
    retry_after_seconds: float | None = None


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A line for the job's log."""

    level: Literal["debug", "info", "warning", "error"]
    message: str
    fields: dict[str, Any] = {}


class ResultMessage(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True
):
    """``ingest.result``: what a worker delivers, in ``parts`` numbered from 0.

    Exactly one of ``failure`` and ``content`` is set, or neither where the page answered 304 or may not be
    indexed. The original payload always comes back, so that a failure can be replayed from it.
    """

    v: Literal[1] = 1
    job_id: UUID
    epoch: _Epoch
    tenant_id: UUID
    handler: Handler
    request_id: str = ""
    part: _Count = 0
    parts: _Epoch = 1
    payload: dict[str, Any]
    page: PageReport | None = None
    content: ContentReport | None = None
    failure: FailureReport | None = None
    skipped: str | None = None
    seconds: dict[str, float] = {}
    logs: list[LogLine] = []

    def __post_init__(self) -> None:
        if self.part >= self.parts:
            raise ValueError("part is not below parts")


class DeleteMessage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``source.delete``: wakes the janitor up for a source whose row says ``deleting``."""

    v: Literal[1] = 1
    source_id: UUID
    tenant_id: UUID
    request_id: str = ""


class MalformedMessageError(QuernError):
    """The message cannot be understood, now or later: it belongs on ``ingest.dead``."""


M = TypeVar("M", TaskMessage, ResultMessage, DeleteMessage)


def encode(message: TaskMessage | ResultMessage | DeleteMessage) -> bytes:
    """JSON, UTF-8."""
    return msgspec.json.encode(message)


def decode(body: bytes, kind: type[M]) -> M:
    """The message in ``body``.

    Raises:
        MalformedMessageError: no JSON, another version, unknown, missing or wrong fields, a part out of range.
    """
    try:
        message = msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedMessageError(f"{kind.__name__}: {error}") from error
    return message


def source_named(payload: Mapping[str, Any]) -> UUID | None:
    """The source that a payload is about; every payload of ours names one."""
    try:
        return UUID(payload["source_id"])
    except (KeyError, TypeError, ValueError, AttributeError):
        return None
