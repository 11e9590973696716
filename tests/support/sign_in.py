"""Gateways with accounts, and browsers that sign in there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from support.gateways import Gateway, environment

if TYPE_CHECKING:
    from pathlib import Path

    from support.client import Answer
    from support.databases import Database

EMAIL = "ada@example.org"
PASSWORD = "correct horse battery"
KEYS = "k1-" + "abcdefghijklmnopqrstuvwxyz0123456789" * 2, "k2-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2


def settings(database: Database, folder: Path, **more: str) -> dict[str, str]:
    return {
        **environment(database_url=database.service_url, data_dir=folder),
        "QUERN_AUTH_ENABLED": "true",
        "QUERN_SESSION_KEYS": KEYS[0],
        "QUERN_ADMIN_EMAIL": EMAIL,
        "QUERN_ADMIN_PASSWORD": PASSWORD,
        **more,
    }


class Browser:
    """Keeps a cookie, as a browser does."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.cookie = ""

    async def login(self, email: str = EMAIL, password: str = PASSWORD, **more: str) -> Answer:
        answer = await self.call("POST", "/v1/auth/login", {"email": email, "password": password, **more})
        if answer.status == 200:
            self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        return answer

    async def call(
        self, method: str, path: str, body: Any = None, *, token: str = "", **headers: str
    ) -> Answer:
        if token:
            headers["Authorization"] = f"Bearer {token}"
        elif self.cookie:
            headers["Cookie"] = self.cookie
        return await self._gateway.client.call(method, path, json=body, headers=headers)

    async def made(self, path: str, body: Any, **options: Any) -> Any:
        answer = await self.call("POST", path, body, **options)
        assert answer.status == 201, answer
        return answer.body

    async def token(self, **fields: Any) -> str:
        return str((await self.made("/v1/tokens", {"name": "t", **fields}))["token"])


async def user_of(
    gateway: Gateway, admin: Browser, email: str = "bob@example.org", role: str = "user"
) -> Browser:
    await admin.made("/v1/users", {"email": email, "password": "bob has a password", "role": role})
    browser = Browser(gateway)
    assert (await browser.login(email, "bob has a password")).status == 200
    return browser


def problem(answer: Answer, status: int, code: str) -> None:
    assert (answer.status, answer.body["code"]) == (status, code), answer
