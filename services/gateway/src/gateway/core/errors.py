"""Why the gateway itself refuses a request; what Postgres refuses is in ``shared.postgres.intake_errors``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.errors import QuernError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field: ``loc`` begins with body, query, path, header or form."""

    loc: tuple[str | int, ...]
    msg: str


class InvalidRequestError(QuernError):
    """Fields are unknown, missing, of a wrong type or out of range."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("The request does not have the expected form.")
        self.faults = tuple(faults)

    @classmethod
    def at(cls, *loc: str | int, msg: str) -> InvalidRequestError:
        """One fault."""
        return cls([Fault(loc, msg)])


class RefusedError(QuernError):
    """A request that is refused with a code of its own; the message is the sentence for people."""

    code = "bad_request"


class MalformedJsonError(RefusedError):
    """The body is not JSON."""

    code = "malformed_json"


class MalformedUploadError(RefusedError):
    """The body is not multipart/form-data as RFC 7578 has it."""

    code = "malformed_upload"


class IncompleteUploadError(RefusedError):
    """The upload ended before its final boundary."""

    code = "incomplete_upload"


class EmptyFileError(RefusedError):
    """The file has no content."""

    code = "empty_file"


class CrossSiteError(RefusedError):
    """A browser sent a change on behalf of another site."""

    code = "cross_site"


class BodyTooLargeError(RefusedError):
    """The file or body is larger than allowed."""

    code = "too_large"

    def __init__(self, what: str, limit_bytes: int) -> None:
        super().__init__(f"The {what} is larger than the {limit_bytes} bytes that are allowed.")
        self.limit_bytes = limit_bytes


class UnsupportedTypeError(RefusedError):
    """Nothing here reads files of this kind."""

    code = "unsupported_type"


class UnknownJobTypeError(RefusedError):
    """There is no such type of job."""

    code = "unknown_job_type"


class BlockedUrlError(RefusedError):
    """The address may not be crawled."""

    code = "blocked_address"


class BusyError(RefusedError):
    """As many as allowed do this at the moment; trying again later can help."""

    code = "busy"
