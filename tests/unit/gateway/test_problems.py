from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.core.errors import (
    BlockedUrlError,
    BodyTooLargeError,
    BusyError,
    EmptyFileError,
    Fault,
    InvalidRequestError,
    MalformedJsonError,
)
from gateway.http.problems import CODES, INTERNAL_ERROR, http_refusal, refusal
from gateway.http.router import BadIdError, UnknownPathError, WrongMethodError
from shared.errors import DependencyRejectedError, DependencyUnavailableError
from shared.postgres.group_errors import GroupExistsError, GroupInUseError
from shared.postgres.intake_errors import (
    AlreadyActiveError,
    AlreadyFinishedError,
    AlreadyRetriedError,
    ConflictError,
    IngestInProgressError,
    JobActiveError,
    NotFailedError,
    NotFoundError,
    RunCancelledError,
    SourceExistsError,
)
from unit.gateway.rows import an_id


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidRequestError.at("body", "x", msg="wrong"), 422, "validation_error"),
        (BadIdError("job_id"), 422, "validation_error"),
        (BlockedUrlError("inside"), 422, "blocked_address"),
        (MalformedJsonError("no"), 400, "malformed_json"),
        (EmptyFileError("no"), 400, "empty_file"),
        (BodyTooLargeError("file", 5), 413, "too_large"),
        (UnknownPathError("/x"), 404, "not_found"),
        (NotFoundError("job"), 404, "not_found"),
        (WrongMethodError(("GET",)), 405, "method_not_allowed"),
        (SourceExistsError(an_id(1)), 409, "source_exists"),
        (IngestInProgressError(an_id(1)), 409, "ingest_in_progress"),
        (AlreadyFinishedError("x"), 409, "already_finished"),
        (AlreadyRetriedError("x"), 409, "already_retried"),
        (NotFailedError("x"), 409, "not_failed"),
        (RunCancelledError("x"), 409, "run_cancelled"),
        (AlreadyActiveError("x"), 409, "already_active"),
        (JobActiveError("x"), 409, "job_active"),
        (ConflictError("x"), 409, "conflict"),
        (GroupExistsError("x"), 409, "group_exists"),
        (GroupInUseError("x"), 409, "group_in_use"),
        (DependencyUnavailableError("postgres", "x"), 503, "dependency_unavailable"),
        (BusyError("x"), 503, "busy"),
    ],
)
def test_every_kind_of_error_has_its_problem(error: Exception, status: int, code: str) -> None:
    known = refusal(error)
    assert known is not None
    response = known.response("req-1")
    body = json.loads(bytes(response.body))  # type: ignore[arg-type]  # bytes
    assert (response.status, response.content_type) == (status, "application/problem+json")
    assert (body["status"], body["code"], body["request_id"]) == (status, code, "req-1")
    assert body["type"] == f"urn:quern:problem:{code}"
    assert body["title"]
    assert body["detail"]


def test_a_validation_error_says_where_and_what() -> None:
    known = refusal(InvalidRequestError([Fault(("body", "crawl", 0), "wrong")]))
    assert known is not None
    assert known.members == {"errors": [{"loc": ["body", "crawl", 0], "msg": "wrong"}]}


@pytest.mark.parametrize(
    ("error", "member"),
    [
        (SourceExistsError(an_id(1)), {"source_id": str(an_id(1))}),
        (IngestInProgressError(an_id(1)), {"run_id": str(an_id(1))}),
        (BodyTooLargeError("file", 5), {"limit_bytes": 5}),
    ],
)
def test_what_a_program_needs_is_a_member_of_its_own(error: Exception, member: dict[str, Any]) -> None:
    known = refusal(error)
    assert known is not None
    assert known.members == member


def test_a_driver_tells_the_client_nothing() -> None:
    known = refusal(DependencyUnavailableError("weaviate", "http://user:pw@10.0.0.1:8080 refused"))
    assert known is not None
    assert "10.0.0.1" not in known.detail
    assert int(known.headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "error", [ValueError("secret"), DependencyRejectedError("blobs", "secret"), KeyError("x")]
)
def test_a_kind_that_nobody_foresaw_has_no_problem_of_its_own(error: Exception) -> None:
    assert refusal(error) is None
    assert "secret" not in INTERNAL_ERROR.detail


@pytest.mark.parametrize(
    ("status", "code"),
    [(400, "bad_request"), (413, "too_large"), (431, "bad_request"), (500, "internal_error")],
)
def test_what_the_http_server_refuses_is_a_problem_too(status: int, code: str) -> None:
    assert http_refusal(status, "x").code == code


def test_all_codes_are_snake_case() -> None:
    assert all(code == code.lower().replace("-", "_") and " " not in code for code in CODES)
