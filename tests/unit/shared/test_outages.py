from __future__ import annotations

from typing import TYPE_CHECKING

from structlog.testing import capture_logs

from shared.errors import DependencyUnavailableError
from shared.outages import Outage

if TYPE_CHECKING:
    import structlog

DOWN = DependencyUnavailableError("postgres", "It does not answer.")
AWAY = DependencyUnavailableError("weaviate", "It does not answer.")


def told(outage_log: list[structlog.typing.EventDict]) -> list[tuple[str, str]]:
    return [(line["event"], line["dependency"]) for line in outage_log if line["log_level"] != "debug"]


def test_pauses_double_up_to_a_limit_and_vary() -> None:
    pauses: list[list[float]] = []
    for _ in range(50):
        outage = Outage(activity="test_loops", first_seconds=1.0, longest_seconds=8.0)
        pauses.append([outage.failed(DOWN) for _ in range(6)])
    for place, middle in enumerate([1, 2, 4, 8, 8, 8]):
        here = [tries[place] for tries in pauses]
        assert all(0.8 * middle <= pause <= 1.2 * middle for pause in here)
        assert len(set(here)) > 40, "many who wait would come back as one"


def test_an_outage_is_told_when_it_begins_and_when_it_is_over() -> None:
    outage = Outage(activity="test_loops")
    with capture_logs() as log:
        for _ in range(100):
            outage.failed(DOWN)
        assert outage.under_way
        outage.over()
        outage.over()
    assert told(log) == [("dependency_awaited", "postgres"), ("dependency_answers_again", "postgres")]
    assert log[-1]["tries"] == 100
    assert not outage.under_way


def test_another_reason_is_news() -> None:
    outage = Outage(activity="test_loops")
    with capture_logs() as log:
        for error in (DOWN, DOWN, AWAY, AWAY):
            outage.failed(error)
    assert told(log) == [("dependency_awaited", "postgres"), ("dependency_awaited", "weaviate")]


def test_the_next_outage_begins_with_the_short_pause() -> None:
    outage = Outage(activity="test_loops", first_seconds=1.0, longest_seconds=60.0)
    for _ in range(5):
        outage.failed(DOWN)
    outage.over()
    assert outage.failed(DOWN) <= 1.2


def test_it_counts_as_far_as_an_outage_lasts() -> None:
    outage = Outage(activity="test_loops", first_seconds=1.0, longest_seconds=30.0)
    assert all(outage.failed(DOWN) <= 36.0 for _ in range(5_000))


def test_one_of_many_is_silent() -> None:
    outage = Outage(activity="test_loops", aloud=False)
    with capture_logs() as log:
        outage.failed(DOWN)
        outage.over()
    assert told(log) == []
