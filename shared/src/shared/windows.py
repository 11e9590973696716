"""Which waiting jobs are announced next: fair between tenants and runs, bounded everywhere. Pure."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

INTERACTIVE: Final = "interactive"

_SHARE_OF_ONE: Final = 0.75
"""Of the live worker slots, what one host, or all tenants together whose work takes long, may hold."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A job that is due and may be announced.

    Attributes:
        pace_seconds: its host's pause between two requests.
        served: when its tenant had its last turn: a number that grows with each turn.
        tenant_window: its tenant's window, where it has one of its own.
    """

    id: UUID
    tenant_id: UUID
    root_id: UUID
    host: str | None
    lane: str
    seq: int
    pace_seconds: float = 0.0
    served: int = 0
    tenant_window: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """How many jobs of one tenant, run, host and lane are announced or claimed now, and how many of them take long."""

    tenant_id: UUID
    root_id: UUID
    host: str | None
    lane: str
    jobs: int
    slow: int = 0


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
        per_tenant: of one tenant, unless it has a window of its own.
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

    def of_host(self, pace_seconds: float, slots: int) -> int:
        """The window of a host: jobs that wait for their slot hold a worker's, so they are few.

        A host that stops answering never holds all slots.
        """
        widest = min(self.per_host, self.of_slow(slots))
        if pace_seconds <= 0:
            return widest
        return max(1, min(widest, math.ceil(self.ahead_seconds / pace_seconds)))

    def of_slow(self, slots: int) -> int:
        """The window of all tenants together that have work which takes long: the others find free slots."""
        return max(1, math.floor(_SHARE_OF_ONE * (slots or self.least)))


class _Room:
    """What the windows hold, and what still fits."""

    def __init__(self, held: Sequence[Held], limits: Limits, slots: int) -> None:
        self._limits = limits
        self._slots = slots
        self._of_host: Counter[str] = Counter()
        self._of_run: Counter[UUID] = Counter()
        self._of_tenant: Counter[UUID] = Counter()
        self._of_lane: Counter[tuple[UUID, bool]] = Counter()
        self._slow = {(h.tenant_id, h.lane == INTERACTIVE) for h in held if h.slow}
        self._left = limits.in_all(slots)
        self._reserved = limits.reserved
        self._left_of_slow = dict.fromkeys((True, False), limits.of_slow(slots))
        for one in held:
            self.take(one, one.jobs)

    def take(self, job: Waiting | Held, jobs: int = 1) -> None:
        interactive = job.lane == INTERACTIVE
        self._of_tenant[job.tenant_id] += jobs
        self._of_lane[job.tenant_id, interactive] += jobs
        self._of_run[job.root_id] += jobs
        if job.host:
            self._of_host[job.host] += jobs
        if (job.tenant_id, interactive) in self._slow:
            self._left_of_slow[False] -= jobs
            if interactive:  # crawls take nothing of the share of uploads
                self._left_of_slow[True] -= jobs
        if interactive:
            self._reserved = max(0, self._reserved - jobs)
        self._left -= jobs

    def is_left(self, *, interactive: bool) -> bool:
        """Whether there is a place in all."""
        return self._left > (0 if interactive else self._reserved)

    def burden(self, tenant_id: UUID, *, interactive: bool) -> tuple[int, int]:
        """Who holds least comes first: in this lane, then in all."""
        return self._of_lane[tenant_id, interactive], self._of_tenant[tenant_id]

    def held_by_run(self, root_id: UUID) -> int:
        return self._of_run[root_id]

    def tenant_fits(self, job: Waiting) -> bool:
        own = self._limits.per_tenant if job.tenant_window is None else job.tenant_window
        if self._of_tenant[job.tenant_id] >= own:
            return False
        interactive = job.lane == INTERACTIVE
        return (job.tenant_id, interactive) not in self._slow or self._left_of_slow[interactive] > 0

    def fits(self, job: Waiting) -> bool:
        """Whether its run and its host have a place."""
        if self._of_run[job.root_id] >= self._limits.per_run:
            return False
        return job.host is None or self._of_host[job.host] < self._limits.of_host(
            job.pace_seconds, self._slots
        )


class _Tenant:
    """What one tenant has waiting in one lane, by run."""

    def __init__(self, first: Waiting) -> None:
        self.id = first.tenant_id
        self.served = first.served
        self._first = first
        self._runs: dict[UUID, deque[Waiting]] = {}

    def add(self, job: Waiting) -> None:
        self._runs.setdefault(job.root_id, deque()).append(job)

    def next(self, room: _Room) -> Waiting | None:
        """The next job that fits, of the run that holds least; what does not fit now is put off to another dispatch."""
        while self._runs and room.tenant_fits(self._first):
            root_id = min(self._runs, key=room.held_by_run)
            run = self._runs[root_id]
            job = run.popleft()
            if not run:
                del self._runs[root_id]
            if room.fits(job):
                return job
        return None


def choose(waiting: Sequence[Waiting], held: Sequence[Held], limits: Limits, *, slots: int) -> list[UUID]:
    """The jobs to announce now, in order: interactive work first, and each place to the tenant that holds least.

    A place becomes free one at a time, so that turns cannot begin anew with each dispatch: they follow from what each
    tenant holds, and among equals from when it was served last.

    Args:
        waiting: due jobs, each run's in the order in which they shall be done.
        held: what the windows hold already.
        limits: their sizes.
        slots: worker slots that are alive.
    """
    room = _Room(held, limits, slots)
    chosen: list[UUID] = []
    for interactive in (True, False):
        lane = (job for job in waiting if (job.lane == INTERACTIVE) == interactive)
        chosen += _choose_of_lane(_by_tenant(lane), room, interactive=interactive)
    return chosen


def _by_tenant(waiting: Iterable[Waiting]) -> list[_Tenant]:
    tenants: dict[UUID, _Tenant] = {}
    for job in waiting:
        tenants.setdefault(job.tenant_id, _Tenant(job)).add(job)
    return list(tenants.values())


def _choose_of_lane(tenants: Sequence[_Tenant], room: _Room, *, interactive: bool) -> list[UUID]:
    line: list[tuple[tuple[int, int], int, int]] = [
        (room.burden(tenant.id, interactive=interactive), tenant.served, place)
        for place, tenant in enumerate(tenants)
    ]
    heapq.heapify(line)
    chosen = []
    while line and room.is_left(interactive=interactive):
        _, served, place = heapq.heappop(line)
        job = tenants[place].next(room)
        if job is None:
            continue
        room.take(job)
        chosen.append(job.id)
        again = room.burden(job.tenant_id, interactive=interactive)
        heapq.heappush(line, (again, served, place))
    return chosen
