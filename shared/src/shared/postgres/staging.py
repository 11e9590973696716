"""Writing a result's content as a staged version: versions, chunks, their places, parts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.ids import chunk_id, version_id
from shared.postgres.sql import json_text, queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.messages import ContentReport, ResultMessage
    from shared.postgres.database import Connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """A result whose content is to be stored, with where it belongs."""

    message: ResultMessage
    job: Record
    run_seq: int
    document_id: UUID
    source_uri: str
    url: str | None

    @property
    def version_id(self) -> UUID:
        """The version that this try stages."""
        return version_id(self.message.job_id, self.message.epoch)

    @property
    def content(self) -> ContentReport:
        """The content; a result without one is never staged."""
        if self.message.content is None:
            raise ValueError("a staged result has content")
        return self.message.content

    @property
    def title(self) -> str:
        """What a person called it, else what it calls itself."""
        return self.message.payload.get("title") or self.content.title or self.source_uri


async def stage(connection: Connection, staged: Sequence[Staged]) -> list[UUID]:
    """Store versions, chunks and parts; returns the jobs whose sets of parts are complete."""
    await _add_documents(connection, staged)
    await _add_versions(connection, staged)
    await _add_chunks(connection, staged)
    complete = await add_parts(connection, [s.message for s in staged])
    several = [s.message.job_id for s in staged if s.message.parts > 1 and s.message.job_id in set(complete)]
    if several:
        await connection.execute(queries("document_versions")["join_markdown"], several)
    await connection.execute(queries("result_parts")["drop"], complete)
    return complete


async def add_parts(connection: Connection, messages: Sequence[ResultMessage]) -> list[UUID]:
    """Note that these parts are here; returns the jobs of which all are."""
    await connection.execute(
        queries("result_parts")["add"],
        [m.job_id for m in messages],
        [m.epoch for m in messages],
        [m.part for m in messages],
        [m.parts for m in messages],
        [m.tenant_id for m in messages],
        [m.content.markdown if m.content and m.parts > 1 else "" for m in messages],
    )
    jobs = [m.job_id for m in messages]
    return [row["job_id"] for row in await connection.fetch(queries("result_parts")["complete"], jobs)]


async def _add_documents(connection: Connection, staged: Sequence[Staged]) -> None:
    await connection.execute(
        queries("documents")["add"],
        [s.document_id for s in staged],
        [s.message.tenant_id for s in staged],
        [s.job["source_id"] for s in staged],
        [s.source_uri for s in staged],
        [s.title for s in staged],
        [s.url for s in staged],
        [s.content.content_type for s in staged],
    )


async def _add_versions(connection: Connection, staged: Sequence[Staged]) -> None:
    await connection.execute(
        queries("document_versions")["stage"],
        [s.version_id for s in staged],
        [s.message.tenant_id for s in staged],
        [s.job["source_id"] for s in staged],
        [s.document_id for s in staged],
        [s.message.job_id for s in staged],
        [s.message.epoch for s in staged],
        [s.run_seq for s in staged],
        [s.message.payload.get("version_label") for s in staged],
        [s.content.content_hash for s in staged],
        [s.source_uri for s in staged],
        [s.title for s in staged],
        [s.url for s in staged],
        [s.content.content_type for s in staged],
        [s.content.language for s in staged],
        [s.content.markdown if s.message.parts == 1 else "" for s in staged],
        [json_text(s.content.columns) for s in staged],
        [s.content.pages for s in staged],
        [s.content.chunk_count for s in staged],
    )


async def _add_chunks(connection: Connection, staged: Sequence[Staged]) -> None:
    # One chunk can stand in two versions of a batch: the first writes it, so each id may come once only.
    chunks: dict[UUID, tuple[Any, ...]] = {}
    places: list[tuple[Any, ...]] = []
    for s in staged:
        tenant, source = s.message.tenant_id, s.job["source_id"]
        version = s.version_id
        for ordinal, chunk in enumerate(s.content.chunks, start=s.content.first_ordinal):
            key = chunk_id(s.document_id, chunk.hash, chunk.occurrence)
            chunks[key] = (key, tenant, source, s.document_id, json_text(chunk.heading_path), chunk.text)
            places.append((version, ordinal, key, tenant, chunk.page, chunk.row))
    if not places:
        return
    # In id order, so that two transactions that meet the same chunks cannot wait for each other in a circle.
    rows = [chunks[key] for key in sorted(chunks)]
    await connection.execute(queries("chunks")["add"], *(list(column) for column in zip(*rows, strict=True)))
    await connection.execute(
        queries("version_chunks")["add"], *(list(column) for column in zip(*places, strict=True))
    )
