"""What waits to be indexed, and what goes together. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from shared.postgres.indexing import ChunkToIndex

MOST_JOBS: Final = 5_000
"""Jobs that wait here at most. What does not fit is in the rows, and adopted when there is room."""


@dataclass(slots=True)
class Pending:
    """A staged job: how many chunks it is thought to have, and how its indexing failed so far.

    Attributes:
        job_id: of the job.
        chunks: as far as is known.
        refusals: how often it was refused while it was alone.
        fruitless: how often it was not ready although nothing was left to write.
        timeouts: how often Postgres took too long for it while it was alone.
        alone: it goes with no other.
        not_before: when it may be tried again, by the clock that ``take`` is given.
    """

    job_id: UUID
    chunks: int
    refusals: int = 0
    fruitless: int = 0
    timeouts: int = 0
    alone: bool = False
    not_before: float = 0.0

    def progressed(self) -> None:
        """Something of it was written: it is not stuck."""
        self.fruitless = 0
        self.timeouts = 0


class Backlog:
    """Jobs in the order of arrival, up to ``most``; each is in it once, or being worked on."""

    def __init__(self, *, most: int = MOST_JOBS) -> None:
        self._most = most
        self._waiting: dict[UUID, Pending] = {}
        self._at_work: dict[UUID, Pending] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def chunks(self) -> int:
        """Chunks that wait, as far as is known."""
        return sum(pending.chunks for pending in self._waiting.values())

    @property
    def room(self) -> int:
        """For how many more jobs there is room."""
        return max(0, self._most - len(self._waiting))

    @property
    def known(self) -> list[UUID]:
        """All jobs that wait or are being worked on."""
        return [*self._waiting, *self._at_work]

    def add(self, job_id: UUID, chunks: int) -> None:
        """Add a job, unless it is known, or there is no room."""
        known = job_id in self._waiting or job_id in self._at_work
        if not known and len(self._waiting) < self._most:
            self._waiting[job_id] = Pending(job_id, chunks)

    def take(self, *, chunks: int, jobs: int, now: float = 0.0) -> list[Pending]:
        """The oldest jobs whose time has come and that together have about this many chunks.

        One that must go alone goes alone.
        """
        taken: list[Pending] = []
        total = 0
        for pending in list(self._waiting.values()):
            if pending.not_before > now:
                continue
            if taken and (pending.alone or total + pending.chunks > chunks or len(taken) == jobs):
                break
            taken.append(self._waiting.pop(pending.job_id))
            total += pending.chunks
            if pending.alone:
                break
        self._at_work.update((pending.job_id, pending) for pending in taken)
        return taken

    def done(self, job_ids: Iterable[UUID]) -> None:
        """These have ended, or belong to somebody else now."""
        for job_id in job_ids:
            self._at_work.pop(job_id, None)

    def put_back(self, taken: Iterable[Pending]) -> None:
        """Those of ``taken`` that are not done wait again."""
        for pending in taken:
            if self._at_work.pop(pending.job_id, None) is not None:
                self._waiting[pending.job_id] = pending


def by_tenant(chunks: Sequence[ChunkToIndex], *, at_most: int) -> list[list[ChunkToIndex]]:
    """Index batches: of one tenant each, of at most so many chunks."""
    batches: list[list[ChunkToIndex]] = []
    for chunk in chunks:
        last = batches[-1] if batches else None
        if last is None or len(last) == at_most or last[0].tenant_id != chunk.tenant_id:
            batches.append([chunk])
        else:
            last.append(chunk)
    return batches
