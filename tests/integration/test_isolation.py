"""No route lets anybody see or change what belongs to another tenant, or do what their role may not.

The table of routes is walked as a whole: a route that is added is walked too, and a parameter of a path that nobody
here has an id for fails the test.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import MagicMock
from uuid import UUID

import aiohttp
import asyncpg
import pytest
import pytest_asyncio

from gateway.core.access import Access
from gateway.http.examples import example_of
from gateway.http.routes import Handlers, api_routes
from support.gateways import Gateway
from support.sign_in import Browser, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from gateway.http.route import AnyRoute
    from support.client import Answer
    from support.databases import Database

ROUTES: Final = api_routes(Handlers(**{name: MagicMock() for name in Handlers.__dataclass_fields__}))
SITE: Final = "http://127.0.0.1:1/"


@dataclass(frozen=True)
class World:
    """Two tenants: the first one has one of everything, the second one nothing.

    Attributes:
        ids: of the first tenant's things, by the name of the parameter.
        owner: admin and operator of the first tenant.
        other: by role, who belongs to the second tenant.
    """

    gateway: Gateway
    rows: asyncpg.Connection[asyncpg.Record]
    service_url: str
    ids: dict[str, str]
    tenants: tuple[str, str]
    owner: Browser
    other: dict[str, Browser]
    tokens: dict[str, str]


async def created(browser: Browser, path: str, body: Any, status: int = 201) -> Any:
    answer = await browser.call("POST", path, body)
    assert answer.status == status, answer
    return answer.body


async def one_of_everything(owner: Browser, gateway: Gateway) -> dict[str, str]:
    group = await created(owner, "/v1/groups", {"name": "plans"})
    added = await created(owner, "/v1/sources", {"type": "web", "url": SITE, "group_id": group["id"]})
    form = aiohttp.FormData()
    form.add_field("file", b"# Secret\n\nPlans of the first tenant.", filename="plans.md")
    upload = await gateway.client.call("POST", "/v1/ingest", data=form, headers={"Cookie": owner.cookie})
    assert upload.status == 202, upload
    webhook = await created(
        owner, "/v1/webhooks", {"url": "http://127.0.0.1:1/hook", "events": ["run.failed"]}
    )
    delivery = await created(owner, f"/v1/webhooks/{webhook['id']}/test", {}, 202)
    rebuild = await created(owner, "/v1/reindex", {}, 202)
    token = await created(owner, "/v1/tokens", {"name": "mine"})
    user = await created(owner, "/v1/users", {"email": "bob@example.org", "password": "bob has a password"})
    return {
        "source_id": added["source"]["id"],
        "run_id": added["run"]["id"],
        "job_id": added["run"]["id"],
        "document_id": upload.body["document_id"],
        "group_id": group["id"],
        "webhook_id": webhook["id"],
        "delivery_id": delivery["id"],
        "rebuild_id": rebuild["id"],
        "token_id": token["id"],
        "user_id": user["id"],
        "version_id": "01930000-0000-7000-8000-000000000001",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(module_database: Database, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("isolation")
    # The walk is quicker than anybody may be by default.
    quick = {"QUERN_WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8", "QUERN_TENANT_REQUESTS_BURST": "100000"}
    gateway = await Gateway.start(folder / "log", settings(module_database, folder, **quick))
    await gateway.logged("first_admin_made")
    rows = await asyncpg.connect(module_database.owner_url)
    owner = Browser(gateway)
    await owner.login()
    ids = await one_of_everything(owner, gateway)
    tenant = await created(owner, "/v1/tenants", {"slug": "other", "name": "Other"})
    other, tokens = {}, {}
    for role in ("user", "admin"):
        who = {"email": f"{role}@example.org", "password": "a long password", "role": role, "tenant": "other"}
        await created(owner, "/v1/users", who)
        other[role] = Browser(gateway)
        assert (await other[role].login(who["email"], who["password"])).status == 200
        tokens[role] = await other[role].token()
    mine = str(await rows.fetchval("SELECT tenant_id FROM sources"))
    ids["tenant_id"] = mine
    yield World(gateway, rows, module_database.service_url, ids, (mine, tenant["id"]), owner, other, tokens)
    await rows.close()
    assert await gateway.stop() == 0


def walked(*access: Access) -> Iterator[AnyRoute]:
    yield from (route for route in ROUTES if route.access in access)


def path_of(route: AnyRoute, ids: dict[str, str]) -> str:
    return "/v1" + re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], route.path)


def body_of(route: AnyRoute) -> Any:
    return example_of(route.body) if route.takes_json else None


def name(route: AnyRoute) -> str:
    return f"{route.method} {route.path}"


async def called(browser: Browser, route: AnyRoute, ids: dict[str, str], token: str = "") -> Answer:
    return await browser.call(route.method, path_of(route, ids), body_of(route), token=token)


async def everything_of(world: World, tenant: str) -> dict[str, list[str]]:
    """All rows of a tenant, but for what signing in writes."""
    tables = await world.rows.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
        "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
    )
    ignored = {"api_tokens", "sessions", "audit_log", "tenant_turns"}
    return {
        table: [
            row[0]
            for row in await world.rows.fetch(
                f'SELECT to_jsonb(t)::text FROM "{table}" t WHERE tenant_id = $1 ORDER BY 1', UUID(tenant)
            )
        ]
        for table in (row["relname"] for row in tables)
        if table not in ignored
    }


async def test_strangers_are_asked_for_their_name_everywhere(world: World) -> None:
    stranger = Browser(world.gateway)
    asked = {name(route): await called(stranger, route, world.ids | {"message_id": world.ids["job_id"]}) for route in walked(Access.USER, Access.ADMIN, Access.OPERATOR)}  # fmt: skip
    assert {route: answer.status for route, answer in asked.items() if answer.status != 401} == {}
    assert len(asked) > 60
    public = [name(route) for route in walked(Access.PUBLIC, Access.OPTIONAL)]
    assert public == ["POST /auth/login"]


@pytest.mark.parametrize("by", ["session", "token"])
@pytest.mark.parametrize(
    ("role", "refused"),
    [("user", (Access.ADMIN, Access.OPERATOR)), ("admin", (Access.OPERATOR,))],
)
async def test_a_role_may_not_do_what_asks_for_more(
    world: World, role: str, refused: tuple[Access, ...], by: str
) -> None:
    token = world.tokens[role] if by == "token" else ""
    ids = world.ids | {"message_id": world.ids["job_id"]}
    answers = {name(route): await called(world.other[role], route, ids, token) for route in walked(*refused)}
    assert {route: answer.status for route, answer in answers.items() if answer.status != 403} == {}
    assert len(answers) >= 7


@pytest.mark.parametrize("by", ["session", "token"])
async def test_what_belongs_to_another_tenant_is_not_there(world: World, by: str) -> None:
    before = await everything_of(world, world.tenants[0])
    token = world.tokens["admin"] if by == "token" else ""
    routes = [route for route in walked(Access.USER, Access.ADMIN) if "{" in route.path]
    answers = {name(route): await called(world.other["admin"], route, world.ids, token) for route in routes}
    assert {route: (a.status, a.body) for route, a in answers.items() if a.status != 404} == {}
    assert len(answers) > 35
    assert await everything_of(world, world.tenants[0]) == before
    assert sum(map(len, before.values())) > 15


async def test_lists_show_ones_own_alone(world: World) -> None:
    shared = {"/auth/me", "/system", "/limits", "/tenants", "/system/dead-messages"}
    lists = [r for r in walked(Access.USER, Access.ADMIN) if r.method == "GET" and "{" not in r.path and r.path not in shared]  # fmt: skip
    theirs = [value for key, value in world.ids.items() if key != "version_id"]
    seen = set()
    for route in lists:
        answer = await called(world.other["admin"], route, world.ids)
        assert answer.status == 200, (route.path, answer)
        text = str(answer.body)
        assert not [value for value in theirs if value in text], route.path
        mine = await called(world.owner, route, world.ids)
        seen |= {key for key, value in world.ids.items() if value in str(mine.body)}
    # The lists are no empty ones: their owner finds nearly all of it there.
    assert {"source_id", "run_id", "document_id", "group_id", "webhook_id", "token_id", "user_id"} <= seen


@pytest.mark.parametrize("name_of", ["source_ids", "group_ids", "document_ids"])
async def test_ids_of_others_in_bodies_find_nothing(world: World, name_of: str) -> None:
    ids, admin = world.ids, world.other["admin"]
    one = ids[name_of.removesuffix("s")]
    found = await admin.call("POST", "/v1/search", {"query": "plans", "filters": {name_of: [one]}})
    # No Weaviate runs here: that these ids are not even asked for there is what is seen.
    assert (found.status, found.body.get("items"), found.body.get("code")) in [
        (200, [], None),
        (503, None, "dependency_unavailable"),
    ]


async def test_others_things_cannot_be_named_in_bodies(world: World) -> None:
    ids, admin = world.ids, world.other["admin"]
    before = await everything_of(world, world.tenants[0])
    group = {"group_id": ids["group_id"]}
    refused = [
        await admin.call("POST", "/v1/sources", {"type": "web", "url": "http://127.0.0.1:1/new/", **group}),
        await admin.call("POST", "/v1/sources/reembed", {"source_ids": [ids["source_id"]]}),
        await admin.call("POST", "/v1/reindex", {"source_id": ids["source_id"]}),
        await admin.call("POST", "/v1/jobs", {"type": "reembed", "payload": {"source_id": ids["source_id"]}}),
        await admin.call(
            "POST", "/v1/jobs", {"type": "summarizer", "payload": {"document_ids": [ids["document_id"]]}}
        ),
    ]
    assert [(answer.status, answer.body["code"]) for answer in refused] == [(404, "not_found")] * len(refused)
    retried = await admin.call("POST", "/v1/jobs/failed/retry", {"ids": [ids["job_id"]]})
    assert (retried.status, retried.body["retried"]) == (202, 0)
    assert await everything_of(world, world.tenants[0]) == before


async def test_the_database_hides_other_tenants_from_a_query_that_forgets_to(world: World) -> None:
    service = await asyncpg.connect(world.service_url)
    tables = await world.rows.fetch(
        "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' "
        "WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace"
    )
    filled = 0
    for table in (row["relname"] for row in tables):
        whole = await world.rows.fetchval(f'SELECT count(*) FROM "{table}" WHERE tenant_id = $1', UUID(world.tenants[0]))  # fmt: skip
        filled += bool(whole)
        for principal, expected in ((world.tenants[1], {world.tenants[1]}), ("", set())):
            async with service.transaction():
                await service.execute("SELECT set_config('quern.tenant_id', $1, true)", principal)
                seen = {str(row[0]) for row in await service.fetch(f'SELECT tenant_id FROM "{table}"')}
            assert seen <= expected, table
        own = await world.rows.fetchval(f'SELECT count(*) FROM "{table}" WHERE tenant_id = $1', UUID(world.tenants[1]))  # fmt: skip
        async with service.transaction():
            await service.execute("SELECT set_config('quern.tenant_id', $1, true)", world.tenants[1])
            assert await service.execute(f'UPDATE "{table}" SET tenant_id = tenant_id') == f"UPDATE {own}"
    assert filled > 10
    await service.close()
