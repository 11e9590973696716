"""Ingestion runs: root jobs that ingest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quern.following import Follower, FollowLimits, RunEvent, run_events
from quern.models.common import Page
from quern.models.jobs import PruneDecided, PruneOfRun, Run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    from quern.models.common import JobStatus
    from quern.models.jobs import PruneState
    from quern.transport import Transport

WAIT_SECONDS = 3600.0


class Runs:
    """``/v1/ingestion-runs``."""

    def __init__(self, transport: Transport, limits: FollowLimits) -> None:
        self._transport = transport
        self._limits = limits

    async def list(
        self,
        *,
        status: JobStatus | None = None,
        source_id: UUID | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Run]:
        """Runs, newest first."""
        params = {"status": status, "source_id": source_id, "limit": limit, "offset": offset}
        return await self._transport.get(Page[Run], "/v1/ingestion-runs", params)

    async def get(self, run_id: UUID) -> Run:
        """One run."""
        return await self._transport.get(Run, f"/v1/ingestion-runs/{run_id}")

    async def prunes(
        self,
        *,
        state: PruneState | None = None,
        source_id: UUID | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[PruneOfRun]:
        """Runs that found many pages gone, newest first; those in state ``held`` wait for a decision."""
        params = {"state": state, "source_id": source_id, "limit": limit, "offset": offset}
        return await self._transport.get(Page[PruneOfRun], "/v1/prunes", params)

    async def decide_prune(self, run_id: UUID, *, approve: bool) -> PruneDecided:
        """Retire the pages that a run holds, or keep them; the first decision counts."""
        path, body = f"/v1/ingestion-runs/{run_id}/prune", {"decision": "approve" if approve else "reject"}
        return await self._transport.send(PruneDecided, "POST", path, body=body)

    def events(self, run_id: UUID, *, last_event_id: str = "") -> AsyncIterator[tuple[RunEvent, str]]:
        """What happens in a run, as long as the connection lasts; each with the id to go on after it."""
        return run_events(self._transport, run_id, last_event_id)

    async def wait(
        self,
        run_id: UUID,
        *,
        timeout_seconds: float = WAIT_SECONDS,
        on_event: Callable[[RunEvent], None] | None = None,
    ) -> Run:
        """Wait until a run has ended: by its events, and by asking where they do not come through.

        Raises:
            WaitTimeoutError: it has not ended after ``timeout_seconds``.
        """
        follower = Follower(transport=self._transport, run_id=run_id, limits=self._limits, on_event=on_event)
        return await follower.wait(timeout_seconds)
