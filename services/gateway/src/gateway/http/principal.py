"""On whose behalf a request comes: decided here and nowhere else, never by what a client says in a payload."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from aiohttp import hdrs

from gateway.core.access import Access
from gateway.core.accounts import token_hash
from gateway.core.errors import CrossSiteError, UnauthenticatedError
from gateway.core.tenancy import ANONYMOUS, DEFAULT_TENANT_ID, DEFAULT_TENANT_SLUG
from shared.contracts.caller import Caller, Role

if TYPE_CHECKING:
    from aiohttp import web

    from gateway.ports import CallerReader, Cookies
    from shared.postgres.account_rows import CallerRow

COOKIE: Final = "quern_session"
SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SCHEME: Final = "bearer "


class OneTenant:
    """Without accounts everybody is the anonymous admin of the default tenant, and operator."""

    async def __call__(self, _request: web.BaseRequest, request_id: str, _access: Access, /) -> Caller:
        """The caller."""
        return _nobody(request_id, role=Role.ADMIN, is_operator=True, signed_in=True)


class Accounts:
    """The caller by an API token, else by a session.

    Args:
        cookies: reads what a browser keeps.
        callers: knows whose sessions and tokens there are.
        public_origin: what browsers call this installation (``https://quern.example.org``); where it is empty, the
            host that the request names.
    """

    def __init__(self, *, cookies: Cookies, callers: CallerReader, public_origin: str) -> None:
        self._cookies = cookies
        self._callers = callers
        self._public_origin = public_origin

    async def __call__(self, request: web.BaseRequest, request_id: str, access: Access, /) -> Caller:
        """The caller; a stranger where everybody may come and nothing valid was shown."""
        if access is Access.PUBLIC:
            return _nobody(request_id)
        try:
            return _caller(await self._known(request), request_id)
        except UnauthenticatedError:
            if access is Access.OPTIONAL:
                return _nobody(request_id)
            raise

    async def _known(self, request: web.BaseRequest) -> CallerRow:
        header = request.headers.get(hdrs.AUTHORIZATION)
        if header is not None:  # whoever shows a token means it: no cookie is looked at instead
            return await self._by_token(header)
        cookie = request.cookies.get(COOKIE)
        if cookie is None:
            raise UnauthenticatedError("Sign in, or send an API token: Authorization: Bearer quern_...")
        claim = self._cookies.read(cookie)
        row = None
        if claim is not None:
            row = await self._callers.of_session(claim.tenant_id, claim.session_id)
        if row is None:
            raise UnauthenticatedError("The session is over: sign in again.")
        self._require_own_page(request)
        return row

    async def _by_token(self, header: str) -> CallerRow:
        token = header[len(_SCHEME) :].strip() if header.lower().startswith(_SCHEME) else ""
        kept = token_hash(token)
        row = None if kept is None else await self._callers.of_token(kept)
        if row is None:
            raise UnauthenticatedError("The API token is not valid, expired or revoked: make a new one.")
        return row

    def _require_own_page(self, request: web.BaseRequest) -> None:
        """Changes that come with a cookie come from our own pages (Origin: RFC 6454, which scripts cannot set)."""
        origin = request.headers.get(hdrs.ORIGIN)
        if request.method in SAFE_METHODS or origin is None:
            return
        own = self._public_origin or f"{request.scheme}://{request.host}"
        if _host(origin) != _host(own) or (self._public_origin and origin != own):
            raise CrossSiteError("This request was made by a page of another site.")


def _host(origin: str) -> str:
    # Behind a proxy that ends TLS the scheme that is seen here is not the browser's.
    return urlsplit(origin).netloc.lower()


def _caller(row: CallerRow, request_id: str) -> Caller:
    return Caller(
        tenant_id=row.tenant_id,
        tenant_slug=row.tenant_slug,
        actor=row.email,
        request_id=request_id,
        user_id=row.user_id,
        role=Role(row.role),
        is_operator=row.is_operator,
        session_id=row.session_id,
        token_id=row.token_id,
    )


def _nobody(
    request_id: str, *, role: Role = Role.USER, is_operator: bool = False, signed_in: bool = False
) -> Caller:
    return Caller(
        tenant_id=DEFAULT_TENANT_ID,
        tenant_slug=DEFAULT_TENANT_SLUG,
        actor=ANONYMOUS,
        request_id=request_id,
        role=role,
        is_operator=is_operator,
        signed_in=signed_in,
    )
