"""Pages made to hurt: none may lose its text in silence, none may take time or memory out of proportion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.core.parse_request import ParseRequest, ParserLimits
from shared.content_types import DocumentType
from shared.errors import ErrorCode, WorkError
from support import documents
from support.documents import page_html

if TYPE_CHECKING:
    from shared.contracts.content import Parsed


def page(body: bytes) -> Parsed:
    return parse(ParseRequest(kind=DocumentType.HTML, body=body, url="https://a.example/"))


@pytest.mark.parametrize("depth", [150, 1_000, 10_000])
def test_text_in_thousands_of_elements_is_found(depth: int) -> None:
    assert "treasure" in page(documents.nested_html(depth)).chunks[0].text


def test_a_long_table_keeps_all_rows() -> None:
    parsed = page(documents.long_table_html(5_000))
    assert {int(n) for chunk in parsed.chunks for n in re.findall(r"value (\d+)", chunk.text)} == set(
        range(5_000)
    )


def test_deep_lists_keep_their_items_and_do_not_grow() -> None:
    body = documents.deep_list_html(2_000)
    parsed = page(body)
    assert all(f"item{n}" in parsed.markdown for n in (0, 1_000, 1_999))
    assert len(parsed.markdown) < 2 * len(body)


def test_deep_quotes_do_not_grow_with_the_square() -> None:
    body = page_html(body="<blockquote>q" * 2_000)
    assert len(page(body).markdown) < 20 * len(body)


@pytest.mark.parametrize(
    "body",
    [
        '<div class="' + "nav a " * 200_000 + '">text</div>',
        '<a href="' + "x" * 1_000_000 + '">text</a>',
        "<a href=x><b><i><p>" * 1_000 + "text",
        "<table><tr><td colspan=1000000 rowspan=1000000>text</td></tr></table>",
        "<font>" * 5_000 + "<p>text</p>",
        "<p>text</p><!--" + "x" * 1_000_000,
        "<p>text</p>" + "<nav>" * 5_000,
        "&lt;" * 100_000 + "<p>text</p>",
        "<svg><p>text</p></svg><p>text</p>",
        "<p>text</p>" + "<x-y:z>" * 1_000,
    ],
    ids=lambda body: body[:20],
)
def test_absurd_markup_keeps_its_text(body: str) -> None:
    assert "text" in page(page_html(body=body)).markdown


def test_a_page_of_too_many_chunks_is_refused() -> None:
    body = page_html(body="".join(f"<h2>h{n}</h2><p>text {n}</p>" for n in range(500)))
    with pytest.raises(WorkError) as caught:
        parse(ParseRequest(kind=DocumentType.HTML, body=body, limits=ParserLimits(max_chunks=100)))
    assert caught.value.code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize(
    "body", [b"\x00" * 1000, b"\xff" * 1000, b"<", b"<!", b"&#x110000;", b"\xed\xa0\x80 x"]
)
def test_garbage_is_no_crash(body: bytes) -> None:
    parsed = page(body)
    parsed.markdown.encode()
