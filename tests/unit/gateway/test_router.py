from __future__ import annotations

from contextlib import suppress
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http.router import BadIdError, Router, UnknownPathError, WrongMethodError

ID = UUID("01930000-0000-7000-8000-000000000001")
ROUTER = Router(
    [
        ("GET", "/", "home"),
        ("GET", "/v1/jobs", "list"),
        ("POST", "/v1/jobs", "start"),
        ("GET", "/v1/jobs/failed", "failed"),
        ("POST", "/v1/jobs/failed/retry", "retry many"),
        ("GET", "/v1/jobs/{job_id}", "show"),
        ("DELETE", "/v1/jobs/{job_id}", "remove"),
        ("POST", "/v1/jobs/{job_id}/retry", "retry"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "route"),
    [
        ("GET", "/", "home"),
        ("GET", "/v1/jobs", "list"),
        ("POST", "/v1/jobs", "start"),
        ("GET", "/v1/jobs/failed", "failed"),
        ("POST", "/v1/jobs/failed/retry", "retry many"),
        ("GET", f"/v1/jobs/{ID}", "show"),
        ("HEAD", f"/v1/jobs/{ID}", "show"),
        ("GET", f"/v1/jobs/{str(ID).upper()}", "show"),
        ("POST", f"/v1/jobs/{ID}/retry", "retry"),
    ],
)
def test_a_path_finds_its_route(method: str, path: str, route: str) -> None:
    assert ROUTER.match(method, path).route == route


def test_ids_come_by_name() -> None:
    assert ROUTER.match("POST", f"/v1/jobs/{ID}/retry").ids == {"job_id": ID}


@pytest.mark.parametrize(
    "path", ["", "/v1", "/v1/", "/v1/jobs/", "//v1/jobs", "/v1/jobs//retry", f"/v1/jobs/{ID}/", "/v1/nothing"]
)
def test_other_paths_are_unknown(path: str) -> None:
    with pytest.raises(UnknownPathError):
        ROUTER.match("GET", path)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/jobs", ("GET", "HEAD", "POST")),
        ("DELETE", "/v1/jobs/failed", ("GET", "HEAD")),
        ("POST", f"/v1/jobs/{ID}", ("DELETE", "GET", "HEAD")),
        ("GET", f"/v1/jobs/{ID}/retry", ("POST",)),
    ],
)
def test_another_method_of_a_known_path_says_which_there_are(
    method: str, path: str, allowed: tuple[str, ...]
) -> None:
    with pytest.raises(WrongMethodError) as refused:
        ROUTER.match(method, path)
    assert refused.value.allowed == allowed


@pytest.mark.parametrize("text", ["nope", "1", f"{{{ID}}}", f"urn:uuid:{ID}", ID.hex])
def test_what_is_no_id_is_refused_where_the_method_exists(text: str) -> None:
    with pytest.raises(BadIdError) as refused:
        ROUTER.match("GET", f"/v1/jobs/{text}")
    assert refused.value.name == "job_id"


def test_a_word_in_the_place_of_an_id_has_no_methods_of_its_own() -> None:
    with pytest.raises(UnknownPathError):
        ROUTER.match("POST", "/v1/jobs/reembed")


def test_a_literal_never_falls_back_to_an_id() -> None:
    with pytest.raises(UnknownPathError):
        ROUTER.match("GET", "/v1/jobs/failed/logs")


def test_one_method_of_a_path_cannot_stand_twice() -> None:
    with pytest.raises(ValueError, match="twice"):
        Router([("GET", "/x", 1), ("GET", "/x", 2)])


@given(st.text(), st.text())
def test_nothing_else_is_ever_raised(method: str, path: str) -> None:
    with suppress(UnknownPathError, WrongMethodError, BadIdError):
        assert ROUTER.match(method, path).route
