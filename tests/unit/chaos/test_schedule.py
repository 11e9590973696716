from __future__ import annotations

from collections import Counter

import pytest

from chaos import plan as work
from chaos import schedule
from chaos.plan import Role
from chaos.schedule import RECOVERY_SECONDS, SERVERS, SERVICES, Kind

LEASE_SECONDS = 5.0


def planned(seed: int, faults: int = 40, seconds: float = 240) -> list[schedule.Fault]:
    return schedule.plan(seed=seed, faults=faults, seconds=seconds, lease_seconds=LEASE_SECONDS)


def test_a_seed_decides_everything() -> None:
    assert planned(7) == planned(7)
    assert planned(7) != planned(8)
    assert work.plan(seed=7, documents=100) == work.plan(seed=7, documents=100)
    assert work.plan(seed=7, documents=100) != work.plan(seed=8, documents=100)


@pytest.mark.parametrize("seed", range(10))
def test_there_are_so_many_faults_of_every_kind(seed: int) -> None:
    faults = planned(seed)
    assert len(faults) == 40
    kinds = Counter(fault.kind for fault in faults)
    assert set(kinds) == set(Kind)
    assert kinds[Kind.KILL] == max(kinds.values())
    assert [fault.at for fault in faults] == sorted(fault.at for fault in faults)
    assert faults[-1].at < 240
    assert {fault.target for fault in faults} >= {*SERVICES, *SERVERS}


@pytest.mark.parametrize("seed", range(10))
def test_what_is_frozen_stays_so_for_longer_than_the_lease(seed: int) -> None:
    for fault in planned(seed):
        if fault.kind is Kind.FREEZE:
            assert fault.seconds > LEASE_SECONDS


@pytest.mark.parametrize("seed", range(10))
def test_no_process_meets_two_faults_at_once(seed: int) -> None:
    free_at: dict[str, float] = {}
    for fault in planned(seed):
        if fault.target in {*SERVICES, "postgres", "nsqlookupd"}:
            assert fault.at >= free_at.get(fault.target, 0.0)
            free_at[fault.target] = fault.at + fault.seconds + RECOVERY_SECONDS[fault.kind] - 0.1


def test_a_few_faults_are_some_of_each_kind() -> None:
    assert {fault.kind for fault in planned(11, 8, 24)} == set(Kind)


@pytest.mark.parametrize("documents", [60, 80, 500, 5000])
def test_there_are_as_many_documents_as_asked_for(documents: int) -> None:
    planned = work.plan(seed=3, documents=documents)
    assert documents <= planned.documents <= documents * 1.05 + 5
    roles = {page.role for site in planned.sites for page in site.pages}
    assert roles == set(Role)
    assert any(site.is_deleted for site in planned.sites)
    assert any(site.is_cancelled for site in planned.sites)


def test_pages_that_fail_and_pages_that_nothing_leads_to_any_more_are_on_different_sites() -> None:
    for site in work.plan(seed=3, documents=500).sites:
        roles = {page.role for page in site.pages}
        assert not (Role.UNLINKED in roles and roles & {Role.BROKEN, Role.LATE})
