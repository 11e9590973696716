"""The client and the gateway mean the same: routes, parameters, bodies and answers."""

from __future__ import annotations

import inspect
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args
from unittest.mock import MagicMock
from uuid import UUID

import httpx
import pytest

import quern.models
from gateway.http.models import common, documents, groups, jobs, rebuilds, search, sources, system, uploads
from gateway.http.routes import Handlers, api_routes, health_routes
from quern import Client, ClientError
from quern.cli.targets import SUFFIXES
from quern.models import CrawlOptions, JobStatus, Page, SearchFilters, SourceStatus
from shared import content_types

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
    from pathlib import Path

    from pydantic import BaseModel

    from gateway.http.route import AnyRoute

ID = UUID("01930000-0000-7000-8000-000000000001")
NOT_CALLED = {("POST", "/v1/jobs/start")}
"""The same as POST /v1/jobs, for clients of the seeds."""


def routes() -> dict[tuple[str, str], AnyRoute]:
    handlers = Handlers(**{name: MagicMock() for name in Handlers.__dataclass_fields__})
    api = {(route.method, "/v1" + blank(route.path)): route for route in api_routes(handlers)}
    return api | {(route.method, route.path): route for route in health_routes(MagicMock())}


def blank(path: str) -> str:
    return re.sub(r"\{\w+\}", "{}", path)


@dataclass(frozen=True)
class Sent:
    """What the client sent."""

    method: str
    path: str
    query: frozenset[str]
    body: Any


@pytest.fixture
async def client(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[Client, list[Sent]]]:
    sent: list[Sent] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        data = await request.aread()
        is_json = request.headers.get("Content-Type") == "application/json"
        body = json.loads(data) if is_json else data.decode("latin-1")
        path = request.url.path.replace(str(ID), "{}")
        sent.append(Sent(request.method, path, frozenset(request.url.params), body))
        return httpx.Response(418)

    transport = httpx.MockTransport(answer)
    original = httpx.AsyncClient.__init__

    def with_mock(self: httpx.AsyncClient, **options: Any) -> None:
        original(self, **(options | {"transport": transport}))

    monkeypatch.setattr(httpx.AsyncClient, "__init__", with_mock)
    async with Client("http://gateway.test") as made:
        yield made, sent


def calls(client: Client, file: Path) -> Iterator[Callable[[], Awaitable[object]]]:
    """Every public method with all of its parameters."""
    crawl = CrawlOptions(
        max_depth=1,
        max_pages=1,
        include=["a"],
        exclude=["b"],
        same_host=True,
        path_prefix="/",
        respect_robots=True,
        use_sitemap=True,
        use_llms_txt=True,
        headers={"X-Y": "z"},
        delay_ms=1,
    )
    filters = SearchFilters(
        source_ids=[ID], group_ids=[ID], document_ids=[ID], types=["web"], languages=["en"]
    )
    on = client
    yield lambda: on.sources.add("https://x.test/", name="n", group_id=ID, crawl=crawl)
    yield lambda: on.sources.list(type="web", status=SourceStatus.IDLE, group_id=ID, q="x")
    yield lambda: on.sources.get(ID)
    yield lambda: on.sources.update(ID, name="n", group_id=ID, crawl=crawl)
    yield lambda: on.sources.delete(ID, force=True)
    yield lambda: on.sources.sync(ID)
    yield lambda: on.sources.pages(ID, status="held")
    yield lambda: on.sources.columns(ID)
    yield lambda: on.upload(file, group_id=ID, title="t", version_label="v")
    yield lambda: on.documents.list(source_id=ID, group_id=ID, status="active", q="x")
    yield lambda: on.documents.get(ID)
    yield lambda: on.documents.content(ID)
    yield lambda: on.documents.chunks(ID, after=3)
    yield lambda: on.documents.activate(ID, ID)
    yield lambda: on.search("q", mode="hybrid", alpha=0.5, filters=filters)
    yield lambda: on.runs.list(status=JobStatus.FAILED, source_id=ID)
    yield lambda: on.runs.get(ID)
    yield lambda: anext(on.runs.events(ID))
    yield lambda: on.runs.prunes(state="held", source_id=ID)
    yield lambda: on.runs.decide_prune(ID, approve=True)
    yield lambda: on.jobs.list(status=JobStatus.FAILED, type="page", parent_id=ID)
    yield lambda: on.jobs.get(ID)
    yield lambda: on.jobs.start("crawler", {"url": "https://x.test/"})
    yield lambda: on.jobs.children(ID)
    yield lambda: on.jobs.logs(ID, level="info", after=3)
    yield lambda: on.jobs.cancel(ID)
    yield lambda: on.jobs.rerun(ID)
    yield lambda: on.jobs.copy(ID, {"depth": 1})
    yield lambda: on.jobs.delete(ID)
    yield lambda: on.jobs.failed(handler="web", error_code="timeout")
    yield lambda: on.jobs.retry(ID)
    yield lambda: on.jobs.retry_many(ids=[ID])
    yield on.groups.list
    yield lambda: on.groups.get(ID)
    yield lambda: on.groups.add("g")
    yield lambda: on.groups.rename(ID, "g")
    yield lambda: on.groups.delete(ID)
    yield lambda: on.rebuilds.start(source_id=ID)
    yield lambda: on.rebuilds.get(ID)
    yield on.system.stats
    yield on.system.get
    yield on.system.ledger
    yield lambda: on.system.dead_messages(topic="ingest.task")
    yield lambda: on.system.dead_message(ID)
    yield on.system.health
    yield on.system.ready


