"""Signing in, tokens and users, over a real gateway with a real Postgres."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import jwt
import pytest

from shared.clock import new_id, now
from support.client import until
from support.gateways import Gateway
from support.sign_in import EMAIL, KEYS, PASSWORD, Browser, problem, settings, user_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from support.databases import Database


@pytest.fixture
async def gateway(database: Database, tmp_path: Path) -> AsyncIterator[Gateway]:
    made = await Gateway.start(tmp_path / "gateway.log", settings(database, tmp_path))
    await made.logged("first_admin_made")
    yield made
    assert await made.stop() == 0
    assert PASSWORD not in made.raw_log()


@pytest.fixture
async def rows(database: Database) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection = await asyncpg.connect(database.owner_url)
    yield connection
    await connection.close()


@pytest.fixture
async def admin(gateway: Gateway) -> Browser:
    browser = Browser(gateway)
    assert (await browser.login()).status == 200
    return browser


async def test_the_cookie_is_for_our_own_pages_alone(gateway: Gateway) -> None:
    answer = await Browser(gateway).login(" Ada@Example.org ")
    assert answer.status == 200
    parts = {part.strip().lower() for part in answer.headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict", "path=/"} <= parts
    assert "secure" not in parts
    user = answer.body["user"]
    assert (user["email"], user["role"], user["is_operator"], user["tenant"]["slug"]) == (
        EMAIL,
        "admin",
        True,
        "default",
    )


async def test_nothing_is_told_to_strangers(gateway: Gateway) -> None:
    stranger = Browser(gateway)
    for path in ("/v1/sources", "/v1/auth/me", "/v1/users", "/api/jobs/failed", "/v1/system/ledger"):
        answer = await stranger.call("GET", path)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    page = await stranger.call("GET", "/")
    assert page.status == 200
    assert "Latest runs" not in page.body
    assert "Sign in" in page.body


async def test_a_wrong_password_and_an_unknown_address_are_told_alike(gateway: Gateway) -> None:
    browser = Browser(gateway)
    wrong = await browser.login(password="not this one")
    unknown = await browser.login("nobody@example.org")
    problem(wrong, 401, "invalid_credentials")
    differs = {"request_id"}
    assert {k: v for k, v in wrong.body.items() if k not in differs} == {
        k: v for k, v in unknown.body.items() if k not in differs
    }


async def test_after_many_failures_the_right_password_has_to_wait_too(
    database: Database, tmp_path: Path
) -> None:
    limits = {"QUERN_LOGIN_ATTEMPTS": "3", "QUERN_LOGIN_WINDOW_SECONDS": "600"}
    gateway = await Gateway.start(tmp_path / "g.log", settings(database, tmp_path, **limits))
    await gateway.logged("first_admin_made")
    browser = Browser(gateway)
    for email in (EMAIL, "nobody@example.org"):
        for _ in range(3):
            problem(await browser.login(email, "not this one"), 401, "invalid_credentials")
        refused = await browser.login(email, PASSWORD)
        problem(refused, 429, "too_many_attempts")
        assert 1 <= int(refused.headers["Retry-After"]) <= 600
    assert await gateway.stop() == 0


async def test_signing_in_forgets_the_failures_before_it(gateway: Gateway) -> None:
    browser = Browser(gateway)
    for _ in range(3):
        for _ in range(6):
            problem(await browser.login(password="not this one"), 401, "invalid_credentials")
        assert (await browser.login()).status == 200


async def test_a_session_outlives_the_gateway_and_ends_with_signing_out(
    database: Database, tmp_path: Path
) -> None:
    first = await Gateway.start(tmp_path / "1.log", settings(database, tmp_path))
    await first.logged("first_admin_made")
    browser = Browser(first)
    await browser.login()
    assert await first.stop() == 0
    second = await Gateway.start(tmp_path / "2.log", settings(database, tmp_path))
    browser._gateway = second
    assert (await browser.call("GET", "/v1/auth/me")).body["email"] == EMAIL
    gone = await browser.call("POST", "/v1/auth/logout")
    assert gone.status == 204
    assert 'quern_session=""' in gone.headers["Set-Cookie"]
    problem(await browser.call("GET", "/v1/auth/me"), 401, "unauthenticated")
    assert await second.stop() == 0


async def test_keys_are_rotated_without_ending_sessions(database: Database, tmp_path: Path) -> None:
    browsers: list[Browser] = []
    for keys, expected in (
        (KEYS[0], [200]),
        (f"{KEYS[1]},{KEYS[0]}", [200, 200]),
        (KEYS[1], [401, 200, 200]),
    ):
        gateway = await Gateway.start(
            tmp_path / f"{len(browsers)}.log", settings(database, tmp_path, QUERN_SESSION_KEYS=keys)
        )
        await (gateway.ready_enough() if browsers else gateway.logged("first_admin_made"))
        browsers.append(Browser(gateway))
        await browsers[-1].login()
        for browser, status in zip(browsers, expected, strict=True):
            browser._gateway = gateway
            assert (await browser.call("GET", "/v1/auth/me")).status == status
        assert await gateway.stop() == 0


def forged(cookie: str, **changes: Any) -> list[str]:
    """Cookies that nobody may take: unsigned, signed by others, changed, expired."""
    value = cookie.removeprefix("quern_session=")
    head, body = (json.loads(base64.urlsafe_b64decode(part + "==")) for part in value.split(".")[:2])
    body |= changes

    def plain(part: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

    _, _, signature = value.split(".")
    return [
        f"{plain(head | {'alg': 'none'})}.{plain(body)}.",
        f"{plain(head | {'alg': 'None'})}.{plain(body)}.{signature}",
        f"{plain(head)}.{plain(body | {'sid': str(new_id())})}.{signature}",
        jwt.encode(body, "x" * 40, algorithm="HS256", headers={"kid": head["kid"]}),
        jwt.encode(body, KEYS[0], algorithm="HS512", headers={"kid": head["kid"]}),
        jwt.encode(body, KEYS[0], algorithm="HS256"),
        jwt.encode(body, KEYS[0], algorithm="HS256", headers={"kid": "other"}),
        jwt.encode(body | {"exp": 1}, KEYS[0], algorithm="HS256", headers={"kid": head["kid"]}),
        jwt.encode(body | {"aud": "other"}, KEYS[0], algorithm="HS256", headers={"kid": head["kid"]}),
        jwt.encode({"sid": body["sid"]}, KEYS[0], algorithm="HS256", headers={"kid": head["kid"]}),
        jwt.encode(body | {"sid": "x"}, KEYS[0], algorithm="HS256", headers={"kid": head["kid"]}),
        jwt.encode(body | {"tid": str(new_id())}, KEYS[0], algorithm="HS256", headers={"kid": head["kid"]}),
        value + "x",
        "a.b.c",
        "",
    ]


async def test_forged_cookies_are_nobody(gateway: Gateway, admin: Browser) -> None:
    for value in forged(admin.cookie):
        browser = Browser(gateway)
        browser.cookie = f"quern_session={value}"
        problem(await browser.call("GET", "/v1/auth/me"), 401, "unauthenticated")


async def test_a_token_does_what_its_role_may_until_it_is_revoked(gateway: Gateway, admin: Browser) -> None:
    made = await admin.made("/v1/tokens", {"name": "reader", "role": "user"})
    token = made["token"]
    assert token.startswith("quern_")
    stranger = Browser(gateway)
    me = await stranger.call("GET", "/v1/auth/me", token=token)
    assert (me.body["email"], me.body["role"], me.body["is_operator"]) == (EMAIL, "user", False)
    problem(await stranger.call("GET", "/v1/users", token=token), 403, "forbidden")
    listed = (await admin.call("GET", "/v1/tokens")).body["items"]
    assert [(item["name"], item["owner"]) for item in listed] == [("reader", EMAIL)]
    assert "token" not in listed[0]
    assert token not in json.dumps(listed)
    assert listed[0]["last_used_at"] is not None
    assert (await admin.call("DELETE", f"/v1/tokens/{made['id']}")).status == 204
    problem(await stranger.call("GET", "/v1/auth/me", token=token), 401, "unauthenticated")
    problem(await admin.call("DELETE", f"/v1/tokens/{made['id']}"), 404, "not_found")


async def test_an_expired_token_is_nobody(
    gateway: Gateway, admin: Browser, rows: asyncpg.Connection[asyncpg.Record]
) -> None:
    token = await admin.token(expires_at=(now() + timedelta(hours=1)).isoformat())
    assert (await Browser(gateway).call("GET", "/v1/auth/me", token=token)).status == 200
    await rows.execute("UPDATE api_tokens SET expires_at = now() - interval '1 second'")
    problem(await Browser(gateway).call("GET", "/v1/auth/me", token=token), 401, "unauthenticated")
    past = await admin.call("POST", "/v1/tokens", {"name": "t", "expires_at": "2001-01-01T00:00:00Z"})
    problem(past, 422, "validation_error")


async def test_a_token_that_a_token_made_ends_with_it(gateway: Gateway, admin: Browser) -> None:
    parent = await admin.made("/v1/tokens", {"name": "parent", "expires_at": "2031-01-01T00:00:00Z"})
    stranger = Browser(gateway)
    child = await stranger.made("/v1/tokens", {"name": "child"}, token=parent["token"])
    assert child["expires_at"] == parent["expires_at"]
    await admin.call("DELETE", f"/v1/tokens/{parent['id']}")
    problem(await stranger.call("GET", "/v1/auth/me", token=child["token"]), 401, "unauthenticated")


@pytest.mark.parametrize(
    "header",
    ["Bearer", "Bearer ", "Bearer x", "Basic YTpi", "quern_" + "a" * 43, "Bearer quern_" + "a" * 43, "Bearer ' OR 1=1"],
)  # fmt: skip
async def test_what_is_no_token_is_nobody_even_with_a_good_cookie(admin: Browser, header: str) -> None:
    answer = await admin.call("GET", "/v1/auth/me", Authorization=header)
    problem(answer, 401, "unauthenticated")


async def test_a_page_of_another_site_changes_nothing(admin: Browser) -> None:
    body = {"name": "from elsewhere"}
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"):
        problem(await admin.call("POST", "/v1/groups", body, Origin=origin), 403, "cross_site")
    own = admin._gateway.url
    assert (await admin.call("POST", "/v1/groups", body, Origin=own)).status == 201
    token = await admin.token()
    named = {"name": "by a token"}
    other = await admin.call("POST", "/v1/groups", named, token=token, Origin="https://tool.example")
    assert other.status == 201


async def test_users_may_not_do_what_admins_do(gateway: Gateway, admin: Browser) -> None:
    bob = await user_of(gateway, admin)
    assert (await bob.call("GET", "/v1/sources")).status == 200
    for method, path in (("GET", "/v1/users"), ("GET", "/v1/audit"), ("POST", "/v1/reindex")):
        problem(await bob.call(method, path), 403, "forbidden")
    problem(await bob.call("POST", "/v1/tokens", {"name": "t", "role": "admin"}), 422, "validation_error")


async def test_admins_who_are_no_operators_see_their_tenant_alone(gateway: Gateway, admin: Browser) -> None:
    eve = await user_of(gateway, admin, "eve@example.org", "admin")
    assert (await eve.call("GET", "/v1/users")).body["total"] == 2
    problem(await eve.call("GET", "/v1/system/dead-messages"), 403, "forbidden")
    first = (await eve.call("GET", "/v1/users")).body["items"][-1]
    assert first["is_operator"]
    taken = await eve.call("PATCH", f"/v1/users/{first['id']}", {"password": "now it is mine"})
    problem(taken, 403, "forbidden")
    problem(await eve.call("DELETE", f"/v1/users/{first['id']}"), 403, "forbidden")
    body = {"email": "x@example.org", "password": "some password", "tenant": "other"}
    problem(await eve.call("POST", "/v1/users", body), 403, "forbidden")


async def test_somebody_always_remains(gateway: Gateway, admin: Browser) -> None:
    me = (await admin.call("GET", "/v1/auth/me")).body["id"]
    problem(await admin.call("DELETE", f"/v1/users/{me}"), 409, "last_admin")
    problem(await admin.call("PATCH", f"/v1/users/{me}", {"role": "user"}), 409, "last_admin")
    await user_of(gateway, admin, "eve@example.org", "admin")
    problem(await admin.call("DELETE", f"/v1/users/{me}"), 409, "last_admin")  # the last operator still


async def test_a_role_counts_as_it_is_now(gateway: Gateway, admin: Browser) -> None:
    eve = await user_of(gateway, admin, "eve@example.org", "admin")
    token = await eve.token()
    who = (await eve.call("GET", "/v1/auth/me")).body["id"]
    assert (await admin.call("PATCH", f"/v1/users/{who}", {"role": "user"})).status == 200
    problem(await eve.call("GET", "/v1/users"), 403, "forbidden")
    problem(await eve.call("GET", "/v1/users", token=token), 403, "forbidden")
    assert (await admin.call("DELETE", f"/v1/users/{who}")).status == 204
    problem(await eve.call("GET", "/v1/sources"), 401, "unauthenticated")
    problem(await eve.call("GET", "/v1/sources", token=token), 401, "unauthenticated")


async def test_a_new_password_ends_the_other_sessions(gateway: Gateway, admin: Browser) -> None:
    other = Browser(gateway)
    await other.login()
    change = {"password": "not this one", "new_password": "another password"}
    problem(await admin.call("POST", "/v1/auth/password", change), 401, "invalid_credentials")
    done = await admin.call("POST", "/v1/auth/password", change | {"password": PASSWORD})
    assert done.status == 204
    assert (await admin.call("GET", "/v1/auth/me")).status == 200
    problem(await other.call("GET", "/v1/auth/me"), 401, "unauthenticated")
    problem(await other.login(), 401, "invalid_credentials")
    assert (await other.login(password="another password")).status == 200


async def test_every_act_is_audited_and_no_secret_with_it(
    gateway: Gateway, admin: Browser, rows: asyncpg.Connection[asyncpg.Record]
) -> None:
    bob = await user_of(gateway, admin)
    token = await bob.token()
    await bob.login("bob@example.org", "not this one")
    await bob.call("POST", "/v1/auth/logout")
    entries = (await admin.call("GET", "/v1/audit")).body["items"]
    found = {(entry["action"], entry["actor"], entry["outcome"]) for entry in entries}
    assert {
        ("user.add", "installation", "accepted"),
        ("session.begin", EMAIL, "accepted"),
        ("user.add", EMAIL, "accepted"),
        ("session.begin", "bob@example.org", "accepted"),
        ("session.begin", "bob@example.org", "refused"),
        ("session.end", "bob@example.org", "accepted"),
        ("token.add", "bob@example.org", "accepted"),
    } <= found
    of_bob = (await admin.call("GET", "/v1/audit?actor=bob@example.org&action=token.add")).body
    assert [entry["actor"] for entry in of_bob["items"]] == ["bob@example.org"]
    kept = json.dumps([dict(row) for row in await rows.fetch("SELECT * FROM audit_log")], default=str)
    for secret in (token, PASSWORD, "bob has a password", "not this one"):
        assert secret not in kept
        assert secret not in gateway.raw_log()


async def test_two_gateways_make_one_first_admin(database: Database, tmp_path: Path) -> None:
    both = [
        await Gateway.start(tmp_path / f"{n}.log", settings(database, tmp_path, QUERN_ADMIN_PASSWORD=""))
        for n in range(2)
    ]

    async def printed() -> list[str]:
        return [line for g in both for line in g.raw_log().splitlines() if line.startswith("First admin: ")]

    (line,) = await until(printed, "one of them prints a password")
    password = line.rpartition(" ")[2]
    browser = Browser(both[0])
    assert (await browser.login(password=password)).status == 200
    assert (await browser.call("GET", "/v1/users")).body["total"] == 1
    for gateway in both:
        assert await gateway.stop() == 0
    assert len(await printed()) == 1
