from __future__ import annotations

import pytest

from ingest_worker.core.markdown_inline import (
    front_matter_language,
    front_matter_title,
    link_targets,
    plain_title,
    readable,
    split_front_matter,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a](b)", "a"),
        ("[a](<b c>)", "a"),
        ('[a](b "t")', "a"),
        ("[a](b(c)d)", "a"),
        ("[[1]](#ref)", "[1]"),
        ("[![alt](i.png)](b)", "alt"),
        ("a [b] (c)", "a [b] (c)"),
        ("f(x)[0](y z)", "f(x)[0](y z)"),
        (r"path C:\\temp", r"path C:\\temp"),
        ("line  \nbreak", "line\nbreak"),
    ],
)
def test_readable(text: str, expected: str) -> None:
    assert readable(text) == expected


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("**Bold** and *soft*", "Bold and soft"),
        ("snake_case_name", "snake_case_name"),
        (r"snake\_case", "snake_case"),
        ("`C:\\temp`", "C:\\temp"),
        ("Title ¶", "Title"),
        ("a * b * c", "a * b * c"),
    ],
)
def test_plain_title(title: str, expected: str) -> None:
    assert plain_title(title) == expected


def test_link_targets_come_in_order_and_without_images() -> None:
    assert list(link_targets("<https://a.example/> [x](/b) ![i](/i.png) [y](<c d>)")) == [
        "https://a.example/",
        "/b",
        "c d",
    ]


def test_front_matter() -> None:
    front, rest = split_front_matter('---\ntitle: "My page"\nlang: de\n---\n# H\n')
    assert front_matter_title(front) == "My page"
    assert front_matter_language(front) == "de"
    assert rest == "# H\n"


@pytest.mark.parametrize(
    "markdown", ["---\n\ntext\n\n---\n", "text\n---\ntitle: x\n---\n", "---\ntitle: never ends\n"]
)
def test_what_is_no_front_matter_stays(markdown: str) -> None:
    assert split_front_matter(markdown) == ("", markdown)
