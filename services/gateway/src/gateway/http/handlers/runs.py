"""Runs: a translation and one call each, and their events as a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from gateway.core.errors import InvalidRequestError
from gateway.core.events import HEARTBEAT, event
from gateway.core.runs import RUN_TYPES
from gateway.http.front import headers_for
from gateway.http.models.jobs import LogLine, PruneDecided, PruneList, Run, RunEvent, RunList
from gateway.http.paging import page, wanted
from gateway.usecases.following import Changed, Ended, Logged, Quiet
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.reads.jobs import JobFilter

if TYPE_CHECKING:
    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.models.jobs import PruneDecision, PrunesQuery, RunsQuery
    from gateway.http.route import Call
    from gateway.ports import JobReader
    from gateway.usecases.following import Following, Happening
    from gateway.usecases.jobs import Jobs
    from gateway.usecases.system import SystemView

_MAX_DIGITS: Final = 18


class RunHandlers:
    """Everything below /v1/ingestion-runs."""

    def __init__(self, *, reader: JobReader, jobs: Jobs, system: SystemView, following: Following) -> None:
        self._reader = reader
        self._jobs = jobs
        self._system = system
        self._following = following

    async def find(self, call: Call[RunsQuery, NoBody]) -> RunList:
        """GET /v1/ingestion-runs."""
        query = call.query
        chosen = JobFilter(types=RUN_TYPES, status=query.status, source_id=query.source_id)
        found = await self._reader.find(call.caller.tenant_id, chosen, wanted(query))
        down = self._system.down()
        return page(RunList, query, (Run.of(row, down) for row in found.items), found.total)

    async def get(self, call: Call[NoQuery, NoBody]) -> Run:
        """GET /v1/ingestion-runs/{id}."""
        row = await self._reader.get(call.caller.tenant_id, call.ids["run_id"])
        if row is None or row.parent_id is not None or row.type not in RUN_TYPES:
            raise NotFoundError("run")
        return Run.of(row, self._system.down())

    async def decide(self, call: Call[NoQuery, PruneDecision]) -> PruneDecided:
        """POST /v1/ingestion-runs/{id}/prune."""
        run_id = call.ids["run_id"]
        approve = call.body.decision == "approve"
        decided = await self._jobs.decide_prune(call.caller, run_id, approve=approve)
        return PruneDecided(run_id=run_id, state=decided.state, pages=decided.pages, retired=decided.retired)

    async def prunes(self, call: Call[PrunesQuery, NoBody]) -> PruneList:
        """GET /v1/prunes."""
        query = call.query
        found = await self._reader.prunes(call.caller.tenant_id, query.state, query.source_id, wanted(query))
        return page(PruneList, query, found.items, found.total)

    async def events(self, call: Call[NoQuery, NoBody]) -> web.StreamResponse:
        """GET /v1/ingestion-runs/{id}/events."""
        run_id, after = call.ids["run_id"], last_event_id(call.request)
        await self._following.first_look(call.caller, run_id)
        with self._following.place():
            response = web.StreamResponse(headers=headers_for(call.caller.request_id, call.request.path))
            response.content_type = "text/event-stream"
            response.headers["X-Accel-Buffering"] = "no"
            await response.prepare(call.request)
            async for happening in self._following.happenings(call.caller, run_id, after):
                if isinstance(happening, Logged):
                    after = happening.line.id
                await response.write(self._written(happening, after))
            await response.write_eof()
        return response

    def _written(self, happening: Happening, cursor: int) -> bytes:
        match happening:
            case Changed():
                return event("progress", _json(RunEvent.model_validate(happening)), cursor)
            case Logged(line=line):
                return event("log", _json(LogLine.model_validate(line)), cursor)
            case Ended(run=run):
                return event("done", _json(Run.of(run, self._system.down())), cursor)
            case Quiet():
                return HEARTBEAT


def last_event_id(request: web.BaseRequest) -> int:
    """Where a client wants to go on; 0 is the beginning.

    Raises:
        InvalidRequestError: the header holds no id that this server has sent.
    """
    given = request.headers.get("Last-Event-ID", "0")
    if not given.isascii() or not given.isdigit() or len(given) > _MAX_DIGITS:
        raise InvalidRequestError.at("header", "Last-Event-ID", msg="must be the id of an event")
    return int(given)


def _json(model: RunEvent | LogLine | Run) -> bytes:
    return model.model_dump_json().encode()
