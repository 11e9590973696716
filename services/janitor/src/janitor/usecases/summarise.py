"""The errand ``summarizer``: a summary of each document, kept beside it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Final
from uuid import UUID

from janitor.core.extracting import extract
from janitor.core.steps import Complete, Lost, More
from shared.errors import ErrorCode, WorkError
from shared.postgres.summaries import NewSummary

if TYPE_CHECKING:
    from janitor.core.steps import Step
    from janitor.ports import ErrandRows, SummaryRows, SummaryWriter
    from shared.contracts.errands import Errand
    from shared.postgres.summaries import TextToSummarise

_BEFORE_ALL: Final = UUID(int=0)
#: What an endpoint answers to a text that it does not take; None: with no summary.
_REFUSED_TEXTS: Final = (None, 400, 413, 422)
#: Where the next step goes on, in the errand's figures.
LAST: Final = "last_document_id"


class Summarise:
    """Summarises one document in each step.

    Args:
        rows: of texts and summaries.
        errands: whose progress is noted.
        writer: None: summaries are made of the documents' own sentences.
    """

    def __init__(self, *, rows: SummaryRows, errands: ErrandRows, writer: SummaryWriter | None) -> None:
        self._rows = rows
        self._errands = errands
        self._writer = writer

    async def step(self, errand: Errand) -> Step:
        """Summarise the next document.

        Raises:
            WorkError: the endpoint that writes summaries does not.
        """
        if "documents" not in errand.stats:
            return await self._begin(errand)
        last = errand.stats.get(LAST)
        text = await self._rows.next(errand, after=UUID(last) if last else _BEFORE_ALL)
        if text is None:
            return self._complete(errand)
        try:
            summary = await self._summary(errand, text)
        except WorkError as error:
            if not _is_about_the_document(error):
                raise
            further = _further(errand, text, "failed")
            line = {"line": error.sentence, "level": "warning"}
            kept = await self._errands.advance(further, **line, document_id=str(text.document_id))
            return More(further) if kept else Lost()
        if summary is None:
            further = _further(errand, text, "skipped")
            kept = await self._errands.advance(
                further, line="nothing_to_summarise", document_id=str(text.document_id)
            )
        else:
            further = _further(errand, text, "succeeded")
            kept = await self._rows.store(further, text, summary)
        return More(further) if kept else Lost()

    async def _begin(self, errand: Errand) -> Step:
        total = await self._rows.count(errand)
        method = "extractive" if self._writer is None else "model"
        begun = errand.advanced(replace(errand.progress, total=total), documents=total, method=method)
        going_on = await self._errands.advance(begun, line="looked", documents=total, method=method)
        return More(begun) if going_on else Lost()

    async def _summary(self, errand: Errand, text: TextToSummarise) -> NewSummary | None:
        """None where nothing of the document is served, or nothing of it is text."""
        if text.version_id is None or not (text.markdown or "").strip():
            return None
        wanted = int(errand.payload["sentences"])
        markdown = text.markdown or ""
        if self._writer is not None:
            written = await self._writer.summarise(text.title or "", markdown, sentences=wanted)
            return NewSummary(text=written, method="model", model=self._writer.model)
        # Some tenths of a second of a long document: beside the loop, which renews the lease.
        extracted = await asyncio.to_thread(extract, markdown, wanted=wanted)
        return NewSummary(text=extracted, method="extractive") if extracted else None

    @staticmethod
    def _complete(errand: Errand) -> Step:
        counts = errand.progress
        if counts.failed and not counts.succeeded:
            raise WorkError(
                ErrorCode.SUMMARY_REFUSED,
                "The endpoint QUERN_SUMMARY_URL summarised none of the documents: the job's log says why.",
                retryable=False,
            )
        done = counts.succeeded + counts.skipped + counts.failed
        return Complete(errand.advanced(replace(counts, total=done)))


def _further(errand: Errand, text: TextToSummarise, became: str) -> Errand:
    counts = errand.progress
    counts = replace(counts, **{became: getattr(counts, became) + 1})
    # There may be more: documents that came to the source meanwhile.
    total = max(counts.total, counts.succeeded + counts.skipped + counts.failed)
    return errand.advanced(replace(counts, total=total), **{LAST: str(text.document_id)})


def _is_about_the_document(error: WorkError) -> bool:
    """Whether the endpoint refused this text, and may take the next one; not the key or the address."""
    return error.code is ErrorCode.SUMMARY_REFUSED and error.http_status in _REFUSED_TEXTS
