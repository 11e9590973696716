"""What can go wrong when talking to a gateway, told apart by what the caller should do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID


class ClientError(Exception):
    """Base of every error of this client; the message is a sentence for people."""


class BadAddressError(ClientError):
    """The address of the gateway is not an http(s) URL."""


class UnreachableError(ClientError):
    """No connection, or one that broke: is Quern running at this address?"""


class NoAnswerError(ClientError):
    """The gateway took the connection and did not answer in time; whether it did the work is not known."""


class UnexpectedAnswerError(ClientError):
    """The answer is not of the contract: most often another server listens at this address."""


class UploadFileError(ClientError):
    """The file cannot be read, or changed while it was read."""


class WaitTimeoutError(ClientError):
    """What was waited for had not ended when the time was over; it goes on all the same."""

    def __init__(self, waited_for: UUID, timeout_seconds: float, *, what: str = "Run") -> None:
        super().__init__(f"{what} {waited_for} has not ended after {timeout_seconds:g} seconds; it goes on.")
        self.waited_for = waited_for


@dataclass(frozen=True, slots=True)
class FieldFault:
    """What is wrong with one field: ``loc`` begins with body, query, path or form."""

    loc: tuple[str | int, ...]
    msg: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.loc[1:] or self.loc))}: {self.msg}"


class ProblemError(ClientError):
    """The gateway refused the request (RFC 9457 problem details).

    Attributes:
        code: stable, for programs.
        status: the HTTP status.
        title: what kind of problem it is, in a few words.
        detail: a sentence about this very case.
        request_id: finds the request in the services' logs.
        faults: of a validation error, what is wrong with which field.
        members: further members of the problem, such as ``source_id`` of ``source_exists``.
        retry_after_seconds: how long the gateway asks to wait, where it does.
    """

    def __init__(
        self,
        *,
        code: str,
        status: int,
        title: str,
        detail: str,
        request_id: str,
        faults: tuple[FieldFault, ...] = (),
        members: Mapping[str, object] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(" ".join([detail or title, *(f"{fault}." for fault in faults)]))
        self.code = code
        self.status = status
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.faults = faults
        self.members = dict(members or {})
        self.retry_after_seconds = retry_after_seconds
