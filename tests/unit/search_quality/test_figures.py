from __future__ import annotations

import pytest

from search_quality.figures import figures, place
from search_quality.report import Asked, Way, holds, page, ways
from shared.vectors.port import SearchMode

HYBRID, KEYWORD, VECTOR = Way(SearchMode.HYBRID, 0.5), Way(SearchMode.KEYWORD), Way(SearchMode.VECTOR)


def asked(hybrid: list[int | None], keyword: list[int | None], vector: list[int | None]) -> Asked:
    return Asked(
        origins={"a": "somewhere"},
        pages={"a": 3},
        chunks=9,
        questions={"a": [f"question {number}" for number in range(len(hybrid))]},
        places={KEYWORD: {"a": keyword}, VECTOR: {"a": vector}, HYBRID: {"a": hybrid}},
        versions={"Weaviate": "1"},
        default=0.5,
    )


def test_the_first_answering_page_counts() -> None:
    assert place(["x", "b", "a"], frozenset("ab")) == 2
    assert place(["x"] * 10 + ["a"], frozenset("a")) is None
    assert place([], frozenset("a")) is None


def test_recall_looks_at_five_places_and_mrr_at_ten() -> None:
    found = figures([1, 5, 6, None])
    assert (found.recall, found.questions) == (0.5, 4)
    assert found.mrr == pytest.approx((1 + 1 / 5 + 1 / 6) / 4)
    with pytest.raises(ValueError, match="no question"):
        figures([])


def test_hybrid_must_not_be_worse_in_recall_and_better_in_mrr() -> None:
    assert holds(asked([1, 2], [2, 2], [1, None])) == []
    assert holds(asked([1, 2], [1, 2], [3, 3])) == ["MRR of hybrid 0.50 is 0.750, of keyword 0.750"]
    [recall] = holds(asked([1, None], [3, 4], [4, None]))
    assert recall == "recall of hybrid 0.50 is 0.50, of keyword 1.00"


def test_the_page_tells_what_does_not_hold_and_where_answers_stand() -> None:
    text = page(asked([1, None], [1, 2], [3, 3]))
    assert "- not so: recall of hybrid 0.50 is 0.50, of keyword 1.00" in text
    assert "| question 1 | 2 | 3 | – |" in text
    assert "| **hybrid 0.50** (default) | **0.50 / 0.500** | **0.50 / 0.500** |" in text


def test_every_way_is_asked_once() -> None:
    assert ways([0.1, 0.5]) == [KEYWORD, VECTOR, Way(SearchMode.HYBRID, 0.1), HYBRID]
