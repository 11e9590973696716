"""Waiting for a run: by its events, and by asking again where events do not come through."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pydantic import ValidationError

from quern.errors import (
    NoAnswerError,
    ProblemError,
    UnexpectedAnswerError,
    UnreachableError,
    WaitTimeoutError,
)
from quern.event_stream import EventParser
from quern.models.jobs import LogLine, Run, RunProgress

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from uuid import UUID

    from quern.event_stream import ServerEvent
    from quern.transport import Transport

RunEvent = RunProgress | LogLine | Run
"""How far a run is, a line of its log, or the run itself when it has ended."""

_MODELS: dict[str, type[RunEvent]] = {"progress": RunProgress, "log": LogLine, "done": Run}
_BUSY = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowLimits:
    """Time limits of waiting, in seconds.

    Attributes:
        poll_seconds: between two questions while events do not come through.
        outage_seconds: how long the gateway may be away before waiting is given up.
    """

    poll_seconds: float = 1.0
    outage_seconds: float = 60.0


async def run_events(
    transport: Transport, run_id: UUID, last_event_id: str = ""
) -> AsyncIterator[tuple[RunEvent, str]]:
    """The events of one connection, each with the id to go on after it; ends with the connection.

    Raises:
        ProblemError: the gateway refused.
        UnreachableError: the connection broke.
        NoAnswerError: nothing came for too long.
        UnexpectedAnswerError: an event is not of the contract.
    """
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_event_id} if last_event_id else {})
    parser = EventParser(last_id=last_event_id)
    async with transport.stream(f"/v1/ingestion-runs/{run_id}/events", headers) as pieces:
        async for piece in pieces:
            for event in parser.feed(piece):
                if event.name in _MODELS:
                    yield _read(event), event.last_id


def _read(event: ServerEvent) -> RunEvent:
    try:
        return _MODELS[event.name].model_validate_json(event.data)
    except ValidationError:
        raise UnexpectedAnswerError(f"An event named {event.name} is not of Quern's contract.") from None


class Follower:
    """Waits for one run.

    Args:
        transport: to the gateway.
        run_id: which run.
        limits: time limits.
        on_event: called with each event, in order.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        run_id: UUID,
        limits: FollowLimits,
        on_event: Callable[[RunEvent], None] | None = None,
    ) -> None:
        self._transport = transport
        self._run_id = run_id
        self._limits = limits
        self._on_event = on_event or (lambda _event: None)
        self._last_event_id = ""
        self._away_since: float | None = None

    async def wait(self, timeout_seconds: float) -> Run:
        """The run, when it has ended.

        Raises:
            WaitTimeoutError: it has not, after all this time.
            ProblemError: there is no such run.
            UnreachableError: the gateway stayed away for too long.
            NoAnswerError: likewise.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                while True:
                    run = await self._by_events() or await self._by_asking()
                    if run is not None:
                        return run
                    await asyncio.sleep(self._limits.poll_seconds)
        except TimeoutError:
            raise WaitTimeoutError(self._run_id, timeout_seconds) from None

    async def _by_events(self) -> Run | None:
        """Follow until the run ends; None where the stream ended before."""
        try:
            async for event, event_id in run_events(self._transport, self._run_id, self._last_event_id):
                self._last_event_id = event_id
                self._away_since = None
                self._on_event(event)
                if isinstance(event, Run):
                    return event
        except ProblemError as error:
            if error.status not in _BUSY:
                raise
        except (UnreachableError, NoAnswerError, UnexpectedAnswerError):
            return None  # asking tells whether the gateway itself is away
        return None

    async def _by_asking(self) -> Run | None:
        """The run if it has ended; None while it has not, or while the gateway is away for a while."""
        try:
            run = await self._transport.get(Run, f"/v1/ingestion-runs/{self._run_id}")
        except (UnreachableError, NoAnswerError) as error:
            self._bear(error)
            return None
        except ProblemError as error:
            if error.status not in _BUSY:
                raise
            self._bear(error)
            return None
        self._away_since = None
        if run.status.is_terminal:
            self._on_event(run)
            return run
        self._on_event(RunProgress(status=run.status, progress=run.progress, waiting_for=run.waiting_for))
        return None

    def _bear(self, error: Exception) -> None:
        now = asyncio.get_running_loop().time()
        self._away_since = self._away_since or now
        if now - self._away_since > self._limits.outage_seconds:
            raise error
