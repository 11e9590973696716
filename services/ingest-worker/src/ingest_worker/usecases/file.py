"""Doing one uploaded file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest_worker.core.parse_request import ParseRequest
from shared.content_types import MEDIA_TYPES, DocumentType
from shared.contracts.messages import ContentReport, ResultMessage
from shared.errors import DependencyRejectedError, ErrorCode, WorkError
from shared.states import Handler

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest_worker.ports import Blobs, Parser
    from shared.postgres.claims import Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLimits:
    """What one file may take: seconds and characters."""

    parse_timeout_seconds: float
    chunk_characters: int


class File:
    """The work behind handler ``file``."""

    def __init__(
        self, *, blobs: Blobs, parser: Parser, limits: FileLimits, clock: Callable[[], float]
    ) -> None:
        self._blobs = blobs
        self._parser = parser
        self._limits = limits
        self._clock = clock

    async def do(self, claim: Claim) -> ResultMessage:
        """Parse the file.

        Raises:
            WorkError: it cannot be parsed, or its original is gone.
            DependencyUnavailableError: the blob store is away.
        """
        payload = claim.payload
        try:
            path = await self._blobs.path_for_reading(str(payload["upload_uri"]))
        except DependencyRejectedError as error:
            raise WorkError(
                ErrorCode.INTERNAL_ERROR,
                "The original of this upload is gone from the blob store: upload the file again.",
                retryable=False,
            ) from error
        started = self._clock()
        parsed = await self._parser.parse(
            ParseRequest(
                kind=_kind(str(payload["content_type"])),
                path=path,
                filename=payload.get("file_name"),
                title=payload.get("title"),
                chunk_characters=self._limits.chunk_characters,
            ),
            timeout_seconds=self._limits.parse_timeout_seconds,
        )
        if not parsed.chunks:
            raise WorkError(
                ErrorCode.EMPTY_CONTENT, "The file holds no text that could be found again.", retryable=False
            )
        content = ContentReport(
            title=parsed.title or str(payload.get("file_name") or ""),
            content_type=str(payload["content_type"]),
            # The identity of an upload's content is that of its bytes.
            content_hash=str(payload["sha256"]),
            language=parsed.language,
            markdown=parsed.markdown,
            columns=parsed.columns,
            pages=parsed.pages,
            chunk_count=len(parsed.chunks),
            chunks=parsed.chunks,
        )
        return ResultMessage(
            job_id=claim.ticket.job_id,
            epoch=claim.ticket.epoch,
            tenant_id=claim.tenant_id,
            handler=Handler.FILE,
            request_id=claim.request_id,
            payload=payload,
            content=content,
            seconds={"parse": round(self._clock() - started, 4)},
        )


def _kind(content_type: str) -> DocumentType:
    for kind, media_type in MEDIA_TYPES.items():
        if media_type == content_type:
            return kind
    raise WorkError(
        ErrorCode.UNSUPPORTED_TYPE,
        f"No parser reads {content_type}: upload the file again.",
        retryable=False,
    )