@pytest.fixture
async def everything(client: tuple[Client, list[Sent]], tmp_path: Path) -> list[Sent]:
    """What all methods of the client send."""
    made, sent = client
    file = tmp_path / "x.txt"
    file.write_text("text")
    for call in calls(made, file):
        with pytest.raises(ClientError):
            await call()
    return sent


async def test_every_route_has_its_method_and_every_method_its_route(everything: list[Sent]) -> None:
    assert {(sent.method, sent.path) for sent in everything} == set(routes()) - NOT_CALLED


async def test_parameters_and_bodies_are_those_that_the_gateway_takes(everything: list[Sent]) -> None:
    for sent in everything:
        route = routes()[sent.method, sent.path]
        assert sent.query <= set(route.query.model_fields), sent
        if route.multipart:
            fields = set(re.findall(r'form-data; name="(\w+)"', sent.body))
            assert fields == set(route.multipart["properties"])
        elif route.takes_json:
            route.body.model_validate_json(json.dumps(sent.body))
        else:
            assert not sent.body, sent


async def test_everything_that_the_gateway_takes_can_be_said(everything: list[Sent]) -> None:
    for sent in everything:
        route = routes()[sent.method, sent.path]
        assert set(route.query.model_fields) <= sent.query | {"limit", "offset"}, sent
        if route.takes_json and route.body is not jobs.RetryMany:
            assert set(route.body.model_fields) == set(sent.body), sent


def test_options_of_crawls_and_searches_are_the_same() -> None:
    # Rendering has one value yet: there is nothing to say about it.
    assert set(CrawlOptions.model_fields) == set(sources.CrawlOptions.model_fields) - {"render"}
    assert set(SearchFilters.model_fields) == set(search.SearchFilters.model_fields)


ANSWERS = [
    (mine, theirs)
    for module in (documents, groups, jobs, rebuilds, search, sources, system, uploads)
    for name, theirs in vars(module).items()
    if inspect.isclass(theirs)
    and issubclass(theirs, common.Output)
    and theirs.__module__ == module.__name__
    and (
        mine := getattr(
            quern.models, {"RunEvent": "RunProgress", "Dependency": "Component"}.get(name, name), None
        )
    )
]
LISTS = {"Page", "Components"}
"""Of the gateway alone: its lists are ``Page[…]`` here, its components a mapping by name."""


def test_every_answer_has_its_shape_in_the_client() -> None:
    covered = {theirs.__name__ for _mine, theirs in ANSWERS}
    every = {
        name
        for module in (documents, groups, jobs, rebuilds, search, sources, system, uploads)
        for name, theirs in vars(module).items()
        if inspect.isclass(theirs)
        and issubclass(theirs, common.Output)
        and not issubclass(theirs, common.Page)
        and theirs.__module__ == module.__name__
    }
    assert every - covered - LISTS == set()
    assert len(covered) > 25


@pytest.mark.parametrize(("mine", "theirs"), ANSWERS, ids=lambda model: model.__name__)
def test_answers_have_the_same_fields_and_the_same_blanks(
    mine: type[BaseModel], theirs: type[BaseModel]
) -> None:
    assert set(mine.model_fields) == set(theirs.model_fields)
    for name, field in theirs.model_fields.items():
        if type(None) in get_args(field.annotation):
            assert type(None) in get_args(mine.model_fields[name].annotation), name


def test_pages_have_the_same_fields() -> None:
    assert set(Page.model_fields) == set(common.Page.model_fields)


def test_folders_are_searched_for_what_can_be_read() -> None:
    assert set(content_types._SUFFIXES) == SUFFIXES
