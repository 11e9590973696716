from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.highlights import MOST, highlights, terms


def marked(query: str, text: str) -> list[str]:
    return [text[start:end] for start, end in highlights(text, terms(query))]


@pytest.mark.parametrize(
    ("query", "text", "words"),
    [
        ("install", "Install it. INSTALL! uninstall", ["Install", "INSTALL"]),
        ("the install of it", "the installation: install it", ["install"]),
        ("shared_buffers", "set shared_buffers, not the buffers", ["shared", "buffers", "buffers"]),
        ("40001", "error 40001, not 400010", ["40001"]),
        ("straße", "Die Straße, die STRASSE", ["Straße"]),
        ("検索", "全文検索エンジン", ["検索"]),
        ("検索 全文検索", "全文検索", ["全文検索"]),
        ("to be", "to be or not to be", []),
        ("", "text", []),
        ("?!", "text ?!", []),
    ],
)
def test_words_that_were_asked_for_are_marked(query: str, text: str, words: list[str]) -> None:
    assert marked(query, text) == words


def test_html_in_a_text_stays_text() -> None:
    text = "<script>alert('install')</script>"
    assert highlights(text, terms("install")) == [(15, 22)]


def test_marks_have_a_bound() -> None:
    assert len(highlights("word " * 500, terms("word"))) == MOST


@given(st.text(max_size=40), st.text(max_size=200))
def test_marks_are_in_order_inside_of_the_text_and_apart(query: str, text: str) -> None:
    end = 0
    for mark in highlights(text, terms(query + " " + text[:10])):
        assert end <= mark[0] < mark[1] <= len(text)
        end = mark[1]
