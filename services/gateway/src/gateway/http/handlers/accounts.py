"""Sessions, users, tokens and the audit log: a translation and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from aiohttp import web

from gateway.core.accounts import SessionClaim
from gateway.core.errors import InvalidRequestError
from gateway.http.models.accounts import (
    AuditList,
    Me,
    SignedIn,
    TenantOfUser,
    Token,
    TokenList,
    TokenMade,
    User,
    UserList,
)
from gateway.http.paging import page, wanted
from gateway.http.principal import COOKIE
from shared.clock import now
from shared.contracts.caller import Role

if TYPE_CHECKING:
    from gateway.http.models.accounts import (
        AuditQuery,
        Credentials,
        PasswordChange,
        TokenInput,
        UserInput,
        UserPatch,
    )
    from gateway.http.models.common import NoBody, NoQuery, PageQuery
    from gateway.http.route import Call
    from gateway.ports import AuditReader, Cookies, TokenStore, UserStore
    from gateway.usecases.accounts import Accounts
    from gateway.usecases.sign_in import SignIn
    from shared.postgres.account_rows import AccountRow

_NOWHERE: Final = "unknown"


class AuthHandlers:
    """Everything below /v1/auth.

    Args:
        sign_in: does it.
        cookies: signs what the browser keeps.
        secure: whether browsers may send the cookie over TLS only.
    """

    def __init__(self, *, sign_in: SignIn, cookies: Cookies, secure: bool) -> None:
        self._sign_in = sign_in
        self._cookies = cookies
        self._secure = secure

    async def login(self, call: Call[NoQuery, Credentials]) -> web.Response:
        """POST /v1/auth/login."""
        body = call.body
        session = await self._sign_in.begin(
            email=body.email,
            password=body.password,
            tenant=body.tenant,
            remote=call.request.remote or _NOWHERE,
        )
        answer = web.Response(
            text=SignedIn(user=_me(session.account)).model_dump_json(), content_type="application/json"
        )
        claim = SessionClaim(session_id=session.id, tenant_id=session.account.tenant_id)
        answer.set_cookie(
            COOKIE,
            self._cookies.sign(claim, session.until),
            max_age=max(0, int((session.until - now()).total_seconds())),
            path="/",
            httponly=True,
            secure=self._secure,
            samesite="Strict",
        )
        return answer

    async def logout(self, call: Call[NoQuery, NoBody]) -> web.Response:
        """POST /v1/auth/logout."""
        await self._sign_in.end(call.caller)
        answer = web.Response(status=204)
        answer.del_cookie(COOKIE, path="/", httponly=True, secure=self._secure, samesite="Strict")
        return answer

    async def me(self, call: Call[NoQuery, NoBody]) -> Me:
        """GET /v1/auth/me."""
        account = await self._sign_in.me(call.caller)
        return _me(account).model_copy(
            update={"role": call.caller.role, "is_operator": call.caller.is_operator}
        )

    async def change_password(self, call: Call[NoQuery, PasswordChange]) -> None:
        """POST /v1/auth/password."""
        await self._sign_in.change_password(
            call.caller,
            old=call.body.password,
            new=call.body.new_password,
            remote=call.request.remote or _NOWHERE,
        )


class UserHandlers:
    """Everything below /v1/users."""

    def __init__(self, *, accounts: Accounts, users: UserStore) -> None:
        self._accounts = accounts
        self._users = users

    async def find(self, call: Call[PageQuery, NoBody]) -> UserList:
        """GET /v1/users."""
        found = await self._users.find(call.caller.tenant_id, wanted(call.query))
        return page(UserList, call.query, found.items, found.total)

    async def get(self, call: Call[NoQuery, NoBody]) -> User:
        """GET /v1/users/{id}."""
        return User.model_validate(await self._users.get(call.caller.tenant_id, call.ids["user_id"]))

    async def add(self, call: Call[NoQuery, UserInput]) -> User:
        """POST /v1/users."""
        body = call.body
        return User.model_validate(
            await self._accounts.add_user(
                call.caller, email=body.email, password=body.password, role=body.role, tenant=body.tenant
            )
        )

    async def change(self, call: Call[NoQuery, UserPatch]) -> User:
        """PATCH /v1/users/{id}."""
        body = call.body
        return User.model_validate(
            await self._accounts.change_user(
                call.caller, call.ids["user_id"], role=body.role, password=body.password
            )
        )

    async def remove(self, call: Call[NoQuery, NoBody]) -> None:
        """DELETE /v1/users/{id}."""
        await self._accounts.remove_user(call.caller, call.ids["user_id"])


class TokenHandlers:
    """Everything below /v1/tokens."""

    def __init__(self, *, accounts: Accounts, tokens: TokenStore) -> None:
        self._accounts = accounts
        self._tokens = tokens

    async def find(self, call: Call[PageQuery, NoBody]) -> TokenList:
        """GET /v1/tokens."""
        found = await self._tokens.find(call.caller, wanted(call.query))
        return page(TokenList, call.query, found.items, found.total)

    async def add(self, call: Call[NoQuery, TokenInput]) -> TokenMade:
        """POST /v1/tokens."""
        body = call.body
        if body.expires_at is not None and body.expires_at <= now():
            raise InvalidRequestError.at("body", "expires_at", msg="must be in the future")
        row, secret = await self._accounts.add_token(
            call.caller, name=body.name, role=body.role, expires_at=body.expires_at
        )
        return TokenMade(**Token.model_validate(row).model_dump(), token=secret)

    async def remove(self, call: Call[NoQuery, NoBody]) -> None:
        """DELETE /v1/tokens/{id}."""
        await self._tokens.remove(caller=call.caller, token_id=call.ids["token_id"])


class AuditHandlers:
    """/v1/audit."""

    def __init__(self, *, audit: AuditReader) -> None:
        self._audit = audit

    async def find(self, call: Call[AuditQuery, NoBody]) -> AuditList:
        """GET /v1/audit."""
        query = call.query
        found = await self._audit.find(call.caller.tenant_id, query.action, query.actor, wanted(query))
        return page(AuditList, query, found.items, found.total)


def _me(account: AccountRow) -> Me:
    tenant = TenantOfUser(id=account.tenant_id, slug=account.tenant_slug, name=account.tenant_name)
    return Me(
        id=account.id,
        email=account.email,
        role=Role(account.role),
        is_operator=account.is_operator,
        tenant=tenant,
    )
