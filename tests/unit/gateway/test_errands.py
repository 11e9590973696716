from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from gateway.core.errors import ForbiddenError, InvalidRequestError
from gateway.core.runs import WaitingFor, progress_of, waiting_for
from gateway.usecases.errands import Errands, may_start
from shared.contracts.caller import Role
from shared.states import ErrandType
from support.pipeline import CALLER
from unit.gateway.fakes import FakeIntake
from unit.gateway.rows import an_id, job

ADMIN = replace(CALLER, role=Role.ADMIN)
CLEANUP = {"age_threshold_days": 30.0, "status_filter": ["succeeded"], "dry_run": False}


def errands(intake: FakeIntake, *, least: float = 86_400.0) -> Errands:
    return Errands(intake=intake, cleanup_min_age_seconds=least)


async def test_a_cleanup_is_for_admins_alone() -> None:
    intake = FakeIntake()
    with pytest.raises(ForbiddenError):
        await errands(intake).start(replace(CALLER, role=Role.USER), ErrandType.CLEANUP, CLEANUP)
    assert intake.calls == []
    await errands(intake).start(ADMIN, ErrandType.CLEANUP, CLEANUP)
    assert intake.calls == [("start_errand", {"kind": "cleanup", "payload": CLEANUP})]
    may_start(replace(CALLER, role=Role.USER), "summarizer")
    with pytest.raises(ForbiddenError):
        may_start(replace(CALLER, role=Role.USER), "cleanup")


@pytest.mark.parametrize(
    ("days", "least", "goes"), [(1.0, 86_400.0, True), (0.9, 86_400.0, False), (0.0, 0.0, True)]
)
async def test_no_cleanup_reaches_below_the_minimum_age(days: float, least: float, *, goes: bool) -> None:
    started = errands(FakeIntake(), least=least).start(
        ADMIN, ErrandType.CLEANUP, CLEANUP | {"age_threshold_days": days}
    )
    if goes:
        await started
        return
    with pytest.raises(InvalidRequestError) as refused:
        await started
    assert refused.value.faults[0].loc == ("body", "payload", "age_threshold_days")


async def test_a_source_named_twice_is_indexed_anew_once() -> None:
    intake = FakeIntake()
    runs = await errands(intake).reembed(CALLER, [an_id(1), an_id(2), an_id(1)])
    assert runs == [(an_id(1), an_id(27)), (an_id(2), an_id(27))]
    payload = {"source_id": str(an_id(3))}
    assert await errands(intake).start(CALLER, ErrandType.REEMBED, payload) == an_id(27)


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("running", (10, 4, 0, 1, 0)),
        ("cancelled", (10, 4, 0, 1, 5)),
        ("failed", (10, 4, 5, 1, 0)),
        ("succeeded", (10, 4, 0, 1, 0)),
    ],
)
def test_what_an_errand_did_not_come_to_shares_its_fate(status: str, counts: tuple[int, ...]) -> None:
    found = progress_of(job(type="cleanup", handler=None, status=status, total=10, succeeded=4, skipped=1))
    assert (found.total, found.succeeded, found.failed, found.skipped, found.cancelled) == counts


@pytest.mark.parametrize(
    ("changes", "down", "reason"),
    [
        ({}, {"nsqd"}, WaitingFor.WINDOW),
        ({"has_janitors": False}, set(), WaitingFor.WORKER),
        ({"unit_later": True}, set(), WaitingFor.RETRY_AT),
        ({"unit_status": "running", "unit_stage": "claimed"}, {"weaviate"}, None),
        (
            {"unit_status": "running", "unit_stage": "claimed", "type": "reembed"},
            {"weaviate"},
            WaitingFor.WEAVIATE,
        ),
        ({"unit_status": "running", "type": "reembed", "has_consumers": False}, set(), WaitingFor.WORKER),
        ({"unit_status": "running", "type": "reembed"}, set(), None),
    ],
)
def test_an_errand_says_what_it_waits_for(
    changes: dict[str, Any], down: set[str], reason: WaitingFor | None
) -> None:
    row = job(**({"type": "cleanup", "handler": None, "status": "running"} | changes))
    assert waiting_for(row, down) == reason
