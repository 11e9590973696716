"""``quern search``: find, and say where it was found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quern.cli.exit_codes import ExitCode
from quern.cli.names import addresses, as_id, find_group, find_source
from quern.cli.output import plain
from quern.cli.running import UsageError
from quern.models import SearchFilters

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from rich.console import Console

    from quern.cli.running import Session
    from quern.client import Client
    from quern.models import Hit, SearchAnswer, SearchMode

SNIPPET = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for, and where; sources and groups by id or name."""

    query: str
    mode: SearchMode
    limit: int
    alpha: float | None
    sources: Sequence[str]
    groups: Sequence[str]
    documents: Sequence[UUID]
    types: Sequence[str]
    languages: Sequence[str]


async def search(session: Session, question: Question) -> ExitCode:
    """Ask and print the hits."""
    filters = await _filters(session.client, question)
    answer = await session.client.search(
        question.query, limit=question.limit, mode=question.mode, alpha=question.alpha, filters=filters
    )
    names = await addresses(session.client, (hit.source_id for hit in answer.items if hit.url is None))
    session.out.emit(answer.model_dump(mode="json"), lambda console: _show(console, answer, names))
    return ExitCode.OK


async def _filters(client: Client, question: Question) -> SearchFilters | None:
    filters = SearchFilters(
        source_ids=[await _source_id(client, text) for text in question.sources] or None,
        group_ids=[await _group_id(client, text) for text in question.groups] or None,
        document_ids=list(question.documents) or None,
        types=list(question.types) or None,
        languages=list(question.languages) or None,
    )
    return None if filters == SearchFilters() else filters


async def _source_id(client: Client, text: str) -> UUID:
    return as_id(text) or (await find_source(client, text)).id


async def _group_id(client: Client, text: str) -> UUID:
    found = await find_group(client, text)
    if found is None:
        raise UsageError(f"There is no group with the id or name {text}.")
    return found


def _show(console: Console, answer: SearchAnswer, names: Mapping[UUID, str]) -> None:
    for number, hit in enumerate(answer.items, start=1):
        console.print(
            plain(f"{number}. {hit.title or 'Untitled'}", "bold") + plain(f"  {hit.score:.3f}", "dim")
        )
        where = hit.url or names.get(hit.source_id, str(hit.source_id))
        console.print(plain(f"   {where}", "cyan"), soft_wrap=True)
        if hit.heading_path:
            console.print(plain("   " + " > ".join(hit.heading_path), "dim"), soft_wrap=True)
        console.print(plain(f"   {_snippet(hit)}"), soft_wrap=True)
    found = len(answer.items)
    what = f"{found} hit{'' if found == 1 else 's'}" if found else "Nothing was found"
    console.print(plain(f"{what} in {answer.took_ms:.0f} ms.", "dim"))


def _snippet(hit: Hit) -> str:
    text = " ".join(hit.text.split())
    return text if len(text) <= SNIPPET else text[:SNIPPET].rsplit(" ", 1)[0] + " …"
