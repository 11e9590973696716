from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ingest_worker.adapters.parsers.dispatch import parse
from ingest_worker.core.parse_request import ParseRequest
from ingest_worker.core.text_cleaning import tidy
from shared.content_types import DocumentType
from shared.errors import ErrorCode, WorkError

if TYPE_CHECKING:
    from shared.contracts.content import Parsed


def markdown(body: str, **more: Any) -> Parsed:
    return parse(ParseRequest(kind=DocumentType.MARKDOWN, body=body.encode(), **more))


def text(body: bytes, **more: Any) -> Parsed:
    return parse(ParseRequest(kind=DocumentType.TEXT, body=body, **more))


def test_markdown_with_front_matter() -> None:
    parsed = markdown("---\ntitle: Guide\nlanguage: fr\n---\n\n## Part\n\nbody\n")
    assert (parsed.title, parsed.language) == ("Guide", "fr")
    assert [(chunk.heading_path, chunk.text) for chunk in parsed.chunks] == [(("Guide", "Part"), "body")]
    assert parsed.markdown == "## Part\n\nbody"


@pytest.mark.parametrize(
    ("body", "title"),
    [
        ("# Heading\n\nx", "Heading"),
        ("Setext\n======\n\nx", "Setext"),
        ("intro first\n\n# Heading", "Heading"),
        ("## Not a title\n\nx", "notes"),
        ("x", "notes"),
    ],
)
def test_markdown_titles(body: str, title: str) -> None:
    assert markdown(body, filename="notes.md").title == title


def test_links_of_a_markdown_page() -> None:
    parsed = markdown(
        "# Site\n\n- [A](/a): first\n- [B](b.md#part)\n- <https://c.example/>\n",
        url="https://a.example/llms.txt",
    )
    assert parsed.links == ["https://a.example/a", "https://a.example/b.md", "https://c.example/"]


def test_links_of_a_markdown_file_lead_nowhere() -> None:
    assert markdown("[A](/a)", filename="a.md").links == []


def test_windows_line_ends() -> None:
    parsed = markdown("# A\r\n\r\n```\r\ncode\r\n```\r\n")
    assert parsed.chunks[0].text == "```\ncode\n```"


def test_plain_text_is_chunked_by_paragraphs_under_its_name() -> None:
    parsed = text(b"# one\n\ntwo\n", filename="letter to Ada.txt")
    assert parsed.title == "letter to Ada"
    assert [(chunk.heading_path, chunk.text) for chunk in parsed.chunks] == [
        (("letter to Ada",), "# one\n\ntwo")
    ]


def test_chunk_size_is_what_was_asked_for() -> None:
    parsed = text(b"word " * 1000, chunk_characters=200)
    assert max(len(chunk.text) for chunk in parsed.chunks) <= 200


@pytest.mark.parametrize("kind", [DocumentType.TEXT, DocumentType.MARKDOWN])
def test_binary_under_a_text_name_is_corrupt(kind: DocumentType) -> None:
    with pytest.raises(WorkError) as caught:
        parse(ParseRequest(kind=kind, body=bytes(range(256)) * 10))
    assert caught.value.code is ErrorCode.CORRUPT_FILE


@pytest.mark.parametrize("body", [b"", b"  \n\n \t", b"---\ntitle: x\n---\n", "\ufeff".encode()])
def test_nothing_to_find_is_empty(body: bytes) -> None:
    with pytest.raises(WorkError) as caught:
        parse(ParseRequest(kind=DocumentType.MARKDOWN, body=body))
    assert caught.value.code is ErrorCode.EMPTY_CONTENT


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("a\r\nb\rc\u2028d\x0ce", "a\nb\nc\nd\ne"),
        ("co\u00adoperate zero\u200bwidth", "cooperate zerowidth"),
        ("nul\x00 bell\x07", "nul bell"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("thin\u2009space no\u00a0break", "thin space no break"),
        (
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
            "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        ),
    ],
)
def test_tidy(raw: str, clean: str) -> None:
    assert tidy(raw) == clean
