"""Jobs: a translation and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import orjson
from pydantic import BaseModel

from gateway.core.errors import Fault, InvalidRequestError
from gateway.http.binding import parse_json
from gateway.http.models.jobs import (
    CopiedCrawl,
    CrawlerPayload,
    FailedJobList,
    Job,
    JobList,
    JobStarted,
    LogLineList,
    Retried,
)
from gateway.http.paging import page, wanted
from gateway.usecases.jobs import require_type
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.reads.jobs import JobFilter

if TYPE_CHECKING:
    from gateway.http.models.common import Json, NoBody, NoQuery, PageQuery
    from gateway.http.models.jobs import CopyJob, FailedQuery, JobsQuery, LogsQuery, RetryMany, StartJob
    from gateway.http.route import Call
    from gateway.ports import JobReader
    from gateway.usecases.jobs import Jobs
    from gateway.usecases.sources import Sources
    from gateway.usecases.system import SystemView
    from shared.contracts.caller import Caller

M = TypeVar("M", bound=BaseModel)

#: What can be started by its type.
STARTED_TYPES: Final = ("crawler",)

_LEVELS: Final = ("debug", "info", "warning", "error")


class JobHandlers:
    """Everything below /v1/jobs."""

    def __init__(self, *, jobs: Jobs, sources: Sources, reader: JobReader, system: SystemView) -> None:
        self._jobs = jobs
        self._sources = sources
        self._reader = reader
        self._system = system

    async def find(self, call: Call[JobsQuery, NoBody]) -> JobList:
        """GET /v1/jobs."""
        query = call.query
        types = None if query.type is None else (query.type,)
        chosen = JobFilter(types=types, status=query.status, parent_id=query.parent_id)
        return await self._list(call.caller, query, chosen)

    async def children(self, call: Call[PageQuery, NoBody]) -> JobList:
        """GET /v1/jobs/{id}/children."""
        parent_id = call.ids["job_id"]
        if await self._reader.get(call.caller.tenant_id, parent_id) is None:
            raise NotFoundError("job")
        return await self._list(call.caller, call.query, JobFilter(parent_id=parent_id))

    async def _list(self, caller: Caller, query: PageQuery, chosen: JobFilter) -> JobList:
        found = await self._reader.find(caller.tenant_id, chosen, wanted(query))
        down = self._system.down()
        return page(JobList, query, (Job.of(row, down) for row in found.items), found.total)

    async def get(self, call: Call[NoQuery, NoBody]) -> Job:
        """GET /v1/jobs/{id}."""
        row = await self._reader.get(call.caller.tenant_id, call.ids["job_id"])
        if row is None:
            raise NotFoundError("job")
        return Job.of(row, self._system.down())

    async def logs(self, call: Call[LogsQuery, NoBody]) -> LogLineList:
        """GET /v1/jobs/{id}/logs."""
        query = call.query
        levels = _LEVELS[_LEVELS.index(query.level) :]
        found = await self._reader.logs(
            call.caller.tenant_id, call.ids["job_id"], levels, query.after, wanted(query)
        )
        if found is None:
            raise NotFoundError("job")
        return page(LogLineList, query, found.items, found.total)

    async def start(self, call: Call[NoQuery, StartJob]) -> JobStarted:
        """POST /v1/jobs."""
        require_type(call.body.type, STARTED_TYPES)
        payload = _payload(CrawlerPayload, call.body.payload)
        return JobStarted(job_id=await self._sources.crawl(call.caller, url=payload.url, depth=payload.depth))

    async def failed(self, call: Call[FailedQuery, NoBody]) -> FailedJobList:
        """GET /v1/jobs/failed."""
        query = call.query
        found = await self._reader.failed(
            call.caller.tenant_id, query.handler, query.error_code, wanted(query)
        )
        return page(FailedJobList, query, found.items, found.total)

    async def retry_many(self, call: Call[NoQuery, RetryMany]) -> Retried:
        """POST /v1/jobs/failed/retry."""
        body = call.body
        done = await self._jobs.retry_many(call.caller, ids=body.ids, error_code=body.error_code)
        return Retried(retried=done.retried, remaining=done.remaining)

    async def cancel(self, call: Call[NoQuery, NoBody]) -> JobStarted:
        """POST /v1/jobs/{id}/cancel."""
        job_id = call.ids["job_id"]
        await self._jobs.cancel(call.caller, job_id)
        return JobStarted(job_id=job_id)

    async def retry(self, call: Call[NoQuery, NoBody]) -> JobStarted:
        """POST /v1/jobs/{id}/retry."""
        return JobStarted(job_id=await self._jobs.retry(call.caller, call.ids["job_id"]))

    async def rerun(self, call: Call[NoQuery, NoBody]) -> JobStarted:
        """POST /v1/jobs/{id}/rerun."""
        return JobStarted(job_id=await self._jobs.rerun(call.caller, call.ids["job_id"]))

    async def copy(self, call: Call[NoQuery, CopyJob]) -> JobStarted:
        """POST /v1/jobs/{id}/copy."""
        job_id = call.ids["job_id"]
        if not call.body.payload:
            return JobStarted(job_id=await self._jobs.rerun(call.caller, job_id))
        changes = _payload(CopiedCrawl, call.body.payload)
        return JobStarted(
            job_id=await self._jobs.copy_crawl(call.caller, job_id, url=changes.url, depth=changes.depth)
        )

    async def remove(self, call: Call[NoQuery, NoBody]) -> None:
        """DELETE /v1/jobs/{id}."""
        await self._jobs.remove(call.caller, call.ids["job_id"])


def _payload(model: type[M], payload: Json) -> M:
    try:
        return parse_json(model, orjson.dumps(payload))
    except InvalidRequestError as error:
        raise InvalidRequestError(
            [Fault(("body", "payload", *fault.loc[1:]), fault.msg) for fault in error.faults]
        ) from None
