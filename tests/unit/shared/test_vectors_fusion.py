from __future__ import annotations

import random
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from shared.vectors.fusion import WINDOW, fuse
from shared.vectors.port import Hit

if TYPE_CHECKING:
    from collections.abc import Sequence


def hit(number: int, score: float) -> Hit:
    return Hit(UUID(int=number), UUID(int=1_000_000 + number), score)


def keyword(number: int, bm25: float) -> Hit:
    return hit(number, bm25 / (1 + bm25))


def ranked(hits: Sequence[Hit]) -> list[int]:
    return [each.object_id.int for each in hits]


def deep(seed: int, *, size: int, of: int) -> list[int]:
    numbers = list(range(1, of + 1))
    random.Random(seed).shuffle(numbers)
    return numbers[:size]


def test_scores_are_relative_to_the_best_and_the_worst_of_each_ranking() -> None:
    by_vector = [hit(1, 0.9), hit(2, 0.8), hit(3, 0.5)]
    by_keyword = [keyword(3, 12.0), keyword(1, 6.0), keyword(4, 4.0)]
    found = fuse(by_vector, by_keyword, alpha=0.4)
    assert ranked(found) == [3, 1, 2, 4]
    assert [each.score for each in found] == pytest.approx([0.6, 0.4 + 0.6 * 0.25, 0.4 * 0.75, 0.0])
    assert found[0].chunk_id == UUID(int=1_000_003)


def test_the_share_decides() -> None:
    by_vector, by_keyword = [hit(1, 0.9), hit(2, 0.1)], [keyword(2, 9.0), keyword(1, 1.0)]
    assert ranked(fuse(by_vector, by_keyword, alpha=0.9)) == [1, 2]
    assert ranked(fuse(by_vector, by_keyword, alpha=0.1)) == [2, 1]


def test_equal_scores_count_as_the_best() -> None:
    assert [each.score for each in fuse([hit(1, 0.5), hit(2, 0.5)], [], alpha=0.4)] == [0.4, 0.4]


def test_nothing_gives_nothing() -> None:
    assert fuse([], [], alpha=0.5) == []


@pytest.mark.parametrize("seed", range(5))
def test_deeper_rankings_change_nothing_of_what_was_there(seed: int) -> None:
    by_vector = [hit(n, 1 - at / 1000) for at, n in enumerate(deep(seed, size=900, of=1_000))]
    by_keyword = [keyword(n, 20 - at / 60) for at, n in enumerate(deep(seed + 50, size=700, of=1_000))]
    whole = ranked(fuse(by_vector, by_keyword, alpha=0.45))
    assert len(whole) == len(set(whole)) == len({each.object_id for each in (*by_vector, *by_keyword)})
    for depth in (WINDOW, 150, 300, 650):
        part = ranked(fuse(by_vector[:depth], by_keyword[:depth], alpha=0.45))
        assert part[:depth] == whole[:depth]


def test_scores_never_rise_on_the_way_down() -> None:
    by_vector = [hit(n, 1 - at / 1000) for at, n in enumerate(deep(1, size=300, of=400))]
    by_keyword = [keyword(n, 20 - at / 60) for at, n in enumerate(deep(2, size=300, of=400))]
    scores = [each.score for each in fuse(by_vector, by_keyword, alpha=0.3)]
    assert scores == sorted(scores, reverse=True)
    assert 0 <= min(scores) <= max(scores) <= 1
