"""The settings of the ingest-worker."""

from __future__ import annotations

from typing import Self

from pydantic import Field, PositiveFloat, PositiveInt, model_validator

from shared.settings import CommonSettings, CrawlSettings, FileSettings, NsqSettings, PipelineSettings

WORK_SHARE = 0.8
"""Of a job's deadline, what one step of its work may take."""


class WorkerSettings(CommonSettings, NsqSettings, PipelineSettings, CrawlSettings, FileSettings):
    """All of them."""

    worker_slots: PositiveInt = Field(16, description="pages and files that one worker works on at once")
    parser_processes: PositiveInt = Field(
        1,
        description="parser processes of one worker for pages and small files; one for large files comes on top",
    )
    page_parse_timeout_seconds: PositiveFloat = Field(
        60.0, description="seconds for parsing one page; then its parser process is ended"
    )
    file_parse_timeout_seconds: PositiveFloat = Field(
        600.0, description="seconds for parsing one file; then its parser process is ended"
    )
    parser_memory_bytes: PositiveInt = Field(
        2_147_483_648, description="memory that one parser process may take, in bytes"
    )
    chunk_characters: PositiveInt = Field(1000, description="characters of a chunk, at most")
    result_part_bytes: PositiveInt = Field(
        900_000, description="bytes of one message with a result; larger results travel in parts"
    )
    robots_keep_seconds: PositiveFloat = Field(
        3600.0, description="seconds that an answer to robots.txt counts"
    )
    robots_retry_seconds: PositiveFloat = Field(
        2.0, description="seconds before a robots.txt that was not answered is asked for again"
    )

    @model_validator(mode="after")
    def _check_worker(self) -> Self:
        self.require(
            "result_part_bytes",
            lambda part, message: part <= message,
            "max_msg_bytes",
            "a part must fit into a message of nsqd",
        )
        self.require(
            "page_timeout_seconds",
            lambda page, message: page < message,
            "msg_timeout_seconds",
            "a page whose signs of life are held up would be given to a second worker while it is being fetched",
        )
        for name in ("page_timeout_seconds", "page_parse_timeout_seconds", "file_parse_timeout_seconds"):
            self.require(
                name,
                lambda timeout, deadline: timeout <= WORK_SHARE * deadline,
                "job_deadline_seconds",
                f"a job has {WORK_SHARE:.0%} of its time for this, the rest for waiting for a parser and for nsqd; "
                "it would be taken away from a worker that is still allowed to work on it",
            )
        self.require(
            "job_deadline_seconds",
            lambda deadline, most: deadline < most,
            "max_msg_timeout_seconds",
            "nsqd would give a job to a second worker while the first is still allowed to work on it",
        )
        return self

    @property
    def delivery_patience_seconds(self) -> float:
        """How long the parts of one result wait for an nsqd that is away; then the job is handed back."""
        return (1 - WORK_SHARE) / 2 * self.job_deadline_seconds

    @property
    def parser_wait_seconds(self) -> float:
        """How long a document may wait in each of two lanes of parsers; then its job is handed back, untried."""
        work = max(
            2 * self.page_timeout_seconds + self.page_parse_timeout_seconds, self.file_parse_timeout_seconds
        )
        return max(1.0, (self.job_deadline_seconds - work - self.delivery_patience_seconds) / 2)
