"""Uploads: a translation and one call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import ValidationError

from gateway.core.errors import Fault, InvalidRequestError
from gateway.core.forms import Described
from gateway.http.models.uploads import UploadAccepted, UploadFields

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.http.form import FormReader
    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.route import Call
    from gateway.usecases.uploads import Uploads


class UploadHandlers:
    """/v1/ingest."""

    def __init__(self, *, uploads: Uploads, form: FormReader) -> None:
        self._uploads = uploads
        self._form = form

    async def ingest(self, call: Call[NoQuery, NoBody]) -> UploadAccepted:
        """POST /v1/ingest."""
        accepted = await self._uploads.receive(call.caller, self._form.events(call.request), described)
        return UploadAccepted.model_validate(accepted)


def described(fields: Mapping[str, str]) -> Described:
    """Read the text fields of a form.

    Raises:
        InvalidRequestError: one of them is not what it should be.
    """
    try:
        # An empty field of a browser's form means that nothing was entered.
        given = UploadFields.model_validate_strings({name: text for name, text in fields.items() if text})
    except ValidationError as error:
        raise InvalidRequestError(
            [Fault(("form", *fault["loc"]), fault["msg"]) for fault in error.errors(include_url=False)]
        ) from None
    return Described(group_id=given.group_id, title=given.title, version_label=given.version_label)
