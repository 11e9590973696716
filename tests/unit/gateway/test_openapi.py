from __future__ import annotations

import json
from typing import Any, cast
from unittest.mock import Mock

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from gateway.http import openapi
from gateway.http.problems import CODES
from gateway.http.router import Router
from gateway.http.routes import Handlers, api_routes, description_routes, health_routes, page_routes

HANDLERS = cast("Handlers", Mock(spec=Handlers))
ROUTES = api_routes(HANDLERS)
HEALTH = health_routes(HANDLERS.system)
API = openapi.document(ROUTES, HEALTH, version="1.2.3")


def names(schema: str) -> set[str]:
    return set(API["components"]["schemas"][schema]["properties"])


def test_the_description_is_valid() -> None:
    validate(json.loads(json.dumps(API)), cls=OpenAPIV31SpecValidator)


def test_every_route_is_described_and_nothing_else() -> None:
    described = {(method.upper(), path) for path, methods in API["paths"].items() for method in methods}
    assert described == {(r.method, "/v1" + r.path) for r in ROUTES} | {(r.method, r.path) for r in HEALTH}


def test_no_two_routes_share_a_path_and_a_method() -> None:
    routes = (*ROUTES, *description_routes(Mock()), *page_routes(Mock()))
    Router([(route.method, route.path, route) for route in routes])


@pytest.mark.parametrize(
    "path", ["auth", "tokens", "users", "tenants", "audit", "mcp", "webhooks", "reembed", "preferences"]
)
def test_what_is_not_there_yet_is_not_described(path: str) -> None:
    assert not [known for known in API["paths"] if path in known]


def test_fields_that_are_not_there_yet_are_not_described() -> None:
    assert "schedule" not in names("SourceInput") | names("SourcePatch")
    assert API["components"]["schemas"]["CrawlOptions"]["properties"]["render"]["const"] == "never"
    assert "s3" not in json.dumps(API)


def test_operation_ids_are_unique() -> None:
    ids = [operation["operationId"] for methods in API["paths"].values() for operation in methods.values()]
    assert len(ids) == len(set(ids))


def test_every_problem_of_a_route_has_a_status_and_a_title() -> None:
    assert {code for route in ROUTES for code in route.problems} <= set(CODES)


def test_inputs_refuse_what_they_do_not_know() -> None:
    inputs = {
        "SourceInput",
        "SourcePatch",
        "CrawlOptions",
        "SearchInput",
        "SearchFilters",
        "StartJob",
        "GroupInput",
    }
    assert all(API["components"]["schemas"][name]["additionalProperties"] is False for name in inputs)


@pytest.mark.parametrize(
    ("schema", "fields"),
    [
        (
            "Source",
            "id type name url file_name group_id status schedule documents chunks last_run created_at updated_at",
        ),
        (
            "Document",
            "id source_id source_uri title url content_type language status active_version_id chunks created_at updated_at",
        ),
        ("Version", "id version_label content_hash is_active chunks created_at"),
        ("Chunk", "chunk_id ordinal text heading_path page row"),
        ("Group", "id name sources created_at"),
        ("Hit", "chunk_id text score title url heading_path source_id document_id version_id ordinal"),
        (
            "Job",
            (
                "id parent_id type handler status error_code error attempt max_attempts retries progress waiting_for config"
                " stats created_at started_at finished_at"
            ),
        ),
        ("Run", "id status progress waiting_for source_id document_id eta_seconds"),
        ("LogLine", "id job_id ts level message fields"),
        (
            "FailedJob",
            "id source_id handler payload error error_code retries retryable next_retry_at created_at",
        ),
        ("CrawledPage", "url status reason depth http_status content_hash document_id fetched_at"),
        ("Ledger", "accepted succeeded failed cancelled skipped in_flight balanced audit"),
        ("Problem", "type title status detail code request_id errors"),
    ],
)
def test_shapes_have_the_fields_of_the_contract(schema: str, fields: str) -> None:
    assert set(fields.split()) <= names(schema)


def test_stats_has_exactly_three_figures() -> None:
    assert names("Stats") == {"sources", "documents", "failed_jobs"}


def test_parameters_are_never_null() -> None:
    parameters: list[dict[str, Any]] = [
        parameter
        for methods in API["paths"].values()
        for operation in methods.values()
        for parameter in operation["parameters"]
    ]
    assert parameters
    assert '"null"' not in json.dumps(parameters)
