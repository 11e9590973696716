"""The one way out to the web: a connection pool that connects to judged addresses only."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from aiohttp import ClientSession, ClientTimeout, DummyCookieJar, TCPConnector

from ingest_worker.adapters.http_decoding import ACCEPT_ENCODING
from ingest_worker.core.robots import PRODUCT_TOKEN
from shared.net.resolver import GuardedResolver, Resolver, SocketFactory

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

USER_AGENT = f"{PRODUCT_TOKEN}/0.1"

_MAX_HEADER_BYTES = 16_384  # some content security policies are longer than aiohttp's 8 KiB


@asynccontextmanager
async def open_session(
    *,
    resolver: Resolver,
    user_agent: str = USER_AGENT,
    connect_timeout_seconds: float = 10.0,
    max_connections: int = 128,
    max_connections_per_host: int = 32,
    idle_seconds: float = 15.0,
    dns_cache_seconds: int = 60,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[ClientSession]:
    """A session for :class:`ingest_worker.adapters.fetcher.Fetcher`, closed at the end.

    Proxy settings of the environment are ignored, cookies are not kept, and certificates are verified.

    Args:
        resolver: judges names and addresses.
        user_agent: must hold the product token, which robots.txt goes by.
        connect_timeout_seconds: for one connection with its TLS handshake.
        max_connections: open at once, idle ones included. Below the number of fetches at once it delays them.
        max_connections_per_host: likewise, for one host.
        idle_seconds: how long an unused connection is kept.
        dns_cache_seconds: how long the judged addresses of a name are used again.
        tls: the trusted certificates, if other than the system's.
    """
    connector = TCPConnector(
        resolver=GuardedResolver(resolver=resolver),
        socket_factory=SocketFactory(resolver=resolver),
        ssl=tls or True,
        limit=max_connections,
        limit_per_host=max_connections_per_host,
        keepalive_timeout=idle_seconds,
        ttl_dns_cache=dns_cache_seconds,
    )
    session = ClientSession(
        connector=connector,
        cookie_jar=DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        timeout=ClientTimeout(total=None, sock_connect=connect_timeout_seconds),
        headers={
            "User-Agent": user_agent,
            "Accept": "text/html, application/xhtml+xml, */*;q=0.8",
            "Accept-Encoding": ACCEPT_ENCODING,
        },
        max_line_size=_MAX_HEADER_BYTES,
        max_field_size=_MAX_HEADER_BYTES,
    )
    async with session:
        yield session
