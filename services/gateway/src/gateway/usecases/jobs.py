"""What people do with jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.errors import InvalidRequestError, UnknownJobTypeError
from shared.observability.metrics import PRUNE_DECISIONS
from shared.postgres.intake_errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from gateway.ports import Announcer, Intake, JobReader, SourceReader
    from gateway.usecases.sources import Sources
    from shared.contracts.caller import Caller
    from shared.postgres.prune_decisions import Decided
    from shared.postgres.steering import RetriedMany


class Jobs:
    """Starts, cancels, retries and removes jobs."""

    def __init__(
        self,
        *,
        intake: Intake,
        jobs: JobReader,
        source_reader: SourceReader,
        sources: Sources,
        announcer: Announcer,
    ) -> None:
        self._intake = intake
        self._jobs = jobs
        self._source_reader = source_reader
        self._sources = sources
        self._announcer = announcer

    async def cancel(self, caller: Caller, job_id: UUID) -> None:
        """End a job, and with a run all its open pages; what waited for it is announced.

        Raises:
            NotFoundError: no such job.
            AlreadyFinishedError: it has ended.
        """
        await self._intake.cancel(caller=caller, job_id=job_id)
        self._announcer.announce()

    async def retry(self, caller: Caller, job_id: UUID) -> UUID:
        """Queue a failed job again.

        Raises:
            NotFoundError, AlreadyRetriedError, NotFailedError, RunCancelledError: as the intake.
        """
        retried = await self._intake.retry(caller=caller, job_id=job_id)
        self._announcer.announce()
        return retried

    async def retry_many(
        self, caller: Caller, *, ids: Sequence[UUID] | None, error_code: str | None
    ) -> RetriedMany:
        """Queue dead jobs again: those given, those of a class, or all."""
        retried = await self._intake.retry_many(caller=caller, ids=ids, error_code=error_code)
        self._announcer.announce()
        return retried

    async def decide_prune(self, caller: Caller, run_id: UUID, *, approve: bool) -> Decided:
        """Retire, or keep, the pages that a run holds because most of its source seems to be gone.

        Raises:
            NotFoundError, NothingHeldError, AlreadyDecidedError: as the intake.
        """
        decided = await self._intake.decide_prune(caller=caller, run_id=run_id, approve=approve)
        PRUNE_DECISIONS.inc("approve" if approve else "reject")
        return decided

    async def rerun(self, caller: Caller, job_id: UUID) -> UUID:
        """A new job of the same type and payload.

        Raises:
            NotFoundError: no such job, or its source is gone.
            ConflictError: it is a page.
        """
        run_id = await self._intake.rerun(caller=caller, job_id=job_id)
        self._announcer.announce()
        return run_id

    async def copy_crawl(self, caller: Caller, job_id: UUID, *, url: str | None, depth: int | None) -> UUID:
        """The same crawl with another URL or depth.

        Raises:
            NotFoundError: no such job, or its source is gone.
            InvalidRequestError: the job is no crawl, or the URL cannot be used.
            BlockedUrlError: the address may not be crawled.
        """
        job = await self._jobs.get(caller.tenant_id, job_id)
        if job is None or job.source_id is None:
            raise NotFoundError("job")
        if job.type != "crawler":
            raise InvalidRequestError.at("body", "payload", msg="only the payload of a crawl can be replaced")
        if url is None:
            source = await self._source_reader.get(caller.tenant_id, job.source_id)
            if source is None or source.url is None:
                raise NotFoundError("source")
            url = source.url
        return await self._sources.crawl(caller, url=url, depth=depth, settings=job.config)

    async def remove(self, caller: Caller, job_id: UUID) -> None:
        """Remove a job that has ended.

        Raises:
            NotFoundError: no such job.
            JobActiveError: it is active.
        """
        await self._intake.delete_job(caller=caller, job_id=job_id)


def require_type(given: str, known: Sequence[str]) -> None:
    """Check the type of a job that is to be started.

    Raises:
        UnknownJobTypeError: nobody works on such jobs.
    """
    if given not in known:
        raise UnknownJobTypeError(f"There is no job type {given!r}. Known are: {', '.join(known)}.")
