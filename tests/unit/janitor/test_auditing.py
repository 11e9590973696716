from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from janitor.core.auditing import common_slice

LIMIT = 4
ids = st.sets(st.integers(1, 60).map(lambda n: UUID(int=n)))


def page(all_ids: set[UUID], after: UUID | None) -> list[UUID]:
    return sorted(key for key in all_ids if after is None or key > after)[:LIMIT]


@given(ids, ids)
def test_a_round_compares_every_id_once_and_finds_exactly_the_differences(
    stored: set[UUID], expected: set[UUID]
) -> None:
    after: UUID | None = None
    seen: list[UUID] = []
    unexpected: set[UUID] = set()
    absent: set[UUID] = set()
    for _ in range(1000):
        part = common_slice(page(stored, after), page(expected, after), limit=LIMIT)
        seen += [*part.stored, *part.absent]
        unexpected |= part.unexpected
        absent |= part.absent
        assert part.present == part.stored & part.expected
        if part.upper is None:
            break
        assert after is None or part.upper > after, "the walk must move on"
        after = part.upper
    assert sorted(seen) == sorted(stored | expected)
    assert unexpected == stored - expected
    assert absent == expected - stored


def test_nothing_is_said_about_what_lies_behind_a_full_page() -> None:
    stored = [UUID(int=n) for n in (1, 2, 3, 4)]
    expected = [UUID(int=n) for n in (2, 9)]
    part = common_slice(stored, expected, limit=LIMIT)
    assert part.upper == UUID(int=4)
    assert part.absent == frozenset()
    assert part.unexpected == {UUID(int=1), UUID(int=3), UUID(int=4)}
