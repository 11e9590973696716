"""The status page at ``/``, and the description of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from gateway.core.runs import RUN_TYPES, progress_of, waiting_for
from gateway.http import html
from shared.errors import DependencyError
from shared.postgres.reads.jobs import JobFilter
from shared.postgres.reads.records import Slice
from shared.states import PruneState

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence

    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.route import Call
    from gateway.ports import JobReader, OperationReader
    from gateway.usecases.system import Overview, SystemView
    from shared.contracts.caller import Caller
    from shared.postgres.reads.records import FailedJobRow, JobRow, LedgerRow, PruneRow, StatsRow

_REFRESH_SECONDS: Final = 5
_FEW: Final = Slice(limit=10, offset=0)


class PageHandlers:
    """What a person sees in a browser."""

    def __init__(
        self, *, system: SystemView, operations: OperationReader, jobs: JobReader, api: Mapping[str, Any]
    ) -> None:
        self._system = system
        self._operations = operations
        self._jobs = jobs
        self._api = orjson.dumps(api)

    async def openapi(self, _call: Call[NoQuery, NoBody]) -> web.Response:
        """GET /v1/openapi.json."""
        return web.Response(body=self._api, content_type="application/json")

    async def status(self, call: Call[NoQuery, NoBody]) -> web.Response:
        """GET /."""
        overview = await self._system.look(call.caller)
        try:
            sections = await self._rows(call.caller)
        except DependencyError:
            sections = [html.paragraph("Postgres does not answer: there are no figures now.")]
        top = html.links([("API description", "/v1/openapi.json"), ("Readiness", "/readyz")])
        page = html.document(
            "Quern",
            [top, _components(overview), *sections, _queues(overview)],
            refresh_seconds=_REFRESH_SECONDS,
        )
        return web.Response(text=page, content_type="text/html", charset="utf-8")

    async def _rows(self, caller: Caller) -> list[str]:
        tenant = caller.tenant_id
        runs = await self._jobs.find(tenant, JobFilter(types=RUN_TYPES), _FEW)
        held = await self._jobs.prunes(tenant, PruneState.HELD, None, _FEW)
        failed = await self._jobs.failed(tenant, None, None, _FEW)
        return [
            _stats(await self._operations.stats(tenant)),
            _ledger(await self._operations.ledger(tenant)),
            *_held(held.items),
            _runs(runs.items, self._system.down()),
            _failed(failed.items, failed.total),
        ]


def _components(overview: Overview) -> str:
    rows = [
        (name, part.status, part.detail, part.since and part.since.isoformat(timespec="seconds"))
        for name, part in overview.components.items()
    ]
    return html.section(
        "System", html.table("Components", ("component", "status", "detail", "since"), rows, empty="")
    )


def _stats(stats: StatsRow) -> str:
    values = [("sources", stats.sources), ("documents", stats.documents), ("failed jobs", stats.failed_jobs)]
    return html.section("Contents", html.figures(values))


def _ledger(ledger: LedgerRow) -> str:
    names = ("accepted", "succeeded", "failed", "cancelled", "skipped", "in_flight")
    values = [(name.replace("_", " "), getattr(ledger, name)) for name in names]
    verdict = "Balanced: nothing is lost." if ledger.balanced else "NOT BALANCED: the rows do not agree."
    return html.section("Ledger", html.figures(values), html.paragraph(verdict))


def _held(held: Sequence[PruneRow]) -> list[str]:
    if not held:
        return []
    rows = [(row.run_id, row.source_name, f"{row.pages} of {row.served}", row.noted_at) for row in held]
    columns = ("run", "source", "pages that seem to be gone", "since")
    return [
        html.section(
            "Waiting for a decision",
            html.table("Held pages", columns, rows, empty=""),
            html.paragraph("They are served until somebody approves or rejects: quern prune RUN."),
        )
    ]


def _runs(runs: Sequence[JobRow], down: Container[str]) -> str:
    rows = [
        (run.id, run.type, run.status, waiting_for(run, down), f"{progress_of(run).percent} %", run.error)
        for run in runs
    ]
    columns = ("run", "type", "status", "waiting for", "progress", "error")
    return html.section("Latest runs", html.table("Runs", columns, rows, empty="There are no runs yet."))


def _failed(failed: Sequence[FailedJobRow], total: int) -> str:
    rows = [(job.id, job.handler, job.error_code, job.error, job.next_retry_at) for job in failed]
    columns = ("job", "handler", "code", "error", "next automatic retry")
    heading = f"Failed jobs ({total})"
    return html.section(heading, html.table("Failed jobs", columns, rows, empty="There are none."))


def _queues(overview: Overview) -> str:
    rows = [
        (channel.topic, channel.channel, channel.depth, channel.in_flight, channel.deferred)
        for topic in overview.topics
        for channel in topic.channels
    ]
    columns = ("topic", "channel", "waiting", "in flight", "deferred")
    return html.section("Queues", html.table("Queues", columns, rows, empty="nsqd shows no channels."))
