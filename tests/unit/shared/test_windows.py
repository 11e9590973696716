from __future__ import annotations

from collections import Counter
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.windows import Held, Limits, Waiting, choose

LIMITS = Limits(per_slot=2, least=4, reserved=2, per_run=5, per_host=3, per_tenant=8)


def uid(number: int) -> UUID:
    return UUID(int=number)


def page(number: int, *, tenant: int = 1, run: int = 1, host: str = "h", pace: float = 0.0) -> Waiting:
    return Waiting(uid(number), uid(tenant), uid(1000 + run), host, "bulk", number, pace)


def upload(number: int, *, tenant: int = 1) -> Waiting:
    return Waiting(uid(number), uid(tenant), uid(number), None, "interactive", number)


waiting_jobs = st.lists(
    st.builds(
        lambda number, tenant, run, host, lane: Waiting(
            uid(number), uid(tenant), uid(100 * tenant + run), f"h{host}", lane, number
        ),
        st.integers(1, 10_000),
        st.integers(1, 3),
        st.integers(1, 3),
        st.integers(1, 3),
        st.sampled_from(["interactive", "bulk"]),
    ),
    unique_by=lambda job: job.id,
    max_size=60,
)


@given(waiting_jobs, st.integers(0, 20))
def test_no_window_is_ever_exceeded(waiting: list[Waiting], slots: int) -> None:
    by_id = {job.id: job for job in waiting}
    chosen = [by_id[key] for key in choose(waiting, [], LIMITS, slots=slots)]
    assert len(chosen) == len({job.id for job in chosen}) <= LIMITS.in_all(slots)
    assert sum(job.lane == "bulk" for job in chosen) <= LIMITS.in_all(slots) - LIMITS.reserved
    assert max(Counter(job.tenant_id for job in chosen).values(), default=0) <= LIMITS.per_tenant
    assert max(Counter(job.root_id for job in chosen).values(), default=0) <= LIMITS.per_run
    assert max(Counter(job.host for job in chosen).values(), default=0) <= LIMITS.per_host


@pytest.mark.parametrize(
    ("waiting", "most"),
    [
        ([page(n, run=n, host=f"h{n}") for n in range(1, 15)], LIMITS.per_tenant),
        ([page(n, host=f"h{n}") for n in range(1, 15)], LIMITS.per_run),
        ([page(n, tenant=n, run=n) for n in range(1, 15)], LIMITS.per_host),
    ],
    ids=["tenant", "run", "host"],
)
def test_each_window_has_its_own_limit(waiting: list[Waiting], most: int) -> None:
    assert len(choose(waiting, [], LIMITS, slots=20)) == most


@given(waiting_jobs)
def test_a_full_window_takes_nothing(waiting: list[Waiting]) -> None:
    held = [Held(uid(9), uid(9), "other", "bulk", LIMITS.in_all(2))]
    assert choose(waiting, held, LIMITS, slots=2) == []


def test_what_the_windows_hold_counts() -> None:
    held = [Held(uid(1), uid(1001), "h", "bulk", 2)]
    assert choose([page(1), page(2)], held, LIMITS, slots=10) == [uid(1)]


def test_pages_of_a_run_go_in_order() -> None:
    wide = Limits(per_slot=2, least=4, reserved=0, per_run=50, per_host=50, per_tenant=50)
    assert choose([page(n) for n in range(1, 7)], [], wide, slots=10) == [uid(n) for n in range(1, 7)]


def test_tenants_and_inside_them_runs_take_turns() -> None:
    waiting = [page(n, host=f"a{n}") for n in range(1, 5)]
    waiting += [page(n, run=2, host=f"b{n}") for n in range(11, 15)]
    waiting += [page(n, tenant=2, run=3, host=f"c{n}") for n in range(21, 25)]
    chosen = choose(waiting, [], LIMITS, slots=4)
    assert chosen == [uid(n) for n in (1, 21, 11, 22, 2, 23)]


def test_uploads_by_people_come_first_and_have_places_of_their_own() -> None:
    pages = [page(n, host=f"h{n}", run=n) for n in range(1, 20)]
    assert len(choose(pages, [], LIMITS, slots=2)) == LIMITS.in_all(2) - LIMITS.reserved
    assert choose([*pages, upload(50)], [], LIMITS, slots=2)[0] == uid(50)
    full_of_pages = [Held(uid(9), uid(9), "other", "bulk", LIMITS.in_all(2) - LIMITS.reserved)]
    assert choose([*pages, upload(50)], full_of_pages, LIMITS, slots=2) == [uid(50)]


def test_a_slow_host_gets_a_small_window() -> None:
    assert LIMITS.of_host(0) == 3
    assert LIMITS.of_host(0.5) == 3
    assert LIMITS.of_host(1.0) == 2
    assert LIMITS.of_host(60.0) == 1
    slow = [page(n, pace=5.0) for n in range(1, 5)]
    assert choose(slow, [], LIMITS, slots=10) == [uid(1)]


def test_without_a_living_worker_a_little_is_announced() -> None:
    uploads = [upload(n) for n in range(1, 9)]
    assert len(choose(uploads, [], LIMITS, slots=0)) == LIMITS.least
