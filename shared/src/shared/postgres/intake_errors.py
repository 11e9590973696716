"""Why a request about sources, documents and jobs is refused; the gateway maps these to problems."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import QuernError

if TYPE_CHECKING:
    from uuid import UUID


class NotFoundError(QuernError):
    """There is no such thing for this tenant, or it is being deleted."""

    def __init__(self, kind: str) -> None:
        super().__init__(f"There is no such {kind}.")
        self.kind = kind


class SourceExistsError(QuernError):
    """A live source has this URL already."""

    def __init__(self, source_id: UUID) -> None:
        super().__init__(f"Source {source_id} has this URL already: sync it instead of adding it again.")
        self.source_id = source_id


class IngestInProgressError(QuernError):
    """The source has an active run."""

    def __init__(self, run_id: UUID) -> None:
        super().__init__(f"Run {run_id} of this source is active: wait for it, or delete with force=true.")
        self.run_id = run_id


class ConflictError(QuernError):
    """The state of the job or document does not allow this; ``code`` says which state."""

    code = "conflict"


class AlreadyFinishedError(ConflictError):
    """The job has ended already."""

    code = "already_finished"


class AlreadyRetriedError(ConflictError):
    """The job is queued or running again already."""

    code = "already_retried"


class NotFailedError(ConflictError):
    """The job never failed, so that there is nothing to retry."""

    code = "not_failed"


class RunCancelledError(ConflictError):
    """The job's run was cancelled: start a new one."""

    code = "run_cancelled"


class AlreadyActiveError(ConflictError):
    """This version is the active one already."""

    code = "already_active"


class JobActiveError(ConflictError):
    """The job is queued or running: cancel it first."""

    code = "job_active"


class NothingHeldError(ConflictError):
    """The run found no pages gone that would wait for a decision."""

    code = "nothing_held"


class AlreadyDecidedError(ConflictError):
    """What the run held has been approved, rejected, or superseded by a later run."""

    code = "already_decided"
