from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from gateway.core.errors import InvalidRequestError, MalformedJsonError
from gateway.http.binding import bind_query, parse_json
from gateway.http.models.documents import ChunksQuery
from gateway.http.models.groups import GroupInput
from gateway.http.models.jobs import FailedQuery, JobsQuery, LogsQuery, RetryMany, StartJob
from gateway.http.models.search import SearchInput
from gateway.http.models.sources import DeleteQuery, PagesQuery, SourceInput, SourcePatch, SourcesQuery

if TYPE_CHECKING:
    from pydantic import BaseModel

ID = "01930000-0000-7000-8000-000000000001"


def faults(refused: pytest.ExceptionInfo[InvalidRequestError]) -> set[tuple[str | int, ...]]:
    return {fault.loc for fault in refused.value.faults}


@pytest.mark.parametrize("body", [b"", b"nope", b"{", b"\xff", b'{"name": NaN}', b"[" * 5000, b'"\\ud800"'])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJsonError):
        parse_json(GroupInput, body)


@pytest.mark.parametrize(
    ("model", "body", "loc"),
    [
        (GroupInput, {}, ("body", "name")),
        (GroupInput, {"name": ""}, ("body", "name")),
        (GroupInput, {"name": "   "}, ("body", "name")),
        (GroupInput, {"name": "x" * 201}, ("body", "name")),
        (GroupInput, {"name": 7}, ("body", "name")),
        (GroupInput, {"name": "a\x00b"}, ("body", "name")),
        (GroupInput, {"name": "a", "more": 1}, ("body", "more")),
        (GroupInput, [], ("body",)),
        (SourceInput, {"type": "s3", "url": "https://x.example"}, ("body", "type")),
        (SourceInput, {"type": "web"}, ("body", "url")),
        (
            SourceInput,
            {"type": "web", "url": "https://x.example", "schedule": "@daily"},
            ("body", "schedule"),
        ),
        (SourceInput, {"type": "web", "url": "x", "crawl": {"render": "auto"}}, ("body", "crawl", "render")),
        (
            SourceInput,
            {"type": "web", "url": "x", "crawl": {"max_depth": "2"}},
            ("body", "crawl", "max_depth"),
        ),
        (
            SourceInput,
            {"type": "web", "url": "x", "crawl": {"max_depth": 2.0}},
            ("body", "crawl", "max_depth"),
        ),
        (
            SourceInput,
            {"type": "web", "url": "x", "crawl": {"max_depth": -1}},
            ("body", "crawl", "max_depth"),
        ),
        (SourceInput, {"type": "web", "url": "x", "crawl": {"max_pages": 0}}, ("body", "crawl", "max_pages")),
        (
            SourceInput,
            {"type": "web", "url": "x", "crawl": {"max_depth": True}},
            ("body", "crawl", "max_depth"),
        ),
        (SourceInput, {"type": "web", "url": "x", "crawl": {"same_host": 1}}, ("body", "crawl", "same_host")),
        (
            SourceInput,
            {"type": "web", "url": "x", "crawl": {"path_prefix": "a"}},
            ("body", "crawl", "path_prefix"),
        ),
        (SourceInput, {"type": "web", "url": "x", "group_id": "7"}, ("body", "group_id")),
        (SourcePatch, {"name": None}, ("body",)),
        (SourcePatch, {"schedule": "@daily"}, ("body", "schedule")),
        (SearchInput, {}, ("body", "query")),
        (SearchInput, {"query": " "}, ("body", "query")),
        (SearchInput, {"query": "x", "limit": 51}, ("body", "limit")),
        (SearchInput, {"query": "x", "limit": 0}, ("body", "limit")),
        (SearchInput, {"query": "x", "alpha": 1.1}, ("body", "alpha")),
        (SearchInput, {"query": "x", "mode": "magic"}, ("body", "mode")),
        (SearchInput, {"query": "x", "filters": {"types": ["s3"]}}, ("body", "filters", "types", 0)),
        (SearchInput, {"query": "x", "filters": {"types": []}}, ("body", "filters", "types")),
        (
            SearchInput,
            {"query": "x", "filters": {"languages": ["english"]}},
            ("body", "filters", "languages", 0),
        ),
        (SearchInput, {"query": "x", "filters": {"tenant_id": ID}}, ("body", "filters", "tenant_id")),
        (StartJob, {"type": "crawler"}, ("body", "payload")),
        (RetryMany, {}, ("body",)),
        (RetryMany, {"all": False}, ("body", "all")),
        (RetryMany, {"all": True, "error_code": "timeout"}, ("body",)),
    ],
)
def test_a_body_that_does_not_fit_says_where(
    model: type[BaseModel], body: Any, loc: tuple[str | int, ...]
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_json(model, json.dumps(body).encode())
    assert loc in faults(refused)


def test_every_field_that_does_not_fit_is_named_at_once() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        parse_json(SearchInput, b'{"limit": 99, "alpha": 7, "extra": 1}')
    assert faults(refused) == {("body", "query"), ("body", "limit"), ("body", "alpha"), ("body", "extra")}


def test_a_nul_is_found_however_deep_it_hides() -> None:
    body = b'{"type": "crawler", "payload": {"url": ["x", {"y": "a\\u0000"}]}}'
    with pytest.raises(InvalidRequestError) as refused:
        parse_json(StartJob, body)
    assert faults(refused) == {("body", "payload", "url", 1, "y")}


def test_an_escaped_backslash_before_u0000_is_no_nul() -> None:
    assert parse_json(GroupInput, b'{"name": "a\\\\u0000"}').name == "a\\u0000"


@pytest.mark.parametrize(
    ("model", "query", "name"),
    [
        (SourcesQuery, {"limit": "0"}, "limit"),
        (SourcesQuery, {"limit": "501"}, "limit"),
        (SourcesQuery, {"limit": "5.0"}, "limit"),
        (SourcesQuery, {"limit": "1_0"}, "limit"),
        (SourcesQuery, {"limit": " 5"}, "limit"),
        (SourcesQuery, {"limit": "\u0665"}, "limit"),
        (SourcesQuery, {"limit": ""}, "limit"),
        (SourcesQuery, {"limit": "9" * 30}, "limit"),
        (SourcesQuery, {"offset": "-1"}, "offset"),
        (SourcesQuery, {"offset": "10001"}, "offset"),
        (SourcesQuery, {"status": "live"}, "status"),
        (SourcesQuery, {"status": ""}, "status"),
        (SourcesQuery, {"type": "s3"}, "type"),
        (SourcesQuery, {"group_id": "x"}, "group_id"),
        (SourcesQuery, {"q": ""}, "q"),
        (SourcesQuery, {"q": "\x00"}, "q"),
        (SourcesQuery, {"order_by": "name"}, "order_by"),
        (PagesQuery, {"status": "done"}, "status"),
        (DeleteQuery, {"force": "maybe"}, "force"),
        (JobsQuery, {"type": "summarizer"}, "type"),
        (JobsQuery, {"source_id": ID}, "source_id"),
        (LogsQuery, {"level": "INF"}, "level"),
        (LogsQuery, {"after": "-1"}, "after"),
        (ChunksQuery, {"after": "x"}, "after"),
        (FailedQuery, {"handler": "page"}, "handler"),
    ],
)
def test_a_parameter_that_does_not_fit_is_named(
    model: type[BaseModel], query: dict[str, str], name: str
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        bind_query(model, MultiDict(query))
    assert faults(refused) == {("query", name)}


def test_a_parameter_that_is_given_twice_is_refused() -> None:
    with pytest.raises(InvalidRequestError) as refused:
        bind_query(SourcesQuery, MultiDict([("limit", "1"), ("limit", "2")]))
    assert faults(refused) == {("query", "limit")}


def test_parameters_that_fit_are_read() -> None:
    query = bind_query(SourcesQuery, MultiDict({"limit": "500", "offset": "10000", "status": "ingesting"}))
    assert (query.limit, query.offset, query.status) == (500, 10_000, "ingesting")


@given(st.binary(max_size=200))
def test_no_body_makes_the_reader_fail_otherwise(body: bytes) -> None:
    with suppress(MalformedJsonError, InvalidRequestError):
        assert parse_json(SearchInput, body).query
