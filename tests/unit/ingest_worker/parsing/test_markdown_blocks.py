from __future__ import annotations

import pytest

from ingest_worker.core.markdown_blocks import Kind, lines_of, scan


def kinds(markdown: str) -> list[tuple[str, str]]:
    return [(block.kind.value, "\n".join(block.lines)) for block in scan(markdown)]


@pytest.mark.parametrize(
    ("line", "level", "title"),
    [
        ("# A", 1, "A"),
        ("###### F ######", 6, "F"),
        ("  ## indented", 2, "indented"),
        ("## C#", 2, "C#"),
        ("##\tTab", 2, "Tab"),
    ],
)
def test_atx_headings(line: str, level: int, title: str) -> None:
    (block,) = scan(line)
    assert (block.kind, block.level, block.lines) == (Kind.HEADING, level, [title])


@pytest.mark.parametrize("line", ["#hashtag", "####### seven", "    # code", "\\# escaped"])
def test_what_only_looks_like_a_heading(line: str) -> None:
    assert [block.kind for block in scan(line)] == [Kind.TEXT]


def test_setext_headings() -> None:
    assert [(b.level, b.lines[0]) for b in scan("One\n===\n\nTwo\nlines\n-----")] == [
        (1, "One"),
        (2, "Two lines"),
    ]


@pytest.mark.parametrize("markdown", ["- item\n---", "> quote\n---", "text\n\n---\n\nmore", "* * *"])
def test_rules_are_no_headings(markdown: str) -> None:
    assert all(block.kind is not Kind.HEADING for block in scan(markdown))


def test_a_rule_separates_and_leaves_nothing() -> None:
    assert kinds("a\n\n***\n\nb") == [("text", "a"), ("text", "b")]


def test_blocks_follow_each_other_without_blank_lines() -> None:
    assert kinds("# A\ntext\n```\ncode\n```\nmore\n## B") == [
        ("heading", "A"),
        ("text", "text"),
        ("fence", "```\ncode\n```"),
        ("text", "more"),
        ("heading", "B"),
    ]


def test_a_longer_fence_holds_a_shorter_one() -> None:
    assert kinds("````\n```\n````") == [("fence", "````\n```\n````")]


def test_a_fence_of_another_kind_does_not_close() -> None:
    assert kinds("~~~\n```\n~~~") == [("fence", "~~~\n```\n~~~")]


def test_code_within_a_line_opens_no_fence() -> None:
    assert kinds("```code``` in a line") == [("text", "```code``` in a line")]


def test_fences_in_lists_and_quotes() -> None:
    assert kinds("- ```\n  code\n  ```\n- b") == [("fence", "- ```\n  code\n  ```"), ("text", "- b")]
    assert kinds("> ```\n> code\n> ```\n> q") == [("fence", "> ```\n> code\n> ```"), ("text", "> q")]


def test_tables() -> None:
    assert kinds("before\na | b\n--|--\n1 | 2\n\nafter") == [
        ("text", "before"),
        ("table", "a | b\n--|--\n1 | 2"),
        ("text", "after"),
    ]


def test_lines_of_a_long_text_are_those_of_a_short_one() -> None:
    text = "\n".join("x" * (n % 3000) for n in range(2000)) + "\n"
    assert list(lines_of(text)) == text.split("\n")
    assert list(lines_of("y" * 3_000_000 + "\nz")) == ["y" * 3_000_000, "z"]
