"""Payloads of the jobs that a janitor does: cleanups, summaries, and making the index anew."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BeforeValidator, Field, model_validator

from gateway.http.models.common import Input, Output, Text
from shared.states import ErrandType

EndState = Literal["succeeded", "failed", "cancelled", "skipped"]
_DAYS = 36_500.0


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


class CleanupPayload(Input):
    """Which ended jobs a cleanup removes."""

    age_threshold_days: float = Field(
        30.0, ge=0, le=_DAYS, description="Since they ended; not below the installation's minimum."
    )
    status_filter: Annotated[list[EndState], BeforeValidator(_one_or_more)] = Field(
        default=["succeeded"],
        min_length=1,
        max_length=4,
        description="How they ended: one word or several. Without `failed`, runs that have a failed job stay.",
    )
    dry_run: bool = Field(default=False, description="Only count, in the job's stats.")


class SummarizerPayload(Input):
    """What is to be summarised: documents, or those of a source."""

    document_ids: list[UUID] | None = Field(None, min_length=1, max_length=1000)
    source_id: UUID | None = None
    sentences: int = Field(5, ge=1, le=20, description="Of each summary, at most.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.document_ids is None) == (self.source_id is None):
            raise ValueError("give exactly one of document_ids and source_id")
        return self


class ReembedPayload(Input):
    """Of which source the index is to be made anew."""

    source_id: UUID


PAYLOADS: dict[ErrandType, type[Input]] = {
    ErrandType.CLEANUP: CleanupPayload,
    ErrandType.SUMMARIZER: SummarizerPayload,
    ErrandType.REEMBED: ReembedPayload,
}


class CopiedUpload(Input):
    """What may be replaced in a copy of an upload."""

    title: Text | None = Field(None, min_length=1, max_length=500)
    version_label: Text | None = Field(None, min_length=1, max_length=200)


class CopiedActivation(Input):
    """What may be replaced in a copy of an activation."""

    version_id: UUID


class ReembedSources(Input):
    """Of which sources the index is to be made anew."""

    source_ids: list[UUID] = Field(min_length=1, max_length=500)


class ReembedRun(Output):
    """A source, and the run that makes its index anew."""

    source_id: UUID
    run_id: UUID


class ReembedStarted(Output):
    """The runs, in the order of the request; a source named twice has one."""

    runs: list[ReembedRun]
