"""``quern search``: find, and say where it was found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

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
_space = re.compile(r"\s+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is looked for, and where; sources and groups by id or name."""

    query: str
    mode: SearchMode
    limit: int
    offset: int
    neighbours: int
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
        question.query,
        limit=question.limit,
        mode=question.mode,
        alpha=question.alpha,
        filters=filters,
        offset=question.offset,
        neighbours=question.neighbours,
    )
    names = await addresses(session.client, (hit.source_id for hit in answer.items if hit.url is None))
    session.out.emit(answer.model_dump(mode="json"), lambda console: _show(console, answer, names, question))
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


def _show(console: Console, answer: SearchAnswer, names: Mapping[UUID, str], question: Question) -> None:
    for number, hit in enumerate(answer.items, start=question.offset + 1):
        console.print(
            plain(f"{number}. {hit.title or 'Untitled'}", "bold") + plain(f"  {hit.score:.3f}", "dim")
        )
        where = hit.url or names.get(hit.source_id, str(hit.source_id))
        console.print(plain(f"   {where}", "cyan"), soft_wrap=True)
        if hit.heading_path:
            console.print(plain("   " + " > ".join(hit.heading_path), "dim"), soft_wrap=True)
        _show_text(console, hit)
    found = len(answer.items)
    what = f"{found} hit{'' if found == 1 else 's'}" if found else "Nothing was found"
    further = f" More: --offset {question.offset + question.limit}." if answer.more and found else ""
    console.print(plain(f"{what} in {answer.took_ms:.0f} ms.{further}", "dim"))


def _show_text(console: Console, hit: Hit) -> None:
    around = hit.neighbours
    for chunk in around.before if around else ():
        console.print(plain("   " + _cut(chunk.text), "dim"), soft_wrap=True)
    console.print(Text("   ") + _snippet(hit), soft_wrap=True)
    for chunk in around.after if around else ():
        console.print(plain("   " + _cut(chunk.text), "dim"), soft_wrap=True)
    if hit.duplicates:
        first = hit.duplicates[0]
        others = f" and {len(hit.duplicates) - 1} more" if len(hit.duplicates) > 1 else ""
        where = first.url or first.title or str(first.document_id)
        console.print(plain(f"   The same in {where}{others}", "dim"), soft_wrap=True)


def _snippet(hit: Hit) -> Text:
    """The beginning of a hit, or what is around its first word of the question where that stands further down."""
    marks = [(mark.start, mark.end) for mark in hit.highlights]
    first = marks[0][0] if marks else 0
    start = 0 if first < SNIPPET // 2 else first - SNIPPET // 4
    end = min(len(hit.text), start + SNIPPET)
    shown = Text("… " if start else "")
    at = start
    for left, right in (mark for mark in marks if start <= mark[0] and mark[1] <= end):
        shown += plain(_one_line(hit.text[at:left])) + plain(hit.text[left:right], "bold yellow")
        at = right
    return shown + plain(_one_line(hit.text[at:end]) + (" …" if end < len(hit.text) else ""))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SNIPPET else line[:SNIPPET].rsplit(" ", 1)[0] + " …"


def _one_line(text: str) -> str:
    return _space.sub(" ", text)
