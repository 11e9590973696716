"""Shapes of rebuilding the index."""

from uuid import UUID

from pydantic import Field

from gateway.http.models.common import Input, Output, Time


class RebuildInput(Input):
    """What is to be indexed anew."""

    source_id: UUID | None = Field(default=None, description="One source; all of them where left out.")


class Rebuild(Output):
    """How far a rebuild of the index is; the old index serves until each part of the new one is verified."""

    id: UUID
    source_id: UUID | None
    requested_at: Time
    finished_at: Time | None = Field(description="Null while it goes on.")
    reason: str | None = Field(
        description="Why it ended before all was done: `collection_changed`, another model's index is written now. "
        "Null otherwise."
    )
    total: int = Field(description="Chunks that were served when it was asked for.")
    done: int = Field(description="Chunks indexed anew so far.")
