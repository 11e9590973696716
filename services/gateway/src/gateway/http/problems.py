"""One table from the kind of an error to what the client is told (RFC 9457)."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import web

from gateway.core.errors import (
    BodyTooLargeError,
    BusyError,
    InvalidRequestError,
    RefusedError,
    TooManyAttemptsError,
    UnauthenticatedError,
)
from gateway.core.rate import RateLimitedError
from gateway.http.router import BadIdError, UnknownPathError, WrongMethodError
from gateway.http.throttle import refused_headers
from shared.errors import DependencyUnavailableError
from shared.observability.metrics import LIMIT_REFUSALS
from shared.postgres.account_errors import OperatorOnlyError
from shared.postgres.group_errors import GroupExistsError, GroupInUseError
from shared.postgres.intake_errors import (
    ConflictError,
    IngestInProgressError,
    NotFoundError,
    NotYoursError,
    SourceExistsError,
)
from shared.postgres.limits import QuotaExceededError
from shared.sealing import NoKeyError

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
    "unauthenticated": (401, "Sign in first"),
    "invalid_credentials": (401, "Not the right address or password"),
    "forbidden": (403, "Not allowed"),
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
    "too_many_webhooks": (409, "The tenant has as many webhooks as it may have"),
    "webhook_inactive": (409, "Nothing is sent to the webhook"),
    "delivery_in_flight": (409, "The delivery is being sent"),
    "no_seal_key": (409, "Secrets cannot be kept"),
    "already_decided": (409, "Somebody has decided already"),
    "user_exists": (409, "The user exists already"),
    "last_admin": (409, "Somebody has to remain"),
    "too_many_tokens": (409, "Too many API tokens"),
    "tenant_exists": (409, "The slug is or was a tenant's"),
    "own_tenant": (409, "It is your own tenant"),
    "conflict": (409, "The state does not allow this"),
    "quota_exceeded": (409, "The tenant has as much as it may have"),
    "too_large": (413, "Too large"),
    "unsupported_type": (415, "The type is not supported"),
    "validation_error": (422, "The request is not valid"),
    "unknown_job_type": (422, "There is no such type of job"),
    "blocked_address": (422, "The address may not be crawled"),
    "too_many_attempts": (429, "Too many attempts"),
    "rate_limited": (429, "Too many requests"),
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


def _quota(error: QuotaExceededError) -> Refusal:
    LIMIT_REFUSALS.inc(error.limit)
    return Refusal(
        code=error.code, detail=str(error), members={"limit": error.limit, "allowed": error.allowed}
    )


def _wrong_method(error: WrongMethodError) -> Refusal:
    allowed = ", ".join(error.allowed)
    return Refusal(
        code="method_not_allowed", detail=f"This path has the methods {allowed}.", headers={"Allow": allowed}
    )


_TABLE: Final[tuple[tuple[type[Exception] | tuple[type[Exception], ...], Callable[[Any], Refusal]], ...]] = (
    (InvalidRequestError, _invalid),
    (BadIdError, _bad_id),
    (UnknownPathError, lambda _: Refusal(code="not_found", detail="There is no such path.")),
    (WrongMethodError, _wrong_method),
    (BodyTooLargeError, _too_large),
    (
        BusyError,
        lambda e: Refusal(code=e.code, detail=str(e), headers={"Retry-After": str(RETRY_AFTER_SECONDS)}),
    ),
    (
        UnauthenticatedError,
        lambda e: Refusal(code=e.code, detail=str(e), headers={"WWW-Authenticate": 'Bearer realm="quern"'}),
    ),
    (
        TooManyAttemptsError,
        lambda e: Refusal(
            code=e.code, detail=str(e), headers={"Retry-After": str(math.ceil(e.retry_after_seconds))}
        ),
    ),
    (
        RateLimitedError,
        lambda e: Refusal(code=e.code, detail=str(e), headers=refused_headers(e)),
    ),
    (RefusedError, lambda e: Refusal(code=e.code, detail=str(e))),
    ((OperatorOnlyError, NotYoursError), lambda e: Refusal(code="forbidden", detail=str(e))),
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
    (NoKeyError, lambda e: Refusal(code="no_seal_key", detail=str(e))),
    (QuotaExceededError, _quota),
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
