"""Taking files in: to the blob store as they come, then into the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from gateway.core.errors import (
    BodyTooLargeError,
    BusyError,
    EmptyFileError,
    InvalidRequestError,
    UnsupportedTypeError,
)
from gateway.core.forms import Described, FileStart, FormEvent, TextField
from shared.blobs.names import safe_name
from shared.blobs.port import BlobTooLargeError
from shared.content_types import HEAD_BYTES, MEDIA_TYPES, DocumentType, detect_type, is_table
from shared.errors import DependencyUnavailableError, QuernError, WorkError
from shared.postgres.acceptance import UploadFacts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from uuid import UUID

    from gateway.ports import Announcer, Intake
    from shared.blobs.port import BlobStore, BlobWriter, StoredBlob
    from shared.contracts.caller import Caller
    from shared.postgres.acceptance import AcceptedUpload

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    """Limits in bytes, and how many uploads may come at once."""

    document_bytes: int
    table_bytes: int
    at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Received:
    blob: StoredBlob
    file_name: str
    kind: DocumentType


class Uploads:
    """Receives uploads."""

    def __init__(
        self,
        *,
        blobs: BlobStore,
        intake: Intake,
        announcer: Announcer,
        limits: UploadLimits,
        new_id: Callable[[], UUID],
        count_bytes: Callable[[int], None],
    ) -> None:
        self._blobs = blobs
        self._intake = intake
        self._announcer = announcer
        self._limits = limits
        self._new_id = new_id
        self._count_bytes = count_bytes
        self._running = 0

    async def receive(
        self,
        caller: Caller,
        form: AsyncIterator[FormEvent],
        describe: Callable[[Mapping[str, str]], Described],
    ) -> AcceptedUpload:
        """Store the file of a form and accept it.

        Args:
            caller: on whose behalf.
            form: the events as they come; fields may come before and behind the file.
            describe: reads the text fields.

        Raises:
            BusyError: as many uploads as allowed are coming in.
            InvalidRequestError: there is no file, or ``describe`` refuses the fields.
            EmptyFileError, UnsupportedTypeError, BodyTooLargeError: the file is refused; nothing of it is kept.
            NotFoundError: no such group.
            DependencyUnavailableError: the blob store or Postgres does not do its part.
        """
        if self._running >= self._limits.at_once:
            raise BusyError(f"{self._running} uploads are coming in already.")
        self._running += 1
        try:
            return await self._receive(caller, form, describe)
        finally:
            self._running -= 1

    async def _receive(
        self,
        caller: Caller,
        form: AsyncIterator[FormEvent],
        describe: Callable[[Mapping[str, str]], Described],
    ) -> AcceptedUpload:
        run_id = self._new_id()
        fields: dict[str, str] = {}
        received = await self._store(caller, run_id, form, fields)
        try:
            accepted = await self._intake.accept_upload(
                caller=caller, facts=_facts(run_id, received, describe(fields))
            )
        except DependencyUnavailableError:
            # It may have been accepted, with only the answer lost: the sweep of old blobs tells by the rows.
            raise
        except QuernError:
            await self._discard(received.blob)
            raise
        if accepted.status == "skipped":
            await self._discard(received.blob)
        self._announcer.announce()
        _log_accepted(caller, received, accepted)
        return accepted

    async def _store(
        self, caller: Caller, run_id: UUID, form: AsyncIterator[FormEvent], fields: dict[str, str]
    ) -> _Received:
        incoming = _Incoming(self._blobs, self._limits, caller.tenant_id, run_id)
        try:
            async for event in form:
                if isinstance(event, TextField):
                    fields[event.name] = event.text
                elif isinstance(event, FileStart):
                    incoming.begin(event)
                else:
                    await incoming.take(event)
            received = await incoming.finish()
        except BaseException:
            await incoming.abandon()
            raise
        self._count_bytes(received.blob.size_bytes)
        return received

    async def _discard(self, blob: StoredBlob) -> None:
        try:
            await self._blobs.delete(blob.uri)
        except DependencyUnavailableError as error:
            # The sweep of old blobs finds it.
            _log.warning("blob_not_removed", upload_uri=blob.uri, error=str(error))


class _Incoming:
    """One file on its way: its first bytes tell its type, and that its limit, before anything is stored."""

    def __init__(self, blobs: BlobStore, limits: UploadLimits, tenant_id: UUID, run_id: UUID) -> None:
        self._blobs = blobs
        self._limits = limits
        self._tenant_id = tenant_id
        self._run_id = run_id
        self._start: FileStart | None = None
        self._head = bytearray()
        self._kind: DocumentType | None = None
        self._writer: BlobWriter | None = None

    def begin(self, start: FileStart) -> None:
        """The file begins."""
        self._start = start

    async def take(self, data: bytes) -> None:
        """Some of its bytes."""
        if self._writer is None:
            self._head += data
            if len(self._head) >= HEAD_BYTES:
                await self._open()
        else:
            await self._write(self._writer, data)

    async def finish(self) -> _Received:
        """The form has ended; the bytes are durable when this returns."""
        if self._start is None:
            raise InvalidRequestError.at("form", "file", msg="is missing")
        if self._writer is None:
            if not self._head:
                raise EmptyFileError("The file is empty.")
            await self._open()
        if self._writer is None or self._kind is None:
            raise AssertionError("unreachable")
        blob = await self._writer.commit()
        return _Received(blob=blob, file_name=safe_name(self._start.file_name), kind=self._kind)

    async def abandon(self) -> None:
        """Remove what was stored."""
        if self._writer is not None:
            await self._writer.abort()

    async def _open(self) -> None:
        if self._start is None:
            raise AssertionError("unreachable")
        head = bytes(self._head)
        try:
            self._kind = detect_type(self._start.file_name, self._start.content_type, head)
        except WorkError as error:
            raise UnsupportedTypeError(error.sentence) from None
        table = is_table(self._kind)
        self._writer = await self._blobs.open_writer(
            tenant_id=self._tenant_id,
            run_id=self._run_id,
            file_name=self._start.file_name,
            limit_bytes=self._limits.table_bytes if table else self._limits.document_bytes,
        )
        await self._write(self._writer, head)

    async def _write(self, writer: BlobWriter, data: bytes) -> None:
        try:
            await writer.write(data)
        except BlobTooLargeError as error:
            what = "table" if self._kind is not None and is_table(self._kind) else "document"
            raise BodyTooLargeError(what, error.limit_bytes) from None


def _facts(run_id: UUID, received: _Received, described: Described) -> UploadFacts:
    return UploadFacts(
        run_id=run_id,
        file_name=received.file_name,
        group_id=described.group_id,
        title=described.title,
        version_label=described.version_label,
        content_type=MEDIA_TYPES[received.kind],
        size_bytes=received.blob.size_bytes,
        sha256=received.blob.sha256,
        upload_uri=received.blob.uri,
    )


def _log_accepted(caller: Caller, received: _Received, accepted: AcceptedUpload) -> None:
    _log.info(
        "upload_accepted",
        tenant_id=str(caller.tenant_id),
        user_id=caller.actor,
        run_id=str(accepted.run_id),
        doc_id=str(accepted.document_id),
        source_id=str(accepted.source_id),
        filename=received.file_name,
        size_bytes=received.blob.size_bytes,
        sha256=received.blob.sha256,
        upload_uri=received.blob.uri,
        content_type=MEDIA_TYPES[received.kind],
        status=accepted.status,
    )
