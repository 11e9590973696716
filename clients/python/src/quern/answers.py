"""From an HTTP response to a model or an error."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from quern.errors import FieldFault, ProblemError, UnexpectedAnswerError

if TYPE_CHECKING:
    import httpx

M = TypeVar("M", bound=BaseModel)

_KNOWN = frozenset({"type", "code", "status", "title", "detail", "request_id", "errors"})


def parse(model: type[M], response: httpx.Response) -> M:
    """The answer as a model.

    Raises:
        ProblemError: the gateway refused.
        UnexpectedAnswerError: this is no answer of the contract.
    """
    require_success(response)
    return parse_body(model, response)


def parse_body(model: type[M], response: httpx.Response) -> M:
    """As :func:`parse`, whatever the status."""
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        fault = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, fault["loc"])) or "the body"
        raise UnexpectedAnswerError(
            f"{response.request.url} answered {response.status_code} with something that is not of Quern's "
            f"contract ({where}: {fault['msg']}). Is it a gateway of Quern, of a version that fits?"
        ) from None


def require_success(response: httpx.Response) -> None:
    """Raise what the gateway says where it refused; the body must have been read.

    Raises:
        ProblemError: it said why.
        UnexpectedAnswerError: it did not.
    """
    if not response.is_success:
        raise _problem(response) or UnexpectedAnswerError(
            f"{response.request.url} answered {response.status_code} without saying why. Is it a gateway of Quern?"
        )


def _problem(response: httpx.Response) -> ProblemError | None:
    try:
        body = response.json()
    except ValueError:
        return None
    if not isinstance(body, dict) or not isinstance(body.get("code"), str):
        return None
    request_id = body.get("request_id") or response.headers.get("X-Request-ID", "")
    return ProblemError(
        code=body["code"],
        status=response.status_code,
        title=str(body.get("title") or body["code"]),
        detail=str(body.get("detail") or ""),
        request_id=str(request_id),
        faults=_faults(body.get("errors")),
        members={name: value for name, value in body.items() if name not in _KNOWN},
        retry_after_seconds=retry_after_seconds(response),
    )


def _faults(errors: Any) -> tuple[FieldFault, ...]:
    if not isinstance(errors, list):
        return ()
    return tuple(
        FieldFault(tuple(error.get("loc") or ()), str(error.get("msg") or ""))
        for error in errors
        if isinstance(error, dict)
    )


def retry_after_seconds(response: httpx.Response) -> float | None:
    """Retry-After in seconds (RFC 9110, 10.2.3); a date counts from the answer's own Date, so no clock is asked."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdigit():
        return float(value)
    try:
        until, since = (parsedate_to_datetime(text) for text in (value, response.headers.get("Date", "")))
        return max((until - since).total_seconds(), 0.0)
    except (ValueError, TypeError):  # no date, or one with and one without a time zone
        return None
