"""Which waiting jobs are announced next: fair between tenants and runs, bounded everywhere. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from uuid import UUID

INTERACTIVE: Final = "interactive"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that is due and may be announced; ``pace_seconds`` is its host's pause between two requests."""

    id: UUID
    tenant_id: UUID
    root_id: UUID
    host: str | None
    lane: str
    seq: int
    pace_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Held:
    """How many jobs of one tenant, run, host and lane are announced or claimed now."""

    tenant_id: UUID
    root_id: UUID
    host: str | None
    lane: str
    jobs: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The sizes of the windows, in jobs.

    Attributes:
        per_slot: announced jobs for each live worker slot.
        least: the window in all while no worker is alive, so that the first one finds something.
        reserved: places in all that only interactive work may take.
        per_run: of one run.
        per_host: of one host: what keeps one slow site from filling the window.
        ahead_seconds: of a host with a pace, no more than fits into this time.
        per_tenant: of one tenant.
    """

    per_slot: int
    least: int
    reserved: int
    per_run: int
    per_host: int
    per_tenant: int
    ahead_seconds: float = 2.0

    def in_all(self, slots: int) -> int:
        """The window over everything, for this many live worker slots."""
        return max(self.least, self.per_slot * slots)

    def of_host(self, pace_seconds: float) -> int:
        """The window of a host: jobs that wait for their slot hold a worker's, so they are few."""
        if pace_seconds <= 0:
            return self.per_host
        return max(1, min(self.per_host, math.ceil(self.ahead_seconds / pace_seconds)))


def _turns(waiting: Iterable[Waiting]) -> Iterator[Waiting]:
    """Interactive work first; then tenants take turns, and inside a tenant its runs."""
    lanes: dict[bool, dict[UUID, dict[UUID, deque[Waiting]]]] = {True: {}, False: {}}
    for job in waiting:
        runs = lanes[job.lane == INTERACTIVE].setdefault(job.tenant_id, {})
        runs.setdefault(job.root_id, deque()).append(job)
    for interactive in (True, False):
        tenants = deque(deque(runs.values()) for runs in lanes[interactive].values())
        while tenants:
            tenant = tenants.popleft()
            run = tenant.popleft()
            yield run.popleft()
            if run:
                tenant.append(run)
            if tenant:
                tenants.append(tenant)


def choose(waiting: Sequence[Waiting], held: Sequence[Held], limits: Limits, *, slots: int) -> list[UUID]:
    """The jobs to announce now, in order.

    Args:
        waiting: due jobs, each run's in the order in which they shall be done.
        held: what the windows hold already.
        limits: their sizes.
        slots: worker slots that are alive.
    """
    room = limits.in_all(slots) - sum(h.jobs for h in held)
    reserved = max(0, limits.reserved - sum(h.jobs for h in held if h.lane == INTERACTIVE))
    counts: defaultdict[str, Counter[object]] = defaultdict(Counter)
    for h in held:
        _take(counts, h, h.jobs)
    chosen = []
    for job in _turns(waiting):
        interactive = job.lane == INTERACTIVE
        if room <= (0 if interactive else reserved) or not _fits(counts, job, limits):
            continue
        _take(counts, job, 1)
        room -= 1
        if interactive and reserved:
            reserved -= 1
        chosen.append(job.id)
    return chosen


def _take(counts: defaultdict[str, Counter[object]], job: Waiting | Held, jobs: int) -> None:
    counts["tenant"][job.tenant_id] += jobs
    counts["run"][job.root_id] += jobs
    if job.host:
        counts["host"][job.host] += jobs


def _fits(counts: defaultdict[str, Counter[object]], job: Waiting, limits: Limits) -> bool:
    return (
        counts["tenant"][job.tenant_id] < limits.per_tenant
        and counts["run"][job.root_id] < limits.per_run
        and (job.host is None or counts["host"][job.host] < limits.of_host(job.pace_seconds))
    )
