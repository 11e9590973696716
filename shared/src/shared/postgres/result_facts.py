"""What the rows say about a batch of results, once they are locked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.ids import document_id
from shared.states import Handler, JobStatus
from shared.states import Stage as JobStage
from shared.verdicts import JobFacts

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.messages import PageReport, ResultMessage
    from shared.postgres.locks import Family


@dataclass(frozen=True, slots=True)
class ResultFacts:
    """From a result to its rows."""

    family: Family

    def of_job(self, message: ResultMessage) -> JobFacts | None:
        """What its verdict depends on, None where there is no such job."""
        job = self.family.jobs.get(message.job_id)
        if job is None:
            return None
        return JobFacts(
            status=JobStatus(job["status"]),
            stage=JobStage(job["stage"]) if job["stage"] else None,
            epoch=job["epoch"],
            attempt=job["attempt"],
            max_attempts=job["max_attempts"],
            retries=job["retries"],
            # A file is the only page of its run.
            is_seed=job["is_seed"] or job["handler"] == Handler.FILE,
            source_is_live=self.family.source_is_live(job),
            run_seq=self.family.roots[job["root_id"]]["seq"],
        )

    def job(self, message: ResultMessage) -> Record:
        """Its job's row."""
        return self.family.jobs[message.job_id]

    def run(self, message: ResultMessage) -> Record:
        """Its run's row."""
        return self.family.roots[self.job(message)["root_id"]]

    def key(self, message: ResultMessage) -> str:
        """The identity of the page that it turned out to be."""
        if message.page is None:
            return str(self.job(message)["url_key"])
        return message.page.canonical_key or message.page.final_key

    def document(self, message: ResultMessage) -> UUID:
        """The document that its content belongs to."""
        job = self.job(message)
        if message.handler == Handler.FILE:
            found: UUID = job["document_id"]
            return found
        return document_id(job["source_id"], self.key(message))


def is_itself(page: PageReport) -> bool:
    """Whether the URL that was asked is the page: neither a redirect nor another canonical URL stands in between."""
    return page.asked_key == page.final_key and page.canonical_key in {None, page.asked_key}
