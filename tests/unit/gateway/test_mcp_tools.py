"""What assistants are told, without a world behind it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, cast
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from gateway.http.mcp import texts
from gateway.http.mcp.calling import Calling
from gateway.http.mcp.models import DocumentPart, Passage, Passages, Piece
from gateway.http.mcp.schemas import of_arguments, of_result
from gateway.http.mcp.tools import Tool, Tools, table
from gateway.http.models.common import Input, NoBody, NoQuery
from gateway.http.models.documents import Chunk
from gateway.http.models.search import Duplicate, Neighbours
from gateway.http.route import Call
from shared.errors import DependencyUnavailableError
from shared.postgres.intake_errors import NotFoundError
from unit.gateway.rows import CALLER, an_id

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

TABLE = table(cast("Tools", Mock()))
CALL: Call[Any, Any] = Call(
    caller=CALLER, ids={}, query=NoQuery(), body=NoBody(), request=make_mocked_request("POST", "/mcp")
)
TEXT = st.text(max_size=300)


class Given(Input):
    """Anything."""

    number: int = Field(1, le=9)
    word: str | None = None


class Said(BaseModel):
    """Anything."""

    word: str = "fine"


def tool(run: Callable[[Any, Any], Awaitable[Said]]) -> Tool[Given, Said]:
    return Tool(
        name="speak",
        title="Speak",
        description="Speaks.",
        arguments=Given,
        result=Said,
        run=run,
        text=lambda said: said.word,
    )


async def outcome(
    run: Callable[[Any, Any], Awaitable[Said]], arguments: dict[str, Any]
) -> tuple[str, str, Any]:
    seen: list[str] = []
    speak = tool(run)
    calling = Calling([speak], lambda _tool, outcome, _seconds: seen.append(outcome))
    answer = await calling.run(CALL, speak, arguments)
    assert seen == [answer.outcome]
    return answer.outcome, answer.text, answer.structured


async def fine(call: Any, given: Given) -> Said:
    assert call.caller is CALLER
    return Said(word=f"fine {given.number}")


def failing(error: Exception) -> Callable[[Any, Any], Awaitable[Said]]:
    async def run(_call: Any, _given: Any) -> Said:
        raise error

    return run


async def test_an_answer_is_text_and_structure() -> None:
    assert await outcome(fine, {"number": 2}) == ("ok", "fine 2", {"word": "fine 2"})


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        ({"number": "2"}, "number"),
        ({"number": float("inf")}, "arguments"),
        ({"word": "\ud800"}, "arguments"),
        ({"word": "a\x00"}, "word"),
        ({"number": 10**30}, "number"),
        ({"colour": "red"}, "colour"),
        ({"word": {"a": [[]] * 10}}, "word"),
    ],
)
async def test_arguments_that_do_not_fit_are_named(arguments: dict[str, Any], place: str) -> None:
    code, text, structured = await outcome(fine, arguments)
    assert (code, structured) == ("validation_error", None)
    assert text.startswith(f"The arguments of speak are not right. {place}: ")


async def test_arguments_too_deep_to_be_read_are_refused() -> None:
    deep: Any = {}
    for _ in range(900):
        deep = {"a": deep}
    code, _text, _structured = await outcome(fine, deep)
    assert code == "validation_error"


async def test_a_problem_is_told_with_what_to_do() -> None:
    code, text, _ = await outcome(failing(NotFoundError("document")), {})
    assert (code, text.split(". ")[0]) == ("not_found", "There is no such document")
    assert "list_documents" in text
    code, text, _ = await outcome(failing(DependencyUnavailableError("postgres", "at 10.0.0.1")), {})
    assert code == "dependency_unavailable"
    assert text == "postgres does not answer now. Try again in some seconds."


async def test_what_nobody_foresaw_is_told_without_its_words() -> None:
    code, text, structured = await outcome(failing(LookupError("secret")), {})
    assert (code, structured) == ("internal_error", None)
    assert "secret" not in text
    assert CALLER.request_id in text


def fields(schema: Any) -> list[dict[str, Any]]:
    """All schemas in a schema."""
    if isinstance(schema, list):
        return [found for item in schema for found in fields(item)]
    if not isinstance(schema, dict):
        return []
    return [schema, *(found for item in schema.values() for found in fields(item))]


@pytest.mark.parametrize("known", TABLE, ids=lambda known: known.name)
def test_schemas_are_plain_and_valid(known: Tool[Any, Any]) -> None:
    for schema in (of_arguments(known.arguments), of_result(known.result)):
        Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object"
        assert not [found for found in fields(schema) if "$ref" in found or "$defs" in found]
    arguments = of_arguments(known.arguments)
    assert not [found for found in fields(arguments) if found.get("type") == "null"]
    assert set(arguments["properties"]) == set(known.arguments.model_fields)
    assert set(of_result(known.result)["properties"]) == set(known.result.model_fields)


def hit(text: str, **changes: Any) -> Passage:
    values: dict[str, Any] = {
        "chunk_id": an_id(1),
        "text": text,
        "score": 0.5,
        "title": "Guide",
        "url": "https://docs.example.org/guide",
        "heading_path": ["Install", "On Linux"],
        "source_id": an_id(2),
        "document_id": an_id(3),
        "version_id": an_id(4),
        "ordinal": 7,
        "duplicates": [],
        "neighbours": None,
    }
    return Passage(**(values | changes))


def test_a_hit_says_where_it_comes_from() -> None:
    said = texts.passages(Passages(items=[hit("Take a wrench.")], next_offset=None))
    assert "[1] Guide > Install > On Linux\nhttps://docs.example.org/guide\n" in said
    assert f"document_id: {an_id(3)}, ordinal: 7" in said
    assert "```text\nTake a wrench.\n```" in said


def test_a_hit_stands_between_its_neighbours_and_names_its_copies() -> None:
    def chunk(ordinal: int, text: str) -> Chunk:
        return Chunk(chunk_id=an_id(9), ordinal=ordinal, text=text, heading_path=[], page=None, row=None)

    copy = {"chunk_id": an_id(5), "document_id": an_id(6), "source_id": an_id(7), "title": "Copy"}
    found = hit(
        "seven",
        neighbours=Neighbours(before=[chunk(6, "six")], after=[chunk(8, "eight")]),
        duplicates=[Duplicate(**copy, url="https://b.test/"), Duplicate(**copy, url=None)],
    )
    said = texts.passages(Passages(items=[found], next_offset=10))
    assert "```text\nsix\n\nseven\n\neight\n```" in said
    assert "also in: https://b.test/, Copy\n" in said
    assert said.endswith("go on with offset=10.")


def test_no_hit_says_what_to_try() -> None:
    assert texts.passages(Passages(items=[], next_offset=None)).startswith(
        "Nothing was found. Try other words"
    )


@given(text=TEXT | st.text("`~\n ", max_size=60))
def test_no_text_gets_out_of_its_fences(text: str) -> None:
    fenced = texts.fenced(text)
    fence = re.match(r"`+", fenced)
    assert fence is not None
    inside = fenced.removeprefix(f"{fence[0]}text\n").removesuffix(f"\n{fence[0]}")
    assert inside == text
    assert fence[0] not in inside


@given(title=TEXT, url=st.none() | TEXT, path=st.lists(TEXT, max_size=3))
def test_titles_and_addresses_stay_on_their_lines(title: str, url: str | None, path: list[str]) -> None:
    found = hit("quoted", title=title, url=url, heading_path=path)
    lines = texts.passages(Passages(items=[found], next_offset=None)).split("\n")
    assert lines[-5:] == ["```text", "quoted", "```", "", "This is the end."]
    assert len(lines) == 2 + 3 + 3 + 2
    assert not [line for line in lines if line.splitlines() not in ([line], [])]


def piece(ordinal: int, text: str, *path: str, page: int | None = None) -> Piece:
    return Piece(ordinal=ordinal, heading_path=list(path), text=text, page=page, row=None)


def test_pieces_stand_under_their_headings_and_pages() -> None:
    items = [piece(3, "one", "A", page=1), piece(4, "two", "A", page=2), piece(5, "three", "A", "B", page=2)]
    read = DocumentPart(
        document_id=an_id(3),
        source_id=an_id(2),
        version_id=an_id(4),
        title="Guide",
        url=None,
        status="active",
        items=items,
        total=9,
        next_offset=6,
    )
    said = texts.part(read)
    assert said.startswith(f"Guide\nan uploaded file\ndocument_id: {an_id(3)}\nPieces 3 to 5 of 9. ")
    assert "```text\n[page 1]\n\n# A\n\none\n\n[page 2]\n\ntwo\n\n# A > B\n\nthree\n```" in said
    assert said.endswith("There is more: go on with offset=6.")
