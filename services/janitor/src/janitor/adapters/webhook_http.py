"""The way out to receivers of webhooks: judged addresses alone, no redirects, no memory from one request to the next."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import aiohttp
from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from janitor.core.webhooks import Outcome, answered
from shared.errors import ErrorCode, WorkError
from shared.net.errors import BlockedAddressError, UnresolvedHostError
from shared.net.resolver import GuardedResolver, Resolver, SocketFactory

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator, Mapping

USER_AGENT: Final = "Quern-Webhooks/0.1"
#: Of an answer that is read, in bytes: for people, where a delivery failed.
RESPONSE_BYTES: Final = 4096


class WebhookHttp:
    """Sends one message at a time over a session of :func:`open_session`."""

    def __init__(self, *, session: ClientSession, timeout_seconds: float) -> None:
        """``timeout_seconds`` is for everything: the name, the connection, sending, the answer."""
        self._session = session
        self._timeout_seconds = timeout_seconds

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        """Send it; whatever goes wrong is an outcome."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                return await self._post(url, headers, body)
        except (aiohttp.ClientError, OSError, WorkError) as error:
            return _failed(error)

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Outcome:
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            said = b"" if response.ok else await self._beginning(response)
            return answered(response.status, said, response.headers.get("Retry-After"))

    async def _beginning(self, response: aiohttp.ClientResponse) -> bytes:
        """What it says, as far as it comes: the status is known, and decides."""
        said = b""
        try:
            async with asyncio.timeout(self._timeout_seconds / 4):
                while len(said) < RESPONSE_BYTES and (
                    part := await response.content.read(RESPONSE_BYTES - len(said))
                ):
                    said += part
        except (aiohttp.ClientError, OSError):  # a time-out is one of these
            return said
        return said


@asynccontextmanager
async def open_session(
    *,
    resolver: Resolver,
    connect_timeout_seconds: float,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ClientSession]:
    """A session for :class:`WebhookHttp`, closed at the end.

    Every request has a connection of its own, to an address that was looked up and judged for it: nothing of one
    tenant's receiver is used for another's. Proxies of the environment are ignored, certificates are verified, answers
    are not unpacked.

    Args:
        resolver: judges names and addresses.
        connect_timeout_seconds: for one connection with its TLS handshake.
        tls: the trusted certificates, if other than the system's.
    """
    connector = TCPConnector(
        resolver=GuardedResolver(resolver=resolver),
        socket_factory=SocketFactory(resolver=resolver),
        ssl=tls or True,
        limit=0,  # who sends has limits of its own
        force_close=True,
        use_dns_cache=False,
    )
    async with ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        timeout=ClientTimeout(total=None, sock_connect=connect_timeout_seconds),
        headers={
            "User-Agent": USER_AGENT,
            "Content-Type": "application/json",
            "Accept": "*/*",
            "Accept-Encoding": "identity",
        },
    ) as session:
        yield session


_BROKEN: Final = (ErrorCode.UNREACHABLE, "The connection broke before the receiver had answered.")
_FAILURES: Final[tuple[tuple[type[Exception], ErrorCode, str], ...]] = (
    (TimeoutError, ErrorCode.TIMEOUT, "The receiver did not answer in time."),
    (
        BlockedAddressError,
        ErrorCode.BLOCKED_ADDRESS,
        "The address leads into a private or reserved network, which QUERN_WEBHOOK_ALLOW_NETWORKS does not allow.",
    ),
    (UnresolvedHostError, ErrorCode.UNREACHABLE, "The receiver's host could not be found."),
    (
        aiohttp.ClientSSLError,
        ErrorCode.TLS_ERROR,
        "The receiver's certificate is not valid for this address, or the handshake failed.",
    ),
    (aiohttp.ClientConnectorError, ErrorCode.UNREACHABLE, "The receiver does not take connections."),
)


def _failed(error: Exception) -> Outcome:
    found = ((code, sentence) for kind, code, sentence in _FAILURES if isinstance(error, kind))
    code, sentence = next(found, _BROKEN)
    return Outcome(error_code=code.value, error=sentence)
