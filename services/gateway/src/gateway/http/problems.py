"""One table from the kind of an error to what the client is told (RFC 9457)."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from gateway.core.errors import BodyTooLargeError, BusyError, InvalidRequestError, RefusedError
from gateway.http.router import BadIdError, UnknownPathError, WrongMethodError
from shared.errors import DependencyUnavailableError
from shared.postgres.group_errors import GroupExistsError, GroupInUseError
from shared.postgres.intake_errors import (
    ConflictError,
    IngestInProgressError,
    NotFoundError,
    SourceExistsError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MEDIA_TYPE: Final = "application/problem+json"
RETRY_AFTER_SECONDS: Final = 5

#: Every code with its status and title: what OpenAPI lists.
CODES: Final[Mapping[str, tuple[int, str]]] = {
    "bad_request": (400, "The request is not valid HTTP"),
    "malformed_json": (400, "The body is not JSON"),
    "malformed_upload": (400, "The body is not multipart/form-data"),
    "empty_file": (400, "The file is empty"),
    "incomplete_upload": (400, "The upload is incomplete"),
    "cross_site": (403, "Requests of other sites are refused"),
    "not_found": (404, "Not found"),
    "method_not_allowed": (405, "The path does not have this method"),
    "source_exists": (409, "The source exists already"),
    "ingest_in_progress": (409, "A run of the source is active"),
    "already_finished": (409, "The job has ended already"),
    "already_retried": (409, "The job is in flight again already"),
    "not_failed": (409, "The job has not failed"),
    "run_cancelled": (409, "The run was cancelled"),
    "already_active": (409, "The version is active already"),
    "job_active": (409, "The job is active"),
    "group_in_use": (409, "The group is in use"),
    "group_exists": (409, "The group exists already"),
    "nothing_held": (409, "The run holds no pages"),
    "already_decided": (409, "Somebody has decided already"),
    "conflict": (409, "The state does not allow this"),
    "too_large": (413, "Too large"),
    "unsupported_type": (415, "The type is not supported"),
    "validation_error": (422, "The request is not valid"),
    "unknown_job_type": (422, "There is no such type of job"),
    "blocked_address": (422, "The address may not be crawled"),
    "internal_error": (500, "Internal error"),
    "dependency_unavailable": (503, "A dependency is not available"),
    "busy": (503, "Too many at once"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A problem before it knows its request."""

    code: str
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        """The HTTP status."""
        return CODES[self.code][0]

    def response(self, request_id: str) -> web.Response:
        """The answer, as problem+json."""
        status, title = CODES[self.code]
        body = {
            "type": f"urn:quern:problem:{self.code}",
            "title": title,
            "status": status,
            "detail": self.detail,
            "code": self.code,
            "request_id": request_id,
            **self.members,
        }
        return web.Response(
            status=status, body=orjson.dumps(body), content_type=MEDIA_TYPE, headers=dict(self.headers)
        )


def _invalid(error: InvalidRequestError) -> Refusal:
    errors = [{"loc": list(fault.loc), "msg": fault.msg} for fault in error.faults]
    return Refusal(code="validation_error", detail=str(error), members={"errors": errors})


def _bad_id(error: BadIdError) -> Refusal:
    return _invalid(InvalidRequestError.at("path", error.name, msg="must be a UUID"))


def _too_large(error: BodyTooLargeError) -> Refusal:
    return Refusal(code=error.code, detail=str(error), members={"limit_bytes": error.limit_bytes})


def _unavailable(error: DependencyUnavailableError) -> Refusal:
    # The message of a driver can hold addresses: the client is told which dependency, and no more.
    return Refusal(
        code="dependency_unavailable",
        detail=f"{error.dependency} does not answer now. Try again in some seconds.",
        headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
    )


def _wrong_method(error: WrongMethodError) -> Refusal:
    allowed = ", ".join(error.allowed)
    return Refusal(
        code="method_not_allowed", detail=f"This path has the methods {allowed}.", headers={"Allow": allowed}
    )


_TABLE: Final[tuple[tuple[type[Exception], Callable[[Any], Refusal]], ...]] = (
    (InvalidRequestError, _invalid),
    (BadIdError, _bad_id),
    (UnknownPathError, lambda _: Refusal(code="not_found", detail="There is no such path.")),
    (WrongMethodError, _wrong_method),
    (BodyTooLargeError, _too_large),
    (
        BusyError,
        lambda e: Refusal(code=e.code, detail=str(e), headers={"Retry-After": str(RETRY_AFTER_SECONDS)}),
    ),
    (RefusedError, lambda e: Refusal(code=e.code, detail=str(e))),
    (NotFoundError, lambda e: Refusal(code="not_found", detail=str(e))),
    (
        SourceExistsError,
        lambda e: Refusal(code="source_exists", detail=str(e), members={"source_id": str(e.source_id)}),
    ),
    (
        IngestInProgressError,
        lambda e: Refusal(code="ingest_in_progress", detail=str(e), members={"run_id": str(e.run_id)}),
    ),
    (GroupExistsError, lambda e: Refusal(code="group_exists", detail=str(e))),
    (GroupInUseError, lambda e: Refusal(code="group_in_use", detail=str(e))),
    (ConflictError, lambda e: Refusal(code=e.code, detail=str(e))),
    (DependencyUnavailableError, _unavailable),
)


def refusal(error: BaseException) -> Refusal | None:
    """What the client is told about ``error``; None for a kind that nobody foresaw."""
    for kind, made in _TABLE:
        if isinstance(error, kind):
            return made(error)
    return None


def http_refusal(status: int, detail: str) -> Refusal:
    """What the client is told where the HTTP server itself refuses."""
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Refusal(code="too_large", detail=detail)
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return Refusal(code="bad_request", detail=detail)
    return INTERNAL_ERROR


INTERNAL_ERROR: Final = Refusal(
    code="internal_error", detail="Something went wrong here; the request id finds it in the logs."
)
