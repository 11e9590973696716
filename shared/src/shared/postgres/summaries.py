"""Texts to be summarised, and their summaries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from shared.postgres.locks import lock_sources
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from shared.contracts.errands import Errand
    from shared.postgres.database import Connection, Database
    from shared.postgres.errands import PostgresErrands


@dataclass(frozen=True, slots=True, kw_only=True)
class TextToSummarise:
    """The served version of a document; without a version where nothing of it is served (any more)."""

    document_id: UUID
    source_id: UUID | None
    version_id: UUID | None
    title: str | None
    language: str | None
    markdown: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSummary:
    """What was made of it: from its own sentences, or by a model."""

    text: str
    method: Literal["extractive", "model"]
    model: str | None = None


class PostgresSummaries:
    """Each method is one transaction."""

    def __init__(self, *, database: Database, errands: PostgresErrands, characters: int) -> None:
        """``characters`` of a document are read at most."""
        self._database = database
        self._errands = errands
        self._characters = characters

    async def count(self, errand: Errand) -> int:
        """How many documents the errand is about."""
        ids = document_ids(errand)
        if ids is not None:
            return len(ids)

        async def work(connection: Connection) -> int:
            arguments = (errand.tenant_id, UUID(errand.payload["source_id"]))
            return int(
                await connection.fetchval(queries("document_summaries")["count_of_source"], *arguments)
            )

        return await self._database.run(work)

    async def next(self, errand: Errand, *, after: UUID) -> TextToSummarise | None:
        """The errand's next document in the order of ids; None where there is none behind ``after``."""
        ids = document_ids(errand)
        name = "next_of_source" if ids is None else "next_of_list"
        about = UUID(errand.payload["source_id"]) if ids is None else ids

        async def work(connection: Connection) -> TextToSummarise | None:
            row = await connection.fetchrow(
                queries("document_summaries")[name], errand.tenant_id, about, after, self._characters
            )
            return None if row is None else TextToSummarise(**row)

        return await self._database.run(work)

    async def store(self, errand: Errand, text: TextToSummarise, summary: NewSummary) -> bool:
        """Keep a summary, and note how far the errand is with it; False where that is not this process's any more."""

        async def work(connection: Connection) -> bool:
            await lock_sources(connection, [text.source_id] if text.source_id else [])
            if await self._errands.hold(connection, errand) is None:
                return False
            await connection.execute(
                queries("document_summaries")["put"],
                text.document_id,
                text.version_id,
                errand.id,
                summary.method,
                summary.model,
                summary.text,
            )
            await self._errands.note(connection, errand)
            return True

        return await self._database.run(work)


def document_ids(errand: Errand) -> list[UUID] | None:
    """The documents that a summarizer names, each once; None where it names a source."""
    named = errand.payload.get("document_ids")
    return None if named is None else sorted({UUID(one) for one in named})
