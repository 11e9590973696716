from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.core.paged_text import Entry, OutlinePath, drop_running_lines, parts_of
from ingest_worker.core.parse_request import ParseRequest, ParserLimits
from ingest_worker.core.text_cleaning import join_soft_hyphens
from shared.content_types import DocumentType
from shared.errors import ErrorCode, WorkError
from support import documents

if TYPE_CHECKING:
    from pathlib import Path

    from shared.contracts.content import Parsed


def pdf(body: bytes, *, limits: ParserLimits | None = None) -> Parsed:
    return parse(
        ParseRequest(
            kind=DocumentType.PDF, body=body, filename="valve-manual.pdf", limits=limits or ParserLimits()
        )
    )


def test_pages_that_say_nothing_but_what_repeats_are_kept() -> None:
    parsed = pdf(documents.pdf([f"Ticket {n} of the fair" for n in range(1, 9)]))
    assert [chunk.page for chunk in parsed.chunks] == list(range(1, 9))


def test_outline_pages_and_running_lines() -> None:
    parsed = pdf(documents.manual_pdf(12))
    assert parsed.title == "The Example Handbook"
    assert parsed.pages == 12
    last = parsed.chunks[-1]
    assert last.heading_path == ("The Example Handbook", "Chapter 12", "Wiring 12")
    assert last.page == 12
    assert last.text == "The blue cable of valve 12 is connected first.\nThe red cable of valve 12 follows."
    assert [chunk.page for chunk in parsed.chunks] == [n for n in range(1, 13) for _ in range(2)]
    assert "## Chapter 3\n\nThis chapter is about valve 3.\n\n### Wiring 3" in parsed.markdown


def test_without_an_outline_the_name_heads_the_path() -> None:
    parsed = pdf(documents.pdf(["One.", "", "Three."]))
    assert [(chunk.heading_path, chunk.page, chunk.text) for chunk in parsed.chunks] == [
        (("valve-manual",), 1, "One."),
        (("valve-manual",), 3, "Three."),
    ]


def test_a_page_longer_than_a_chunk_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    path.write_bytes(documents.pdf(["\n".join(f"Line {n} of the page ends here." for n in range(60))]))
    parsed = parse(ParseRequest(kind=DocumentType.PDF, path=path, chunk_characters=300))
    assert len(parsed.chunks) > 5
    assert all(len(chunk.text) <= 300 and chunk.page == 1 for chunk in parsed.chunks)


@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        (documents.encrypted_pdf(), ErrorCode.ENCRYPTED, "password"),
        (documents.truncated_pdf(), ErrorCode.CORRUPT_FILE, "damaged"),
        (b"%PDF-1.7 and nothing else", ErrorCode.CORRUPT_FILE, "damaged"),
        (b"no PDF at all", ErrorCode.CORRUPT_FILE, "damaged"),
        (documents.PNG, ErrorCode.CORRUPT_FILE, "another kind"),
        (documents.scanned_pdf(), ErrorCode.EMPTY_CONTENT, "OCR"),
        (b"", ErrorCode.EMPTY_CONTENT, "empty"),
    ],
)
def test_what_cannot_be_read(body: bytes, code: ErrorCode, word: str) -> None:
    with pytest.raises(WorkError, match=word) as caught:
        pdf(body)
    assert caught.value.code is code
    assert not caught.value.retryable


def test_too_many_pages() -> None:
    with pytest.raises(WorkError, match="3 pages; 2 are allowed") as caught:
        pdf(documents.pdf(["a"] * 3), limits=ParserLimits(max_pages=2))
    assert caught.value.code is ErrorCode.TOO_LARGE


def test_the_file_is_not_held_whole(tmp_path: Path) -> None:
    missing = tmp_path / "gone.pdf"
    with pytest.raises(OSError, match="gone"):
        parse(ParseRequest(kind=DocumentType.PDF, path=missing))


def test_running_lines_need_to_run() -> None:
    pages = [f"The Book\nChapter\nText {n}\nmore {n}\nend\n{n}" for n in range(9)]
    assert drop_running_lines(pages) == [f"Text {n}\nmore {n}" for n in range(9)]
    assert drop_running_lines(pages[:3]) == pages[:3]


def test_parts_of_a_page() -> None:
    page = "tail of the last\n2.1 Second\nPart\nbody two\nThird words in a line\nThird\nbody three"
    second, third = Entry("Second Part", 1, 0), Entry("Third", 1, 0)
    assert [(part.entry, part.text) for part in parts_of(page, [second, third])] == [
        (None, "tail of the last"),
        (second, "body two\nThird words in a line"),
        (third, "body three"),
    ]


def test_a_title_that_is_not_on_its_page_loses_no_text() -> None:
    lost = Entry("Nowhere", 0, 0)
    assert [(part.entry, part.text) for part in parts_of("body", [lost])] == [(lost, "body")]


def test_outline_path_follows_levels() -> None:
    path = OutlinePath("Book")
    path.enter(Entry("One", 0, 0))
    path.enter(Entry("One.One", 1, 0))
    path.enter(Entry("Two", 0, 3))
    assert path.titles() == ("Book", "Two")


def test_hyphenated_words_are_put_together() -> None:
    assert join_soft_hyphens("hyphen\ufffe\r\nated and plain-\nly") == "hyphenated and plain-\nly"
