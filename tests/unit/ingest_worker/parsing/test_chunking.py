from __future__ import annotations

import pytest

from ingest_worker.core.chunking import MAX_TITLE, ChunkBuilder, chunk_markdown, chunk_text
from shared.content import chunk_hash
from shared.errors import ErrorCode, WorkError


def chunks(markdown: str, *, limit: int = 1000, root: str = "") -> list[tuple[tuple[str, ...], str]]:
    return list(chunk_markdown(markdown, limit=limit, root=root))


def test_each_section_is_a_chunk_under_its_headings() -> None:
    assert chunks("intro\n\n# A\n\na\n\n## B\n\nb\n\n# C\n\nc") == [
        ((), "intro"),
        (("A",), "a"),
        (("A", "B"), "b"),
        (("C",), "c"),
    ]


def test_the_title_heads_the_path_where_no_level_one_heading_does() -> None:
    assert chunks("x\n\n## B\n\nb\n\n# A\n\na", root="Title") == [
        (("Title",), "x"),
        (("Title", "B"), "b"),
        (("A",), "a"),
    ]


def test_a_title_that_is_repeated_as_a_heading_stands_once() -> None:
    assert chunks("## Title\n\nx", root="Title") == [(("Title",), "x")]


def test_skipped_levels_leave_no_holes() -> None:
    assert chunks("# A\n\n#### D\n\nd\n\n## B\n\nb") == [(("A", "D"), "d"), (("A", "B"), "b")]


def test_headings_without_text_become_text_of_the_section_around_them() -> None:
    assert chunks("# API\n\ntext\n\n## one\n\n## two\n\n## three\n\nbody") == [
        (("API",), "text"),
        (("API",), "one\ntwo"),
        (("API", "three"), "body"),
    ]


def test_a_heading_above_sub_headings_is_no_chunk_of_its_own() -> None:
    assert chunks("# A\n\n## B\n\n### C\n\nc") == [(("A", "B", "C"), "c")]


def test_a_document_of_headings_alone_is_found() -> None:
    assert chunks("# A\n\n# B") == [((), "A\nB")]


def test_headings_lose_markup_links_and_permalinks() -> None:
    markdown = "## The `run()` **method** of [this](https://a.example/x)[¶](#run)\n\nx"
    assert chunks(markdown) == [(("The run() method of this",), "x")]


def test_a_heading_as_long_as_a_page_keeps_its_words_in_the_text() -> None:
    title = "word " * 500
    found = chunks("# " + title + "\n\nbody")
    assert all(len(path[0]) <= MAX_TITLE for path, _ in found)
    assert "".join(text for _, text in found).count("word") == 500


def test_paragraphs_are_packed_until_the_limit() -> None:
    assert [len(text) for _, text in chunks("\n\n".join(["x" * 40] * 5), limit=100)] == [82, 82, 40]


def test_a_long_paragraph_is_cut_after_a_sentence() -> None:
    text = "This is the first sentence of them all, and long. " * 5
    assert all(piece.endswith("long.") for _, piece in chunks(text, limit=120))


def test_a_lead_in_goes_with_the_code_it_announces() -> None:
    code = "```\n" + "x = 1\n" * 10 + "```"
    found = chunks("a" * 50 + "\n\nFor example:\n\n" + code, limit=110)
    assert found[1][1] == "For example:\n\n" + code


def test_long_code_is_cut_at_lines_and_fenced_again() -> None:
    markdown = "```python\n" + "\n".join(f"line_{n} = {n}" for n in range(40)) + "\n```"
    found = [text for _, text in chunks(markdown, limit=120)]
    assert all(text.startswith("```python\n") and text.endswith("\n```") for text in found)
    lines = [line for text in found for line in text.split("\n")[1:-1]]
    assert lines == [f"line_{n} = {n}" for n in range(40)]


def test_code_that_is_never_closed_is_closed_in_its_chunk() -> None:
    assert chunks("```\n# no heading\nx") == [((), "```\n# no heading\nx\n```")]


def test_headings_inside_code_are_code() -> None:
    assert chunks("# A\n\n```sh\n# comment\n```") == [(("A",), "```sh\n# comment\n```")]


def test_a_fence_with_an_absurd_opening_is_still_cut_within_the_limit() -> None:
    markdown = "```" + "info" * 100 + "\n" + "code\n" * 100 + "```"
    assert all(len(text) <= 100 for _, text in chunks(markdown, limit=100))
    assert sum(text.count("code") for _, text in chunks(markdown, limit=100)) == 100


def test_code_in_a_quote_ends_with_the_quote() -> None:
    assert chunks("> ```\n> code\n\n# A\n\ntext") == [((), "> ```\n> code\n> ```"), (("A",), "text")]


def test_a_long_table_repeats_its_header() -> None:
    rows = "\n".join(f"| {n} | value number {n} |" for n in range(30))
    found = [text for _, text in chunks("| id | value |\n| --- | --- |\n" + rows, limit=150)]
    assert len(found) > 3
    assert all(text.startswith("| id | value |\n| --- | --- |\n") for text in found)
    assert "\n".join("\n".join(text.split("\n")[2:]) for text in found) == rows


def test_a_list_is_cut_between_its_items() -> None:
    markdown = "\n".join(f"- item {n} says something\n  over two lines" for n in range(10))
    assert all(text.startswith("- item") for _, text in chunks(markdown, limit=100))


def test_link_targets_are_not_part_of_a_chunk() -> None:
    assert chunks('See [the docs](https://a.example/x_(y) "title") and ![a picture](b.png).') == [
        ((), "See the docs and a picture.")
    ]


def test_a_limit_too_small_for_fences_is_refused() -> None:
    with pytest.raises(ValueError, match="100 characters"):
        chunks("x", limit=99)


def test_plain_text_has_no_headings_or_fences() -> None:
    assert list(chunk_text("# not a heading\n\n```\n\nx", limit=100)) == ["# not a heading\n\n```\n\nx"]


def test_a_chunk_is_hashed_with_its_path() -> None:
    builder = ChunkBuilder(max_chunks=10)
    builder.add(("A", "B"), "text", page=3)
    chunk = builder.chunks[0]
    assert chunk.hash == chunk_hash(("A", "B"), "text")
    assert (chunk.page, chunk.row, chunk.occurrence) == (3, None, 0)


def test_too_many_chunks_are_refused() -> None:
    builder = ChunkBuilder(max_chunks=2)
    builder.add((), "a")
    builder.add((), "b")
    with pytest.raises(WorkError) as caught:
        builder.add((), "c")
    assert caught.value.code is ErrorCode.TOO_LARGE
    assert not caught.value.retryable


@pytest.mark.parametrize(
    "markdown",
    [
        "x" * 10_000_000,
        "word " * 2_000_000,
        "# h\n" * 200_000,
        "a\n===\n" * 100_000,
        "> " * 500_000,
        "[" * 500_000,
        "[a](" * 200_000,
        "|" * 500_000 + "\n" + "|-" * 250_000,
        " " * 5_000_000 + "x",
        "\n" * 5_000_000 + "x",
        "`" * 1_000_000,
        "- " * 300_000,
        ("*a" * 500) + "\n===\n",
    ],
    ids=lambda text: f"{len(text)} of {text[:3]!r}",
)
def test_time_grows_no_faster_than_the_document(markdown: str) -> None:
    # With quadratic time each of these would take hours; the suite's time limit ends the test then.
    found = chunks(markdown)
    assert all(len(text) <= 1000 for _, text in found)
