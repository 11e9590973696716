"""Shapes of uploads."""

from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import StringConstraints

from gateway.http.models.common import Input, Output, Storable

Label = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True), Storable]


class UploadFields(Input):
    """The fields of the form beside the file, all text."""

    group_id: UUID | None = None
    title: (
        Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True), Storable]
        | None
    ) = None
    version_label: Label | None = None


class UploadAccepted(Output):
    """A file that was taken in."""

    run_id: UUID
    status: Literal["queued", "skipped"]
    source_id: UUID
    document_id: UUID
    reason: str | None
    duplicate_of: UUID | None


#: The form, for OpenAPI.
FORM: Final[dict[str, Any]] = {
    "type": "object",
    "required": ["file"],
    "additionalProperties": False,
    "properties": {
        "file": {"type": "string", "contentMediaType": "application/octet-stream"},
        "group_id": {"type": "string", "format": "uuid"},
        "title": {"type": "string", "minLength": 1, "maxLength": 500},
        "version_label": {"type": "string", "minLength": 1, "maxLength": 200},
    },
}
