from __future__ import annotations

import time

import pytest

from shared.patterns import (
    MAX_PATTERN_CHARS,
    InvalidPatternError,
    compile_pattern,
    compile_patterns,
    validate_pattern,
)


def test_a_pattern_is_looked_for_anywhere() -> None:
    pattern = compile_pattern(r"/docs/v\d+/.*\.html$")
    assert pattern.found_in("https://example.com/docs/v2/a.html")
    assert not pattern.found_in("https://example.com/docs/latest/a.html")
    assert not pattern.found_in("https://example.com/docs/v2/a.html?x")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("", "empty"),
        ("(", "missing"),
        ("*a", "repetition"),
        ("[z-a]", "range"),
        (r"(a)\1", "escape"),
        ("(?=a)", "look-ahead"),
        ("(?<!a)b", "look-behind"),
        ("a{1000}{1000}", "repetition"),
        ("((a{100}){100}){100}", "too large|repetition"),
        ("a" * (MAX_PATTERN_CHARS + 1), "longer"),
        ("\ud800", "valid text"),
    ],
)
def test_patterns_that_cannot_be_used_are_refused_with_a_sentence(text: str, hint: str) -> None:
    with pytest.raises(InvalidPatternError, match=hint) as caught:
        validate_pattern(text)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("text", ["(a+)+$", "(a|aa)+$", "(.*a){20}$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_pattern_runs_for_long(text: str) -> None:
    pattern = compile_pattern(text)
    before = time.process_time()
    assert not pattern.found_in("a" * 2000 + "!")
    assert time.process_time() - before < 1


def test_several_patterns() -> None:
    assert [pattern.text for pattern in compile_patterns(["a", "b"])] == ["a", "b"]
    with pytest.raises(InvalidPatternError):
        compile_patterns(["a", "("])
