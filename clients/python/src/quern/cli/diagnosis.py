"""What is well and what is not, from what a gateway says: a decision without any request."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from quern.models import Component, Ledger, Queue, Ready, Stats, System

DEEP_QUEUE = 1_000
"""Only a bounded window of work is ever announced; more than this waiting means that nobody reads."""
DEAD_TOPIC = "ingest.dead"

LOGS = "its log tells more (`make logs`, or `docker compose logs`)"
ADVICE: Mapping[str, str] = {
    "postgres": f"Start PostgreSQL or check QUERN_DATABASE_URL of the services; {LOGS}.",
    "nsqd": f"Start nsqd or check QUERN_NSQD_TCP of the services; nothing is lost meanwhile; {LOGS}.",
    "weaviate": f"Start Weaviate or check QUERN_WEAVIATE_URL and its key; searches fail until then; {LOGS}.",
    "workers": f"Start an ingest-worker: without one nothing is fetched or parsed; {LOGS}.",
    "consumers": f"Start a result-consumer: without one nothing becomes searchable; {LOGS}.",
    "janitor": f"Start the janitor: without it nothing is deleted, retried or repaired; {LOGS}.",
}


class Level(StrEnum):
    """How a check went."""

    OK = "ok"
    WARNING = "warning"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, what was seen, what to do."""

    level: Level
    subject: str
    detail: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """What could be learned; ``failures`` says by subject why the rest could not."""

    client_version: str
    ready: Ready | None = None
    system: System | None = None
    ledger: Ledger | None = None
    stats: Stats | None = None
    failures: Mapping[str, str] = field(default_factory=dict)


def diagnose(observed: Observed) -> list[Finding]:
    """All findings, in the order in which they matter."""
    findings = [
        Finding(Level.BROKEN, subject, why, f"See what the gateway's log says; {LOGS}.")
        for subject, why in observed.failures.items()
    ]
    if observed.ready is not None:
        findings.append(_readiness(observed.ready))
    if observed.system is not None:
        findings += [_component(name, part) for name, part in observed.system.components.items()]
        findings += [_queue(queue) for queue in observed.system.queues]
        findings.append(_versions(observed.client_version, observed.system.versions))
    if observed.ledger is not None:
        findings += _ledger(observed.ledger)
    if observed.stats is not None:
        findings.append(_failed_jobs(observed.stats))
    return findings


def is_well(findings: list[Finding]) -> bool:
    """Whether nothing is broken; warnings are no illness."""
    return all(finding.level is not Level.BROKEN for finding in findings)


def _readiness(ready: Ready) -> Finding:
    if ready.status == "up":
        return Finding(Level.OK, "readiness", "the gateway can work")
    down = [name for name, part in ready.dependencies.items() if part.status == "down"]
    advice = " ".join(ADVICE[name] for name in down if name in ADVICE)
    return Finding(Level.BROKEN, "readiness", ready.reason or "the gateway cannot work", advice)


def _component(name: str, part: Component) -> Finding:
    levels = {"up": Level.OK, "degraded": Level.WARNING, "down": Level.BROKEN}
    level = levels[part.status]
    detail = part.detail or part.status
    return Finding(
        level, name, detail, "" if level is Level.OK else ADVICE.get(name, f"Look at {name}; {LOGS}.")
    )


def _queue(queue: Queue) -> Finding:
    subject = f"queue {queue.topic}"
    seen = f"{queue.depth} waiting, {queue.in_flight} at work, {queue.deferred} deferred"
    if queue.topic == DEAD_TOPIC and queue.depth:
        return Finding(
            Level.WARNING,
            subject,
            f"{queue.depth} messages could not be understood",
            "Look at them in nsqadmin: services of different versions, or somebody else writes to the topics.",
        )
    if queue.topic != DEAD_TOPIC and queue.depth > DEEP_QUEUE:
        advice = (
            f"Nobody reads {queue.topic} fast enough: start more of its readers, or see why they are slow."
        )
        return Finding(Level.WARNING, subject, seen, advice)
    return Finding(Level.OK, subject, seen)


def _versions(client: str, versions: Mapping[str, str]) -> Finding:
    listed = ", ".join(f"{name} {version}" for name, version in sorted(versions.items()))
    gateway = versions.get("gateway", versions.get("quern"))
    if gateway is not None and _line(gateway) != _line(client):
        advice = "Install the client of the gateway's version: shapes may differ."
        return Finding(Level.WARNING, "versions", f"client {client}; {listed}", advice)
    return Finding(Level.OK, "versions", f"client {client}; {listed}")


def _line(version: str) -> list[str]:
    return version.split(".")[:2]


def _ledger(ledger: Ledger) -> Iterator[Finding]:
    ended = ledger.succeeded + ledger.failed + ledger.cancelled + ledger.skipped
    if ledger.balanced and ended + ledger.in_flight == ledger.accepted:
        yield Finding(Level.OK, "ledger", f"all {ledger.accepted} accepted jobs are accounted for")
    else:
        yield Finding(
            Level.BROKEN,
            "ledger",
            f"{ledger.accepted} accepted, but {ended} ended and {ledger.in_flight} in flight",
            "A row was changed or removed past the services: compare jobs with the audit log, and see the "
            "janitor's log.",
        )
    audit = ledger.audit
    if audit.missing or audit.orphans:
        yield Finding(
            Level.WARNING,
            "audit",
            f"{audit.missing} objects missing, {audit.orphans} too many in Weaviate, {audit.repaired} repaired",
            "The janitor repairs them; if the figures stay, see its log.",
        )


def _failed_jobs(stats: Stats) -> Finding:
    if not stats.failed_jobs:
        return Finding(Level.OK, "failed jobs", "none")
    advice = "`quern failed` lists them with their reasons; `quern retry --all` tries them again."
    return Finding(Level.WARNING, "failed jobs", f"{stats.failed_jobs} wait for a decision", advice)
