from __future__ import annotations

import pytest

from quern.cli.diagnosis import Finding, Level, Observed, diagnose, is_well
from quern.models import Ledger, Ready, Stats, System
from unit.quern import shapes


def observed(**changes: object) -> Observed:
    values: dict[str, object] = {
        "client_version": "0.1.0",
        "ready": Ready(status="up"),
        "system": System.model_validate(shapes.system()),
        "ledger": Ledger.model_validate(shapes.ledger()),
        "stats": Stats(sources=1, documents=2, failed_jobs=0),
    }
    return Observed(**(values | changes))  # type: ignore[arg-type]  # the values are those of Observed


def only(findings: list[Finding], level: Level) -> list[tuple[str, str]]:
    return [(finding.subject, finding.advice) for finding in findings if finding.level is level]


def test_a_healthy_installation_has_nothing_to_do() -> None:
    findings = diagnose(observed())
    assert {finding.level for finding in findings} == {Level.OK}
    assert not any(finding.advice for finding in findings)
    assert is_well(findings)


@pytest.mark.parametrize("name", ["postgres", "nsqd", "weaviate", "workers", "consumers", "janitor"])
@pytest.mark.parametrize(("status", "level"), [("down", Level.BROKEN), ("degraded", Level.WARNING)])
def test_every_component_that_is_not_up_has_its_advice(name: str, status: str, level: Level) -> None:
    findings = diagnose(observed(system=System.model_validate(shapes.system(**{name: status}))))
    [(subject, advice)] = only(findings, level)
    assert subject == name
    assert advice
    assert is_well(findings) is (level is Level.WARNING)


def test_a_gateway_that_cannot_work_says_which_server_is_missing() -> None:
    ready = Ready.model_validate(
        {
            "status": "down",
            "reason": "nsqd does not answer",
            "dependencies": {"nsqd": {"status": "down", "detail": "refused", "since": shapes.MOMENT}},
        }
    )
    [(subject, advice)] = only(diagnose(observed(ready=ready)), Level.BROKEN)
    assert subject == "readiness"
    assert "Start nsqd" in advice


@pytest.mark.parametrize("changes", [{"balanced": False}, {"accepted": 11}, {"in_flight": 3}])
def test_a_ledger_that_does_not_add_up_is_broken_whatever_it_says(changes: dict[str, object]) -> None:
    ledger = Ledger.model_validate(shapes.ledger(**changes))
    assert [subject for subject, _ in only(diagnose(observed(ledger=ledger)), Level.BROKEN)] == ["ledger"]


def test_objects_that_are_off_are_a_warning() -> None:
    audit = {"checked_at": shapes.MOMENT, "missing": 2, "orphans": 1, "repaired": 3}
    findings = diagnose(observed(ledger=Ledger.model_validate(shapes.ledger(audit=audit))))
    assert [subject for subject, _ in only(findings, Level.WARNING)] == ["audit"]


@pytest.mark.parametrize(
    ("topic", "depth", "warned"),
    [
        ("ingest.task", 1000, False),
        ("ingest.task", 1001, True),
        ("ingest.dead", 0, False),
        ("ingest.dead", 1, True),
    ],
)
def test_queues_are_judged_by_what_they_are_for(topic: str, depth: int, *, warned: bool) -> None:
    system = System.model_validate(shapes.system() | {"queues": [shapes.queue(topic, "c", depth)]})
    assert bool(only(diagnose(observed(system=system)), Level.WARNING)) is warned


@pytest.mark.parametrize(("gateway", "warned"), [("0.1.7", False), ("0.2.0", True), ("1.1.0", True)])
def test_another_version_line_is_a_warning(gateway: str, *, warned: bool) -> None:
    system = System.model_validate(shapes.system() | {"versions": {"gateway": gateway}})
    assert bool(only(diagnose(observed(system=system)), Level.WARNING)) is warned


def test_failed_jobs_are_a_warning_that_names_the_commands() -> None:
    findings = diagnose(observed(stats=Stats(sources=1, documents=1, failed_jobs=4)))
    [(subject, advice)] = only(findings, Level.WARNING)
    assert subject == "failed jobs"
    assert "quern retry" in advice


def test_what_could_not_be_asked_is_broken() -> None:
    findings = diagnose(observed(system=None, failures={"system": "could not be asked for: down"}))
    assert [subject for subject, _ in only(findings, Level.BROKEN)] == ["system"]
