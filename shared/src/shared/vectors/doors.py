"""The two ways to Weaviate, REST and gRPC: no hidden retries, a deadline on every call, errors translated."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Self

import aiohttp
import grpc

from shared.vectors.errors import VectorsUnavailableError
from shared.vectors.stubs import weaviate_pb2_grpc
from shared.vectors.translate import from_rpc, from_status

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_MAX_MESSAGE_BYTES = 100 << 20
_CHANNEL_OPTIONS = (
    ("grpc.max_send_message_length", _MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", _MAX_MESSAGE_BYTES),
    # After an outage the channel is back within a second; the default backs off up to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A connection that lost its far side is given up 20 s after unanswered bytes. The ping itself is rare,
    # because a Go server ends connections that ping more often than every five minutes.
    ("grpc.keepalive_time_ms", 310_000),
    ("grpc.keepalive_timeout_ms", 20_000),
)
_BELT_SECONDS = 0.5  # gRPC and aiohttp end calls by themselves; this is for when they do not
_HEALTH_CHECK = "/grpc.health.v1.Health/Check"


class Doors:
    """Connections to one Weaviate; made without touching the network, they survive its restarts.

    Args:
        url: its HTTP address.
        grpc_address: its gRPC address, host:port.
        api_key: empty where Weaviate asks for none.
    """

    def __init__(self, *, url: str, grpc_address: str, api_key: str) -> None:
        headers = {"authorization": f"Bearer {api_key}"} if api_key else {}
        self._url = url.rstrip("/")
        self._metadata = tuple(headers.items())
        self._session = aiohttp.ClientSession(
            headers=headers, connector=aiohttp.TCPConnector(limit=16), cookie_jar=aiohttp.DummyCookieJar()
        )
        self._channel = grpc.aio.insecure_channel(grpc_address, options=_CHANNEL_OPTIONS)
        self.stub: Any = weaviate_pb2_grpc.WeaviateStub(self._channel)  # type: ignore[no-untyped-call]  # generated
        self._health = self._channel.unary_unary(_HEALTH_CHECK)

    @classmethod
    async def open(cls, *, url: str, grpc_address: str, api_key: str) -> Self:
        """Make the connections on the running event loop."""
        return cls(url=url, grpc_address=grpc_address, api_key=api_key)

    async def call(self, method: Callable[..., Any], request: object, *, deadline_seconds: float) -> Any:
        """The reply to one gRPC request, sent once.

        Raises:
            VectorsUnavailableError: no reply in time, or an outage; other errors as the reply tells.
        """
        try:
            async with asyncio.timeout(deadline_seconds + _BELT_SECONDS):
                return await method(request, metadata=self._metadata, timeout=deadline_seconds)
        except grpc.aio.AioRpcError as error:
            raise from_rpc(error.code().name, error.details() or "") from error
        except grpc.aio.UsageError as error:  # the channel is closed
            raise VectorsUnavailableError("The connection to Weaviate is closed.") from error
        except TimeoutError as error:
            raise VectorsUnavailableError(f"Weaviate did not answer within {deadline_seconds} s.") from error

    async def rest(
        self,
        method: str,
        path: str,
        *,
        deadline_seconds: float,
        body: object = None,
        ok: Collection[int] = (200,),
    ) -> tuple[int, Any]:
        """Status and parsed body of one HTTP request, sent once.

        Raises:
            VectorsUnavailableError: no answer in time, or an outage; other errors as status and body tell.
        """
        try:
            async with (
                asyncio.timeout(deadline_seconds),
                self._session.request(method, self._url + path, json=body) as answer,
            ):
                status, text = answer.status, await answer.text()
        except TimeoutError as error:
            raise VectorsUnavailableError(f"Weaviate did not answer within {deadline_seconds} s.") from error
        except (aiohttp.ClientError, OSError, RuntimeError) as error:  # RuntimeError: the session is closed
            raise VectorsUnavailableError(f"Weaviate cannot be reached: {error}") from error
        if status not in ok:
            raise from_status(status, text)
        return status, json.loads(text) if text else None

    async def check_grpc(self, *, deadline_seconds: float) -> None:
        """Return when the gRPC side answers.

        Raises:
            VectorsUnavailableError: it does not.
        """
        await self.call(self._health, b"", deadline_seconds=deadline_seconds)

    async def close(self) -> None:
        """Close both; safe to call twice."""
        await self._session.close()
        await self._channel.close()
