"""Jobs, and the failed ones with their retry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quern.models.common import Page
from quern.models.jobs import FailedJob, Job, JobStarted, LogLine, Retried

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from quern.models.common import JobStatus
    from quern.models.jobs import HandlerName, LogLevel
    from quern.transport import Transport


class Jobs:
    """``/v1/jobs``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(
        self,
        *,
        status: JobStatus | None = None,
        type: str | None = None,  # noqa: A002  (the contract's name)
        parent_id: UUID | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[Job]:
        """Jobs, newest first: root jobs, unless a parent is given."""
        params = {"status": status, "type": type, "parent_id": parent_id, "limit": limit, "offset": offset}
        return await self._transport.get(Page[Job], "/v1/jobs", params)

    async def get(self, job_id: UUID) -> Job:
        """One job."""
        return await self._transport.get(Job, f"/v1/jobs/{job_id}")

    async def start(self, type: str, payload: Mapping[str, Any]) -> JobStarted:  # noqa: A002  (the contract's name)
        """Start a job; of type ``crawler`` the payload is ``url`` and ``depth``."""
        body = {"type": type, "payload": dict(payload)}
        return await self._transport.send(JobStarted, "POST", "/v1/jobs", body=body)

    async def children(self, job_id: UUID, *, limit: int = 50, offset: int = 0) -> Page[Job]:
        """The jobs below one."""
        params = {"limit": limit, "offset": offset}
        return await self._transport.get(Page[Job], f"/v1/jobs/{job_id}/children", params)

    async def logs(
        self, job_id: UUID, *, level: LogLevel = "debug", limit: int = 50, after: int = 0
    ) -> Page[LogLine]:
        """Lines of the log behind the id ``after``, of this level and those above."""
        params = {"level": level, "limit": limit, "after": after}
        return await self._transport.get(Page[LogLine], f"/v1/jobs/{job_id}/logs", params)

    async def cancel(self, job_id: UUID) -> None:
        """End a job."""
        await self._transport.send_empty("POST", f"/v1/jobs/{job_id}/cancel")

    async def rerun(self, job_id: UUID) -> JobStarted:
        """A new job of the same type and payload."""
        return await self._transport.send(JobStarted, "POST", f"/v1/jobs/{job_id}/rerun")

    async def copy(self, job_id: UUID, payload: Mapping[str, Any] | None = None) -> JobStarted:
        """The same with the given fields of the payload replaced."""
        body = None if payload is None else {"payload": dict(payload)}
        return await self._transport.send(JobStarted, "POST", f"/v1/jobs/{job_id}/copy", body=body)

    async def delete(self, job_id: UUID) -> None:
        """Remove a job that has ended."""
        await self._transport.send_empty("DELETE", f"/v1/jobs/{job_id}")

    async def failed(
        self,
        *,
        handler: HandlerName | None = None,
        error_code: str | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> Page[FailedJob]:
        """Failed units of work, newest first."""
        params = {"handler": handler, "error_code": error_code, "limit": limit, "offset": offset}
        return await self._transport.get(Page[FailedJob], "/v1/jobs/failed", params)

    async def retry(self, job_id: UUID) -> JobStarted:
        """Queue a failed job again; its id stays."""
        return await self._transport.send(JobStarted, "POST", f"/v1/jobs/{job_id}/retry")

    async def retry_many(
        self, *, ids: Sequence[UUID] | None = None, error_code: str | None = None
    ) -> Retried:
        """Queue these again, or all of an error code, or (with neither) all."""
        body: dict[str, Any] = {"all": True}
        if ids is not None:
            body = {"ids": [str(job_id) for job_id in ids]}
        elif error_code is not None:
            body = {"error_code": error_code}
        return await self._transport.send(Retried, "POST", "/v1/jobs/failed/retry", body=body)
