from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_worker.core.result_parts import split
from shared.contracts.content import Chunk, Column
from shared.contracts.messages import (
    ContentReport,
    FoundLink,
    LogLine,
    PageReport,
    RefusedLink,
    ResultMessage,
    encode,
)
from shared.states import Handler

LIMIT = 8000

texts = st.text(max_size=900)


def result(chunks: list[str], markdown: str, links: list[str]) -> ResultMessage:
    return ResultMessage(
        job_id=UUID(int=1),
        epoch=1,
        tenant_id=UUID(int=2),
        handler=Handler.WEB,
        payload={"url": "u"},
        page=PageReport(
            asked_key="u", final_url="u", final_key="u", links=[FoundLink(url, url, "h") for url in links]
        ),
        content=ContentReport(
            title="t",
            content_type="text/html",
            content_hash="h",
            markdown=markdown,
            chunk_count=len(chunks),
            chunks=[
                Chunk(text=text, heading_path=("a",), hash="h", occurrence=n) for n, text in enumerate(chunks)
            ],
        ),
        logs=[LogLine(level="info", message="m")],
    )


@given(st.lists(texts, max_size=40), st.text(max_size=20_000), st.lists(texts, max_size=30))
def test_parts_hold_everything_once_in_order_and_stay_small(
    chunks: list[str], markdown: str, links: list[str]
) -> None:
    whole = result(chunks, markdown, links)
    parts = split(whole, max_bytes=LIMIT)
    assert [part.part for part in parts] == list(range(len(parts)))
    assert {part.parts for part in parts} == {len(parts)}
    assert all(len(encode(part)) <= LIMIT for part in parts)
    assert [chunk.text for part in parts if part.content for chunk in part.content.chunks] == chunks
    assert "".join(part.content.markdown for part in parts if part.content) == markdown
    assert [found.url for part in parts if part.page for found in part.page.links] == links
    ordinal = 0
    for part in parts:
        assert part.content is not None
        assert part.content.first_ordinal == ordinal
        assert part.content.chunk_count == len(chunks)
        ordinal += len(part.content.chunks)
    assert sum(len(part.logs) for part in parts) == 1


def test_a_small_result_is_one_message() -> None:
    small = result(["a"], "a", [])
    assert split(small, max_bytes=LIMIT) == [small]


@pytest.mark.parametrize(("columns", "chunks"), [(10, 40), (2000, 40), (2000, 0)])
def test_a_wide_table_still_fits_and_says_its_columns_in_every_part(columns: int, chunks: int) -> None:
    whole = result(["a text of some length " * 10] * chunks, "m" * 5000 if chunks else "", [])
    assert whole.content is not None
    named = [Column(name=f"a rather long name of a column: {n}", type="text") for n in range(columns)]
    whole = msgspec.structs.replace(whole, content=msgspec.structs.replace(whole.content, columns=named))
    parts = split(whole, max_bytes=LIMIT)
    assert parts
    assert all(len(encode(part)) <= LIMIT for part in parts)
    kept = [part.content.columns for part in parts if part.content]
    assert all(some == kept[0] for some in kept)
    assert kept[0] == named[: len(kept[0])]
    # Half a message, at least.
    assert len(kept[0]) == columns or len(msgspec.json.encode(kept[0])) > LIMIT * 0.45
    assert sum(len(part.content.chunks) for part in parts if part.content) == chunks


def test_many_links_that_are_not_followed_still_fit_and_are_all_counted() -> None:
    whole = result(["a"], "a", [])
    assert whole.page is not None
    refused = [RefusedLink(f"https://site.test/{'x' * 200}{n}", "k" * 200, "scope") for n in range(200)]
    page = msgspec.structs.replace(whole.page, refused=refused, refused_counts={"scope": 900})
    parts = split(msgspec.structs.replace(whole, page=page), max_bytes=LIMIT)
    assert all(len(encode(part)) <= LIMIT for part in parts)
    kept = [found for part in parts if part.page for found in part.page.refused]
    assert kept
    assert kept == refused[: len(kept)]
    assert parts[0].page is not None
    assert parts[0].page.refused_counts == {"scope": 900}


def test_a_failure_is_never_cut() -> None:
    whole = ResultMessage(
        job_id=UUID(int=1), epoch=1, tenant_id=UUID(int=2), handler=Handler.FILE, payload={}, skipped="scope"
    )
    assert split(whole, max_bytes=LIMIT) == [whole]
