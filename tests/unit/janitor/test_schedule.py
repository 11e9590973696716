from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from janitor.config import JanitorSettings
from janitor.schedule import InTurn, periodics, times
from shared.postgres.errors import PostgresUnavailableError
from shared.vectors import VectorsUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping


class FakeTurns:
    """Rows of nobody else, unless ``taken``."""

    def __init__(self) -> None:
        self.taken = False
        self.down = False
        self.log: list[tuple[str, object]] = []

    async def take(self, name: str, *, seconds: float, not_within_seconds: float = 0.0) -> bool:
        self.log.append(("take", (name, seconds, not_within_seconds)))
        return not self.taken

    async def end(self, name: str, counts: Mapping[str, int]) -> None:
        self.log.append(("end", dict(counts)))

    async def leave(self, name: str) -> None:
        if self.down:
            raise PostgresUnavailableError(OSError())
        self.log.append(("leave", name))


class FakeTask:
    def __init__(self, error: Exception | None = None) -> None:
        self.turns = 0
        self._error = error

    async def run_once(self) -> dict[str, int]:
        self.turns += 1
        if self._error is not None:
            raise self._error
        return {"changed": 2}


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> JanitorSettings:
    monkeypatch.setenv("QUERN_DATABASE_URL", "postgresql://u:p@127.0.0.1/db")
    return JanitorSettings()


def in_turn(task: FakeTask, turns: FakeTurns) -> InTurn:
    return InTurn(name="t", task=task, turns=turns, turn_seconds=60.0, period_seconds=10.0)


async def test_a_task_runs_in_its_turn_and_says_what_it_did() -> None:
    task, turns = FakeTask(), FakeTurns()
    assert await in_turn(task, turns).run_once() == {"changed": 2}
    assert turns.log == [("take", ("t", 60.0, 5.0)), ("end", {"changed": 2})]


async def test_a_task_whose_turn_somebody_has_does_nothing() -> None:
    task, turns = FakeTask(), FakeTurns()
    turns.taken = True
    assert await in_turn(task, turns).run_once() == {}
    assert task.turns == 0


@pytest.mark.parametrize("down", [False, True])
async def test_a_turn_that_failed_is_free_for_another_janitor(*, down: bool) -> None:
    task, turns = FakeTask(VectorsUnavailableError("down")), FakeTurns()
    turns.down = down
    with pytest.raises(VectorsUnavailableError):
        await in_turn(task, turns).run_once()
    assert turns.log[1:] == ([] if down else [("leave", "t")])


def test_every_task_has_its_times_and_every_time_its_task(settings: JanitorSettings) -> None:
    tasks = {name: FakeTask() for name in times(settings)}
    assert [periodic.name for periodic in periodics(tasks, settings, FakeTurns())] == list(tasks)
    del tasks["fold_ledger"]
    with pytest.raises(ValueError, match="fold_ledger"):
        periodics(tasks, settings, FakeTurns())


def test_an_idle_janitor_takes_few_turns(settings: JanitorSettings) -> None:
    per_second = sum(1 / entry.period_seconds for entry in times(settings).values() if entry.shared)
    assert per_second < 2, "each turn writes to Postgres twice"


def test_an_outage_that_is_over_is_noticed_soon(settings: JanitorSettings) -> None:
    urgent = ("announce_waiting", "reclaim_lost", "delete_sources", "delete_objects", "audit_index")
    assert all(times(settings)[name].max_backoff_seconds <= 15 for name in urgent)


def test_tombstones_outlive_every_insert_that_may_be_under_way(settings: JanitorSettings) -> None:
    longest = settings.lease_seconds + settings.weaviate_insert_timeout_seconds
    assert settings.purge_after_seconds > longest


@pytest.mark.parametrize(
    ("name", "value", "other"),
    [
        ("QUERN_RECLAIM_PERIOD_SECONDS", "31", "QUERN_LEASE_SECONDS=30"),
        ("QUERN_ABANDONED_SECONDS", "59", "QUERN_SUPERSEDED_GRACE_SECONDS=60"),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_both_numbers(
    settings: JanitorSettings, monkeypatch: pytest.MonkeyPatch, name: str, value: str, other: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError, match=f"{name}={value} does not go with {other}"):
        JanitorSettings()
