"""How requests reach the gateway: time limits, bounded repetition, errors told apart."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, TypeVar

import httpx
from pydantic import BaseModel

from quern.answers import parse, parse_body, require_success, retry_after_seconds
from quern.errors import BadAddressError, NoAnswerError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Collection, Iterator, Mapping

    from quern.multipart import MultipartFile
    from quern.retries import RetryPolicy

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Time limits in seconds.

    Attributes:
        connect_seconds: for a new connection.
        answer_seconds: for each piece of an answer to come, and each piece of a request to go.
        upload_answer_seconds: for the answer to an upload, which is hashed and made durable first.
        silence_seconds: how long a stream of events may be silent before it is taken for broken.
    """

    connect_seconds: float = 5.0
    answer_seconds: float = 30.0
    upload_answer_seconds: float = 300.0
    silence_seconds: float = 45.0


class Transport:
    """Sends requests to one gateway.

    Every method raises ``ProblemError`` where the gateway refuses, ``UnreachableError`` and ``NoAnswerError`` where
    it cannot be talked to, ``UnexpectedAnswerError`` where something else answers. Only GET requests are repeated.

    Args:
        base_url: of the gateway, without ``/v1``.
        timeouts: time limits.
        retries: when to repeat a GET.
        user_agent: how this client names itself.
    """

    def __init__(
        self, *, base_url: str, timeouts: Timeouts, retries: RetryPolicy, user_agent: str = "quern-client"
    ) -> None:
        self.base_url = checked_url(base_url)
        self._timeouts = timeouts
        self._retries = retries
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            headers={"User-Agent": user_agent, "Accept": "application/json"},
            timeout=self._limit(timeouts.answer_seconds),
            limits=httpx.Limits(max_connections=20, max_keepalive_connections=10),
            trust_env=not _is_loopback(self.base_url),  # a proxy cannot reach this machine's own loopback
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._http.aclose()

    async def get(self, model: type[M], path: str, params: Mapping[str, object] | None = None) -> M:
        """GET, repeated within limits."""
        return parse(model, await self._get(path, params))

    async def get_text(self, path: str) -> str:
        """GET of something that is not JSON."""
        response = await self._get(path, None)
        require_success(response)
        return response.text

    async def get_whatever_status(self, model: type[M], path: str, statuses: Collection[int]) -> M:
        """GET, not repeated, of an answer that has the same shape under several statuses."""
        response = await self._once("GET", path)
        return parse_body(model, response) if response.status_code in statuses else parse(model, response)

    async def send(
        self,
        model: type[M],
        method: str,
        path: str,
        *,
        body: object = None,
        params: Mapping[str, object] | None = None,
    ) -> M:
        """A request that changes something; never repeated."""
        return parse(model, await self._once(method, path, json=body, params=_query(params)))

    async def send_empty(self, method: str, path: str) -> None:
        """A request whose answer says nothing but that it was done."""
        require_success(await self._once(method, path))

    async def upload(self, model: type[M], path: str, body: MultipartFile) -> M:
        """Send a file in pieces."""
        limit = self._limit(self._timeouts.answer_seconds, read=self._timeouts.upload_answer_seconds)
        return parse(
            model, await self._once("POST", path, content=aiter(body), headers=body.headers, timeout=limit)
        )

    @asynccontextmanager
    async def stream(self, path: str, headers: Mapping[str, str]) -> AsyncIterator[AsyncIterator[bytes]]:
        """An answer in pieces, as they come."""
        limit = self._limit(self._timeouts.answer_seconds, read=self._timeouts.silence_seconds)
        with self._translated():
            async with self._http.stream("GET", path, headers=dict(headers), timeout=limit) as response:
                if not response.is_success:
                    await response.aread()
                    require_success(response)
                yield response.aiter_bytes()

    async def _get(self, path: str, params: Mapping[str, object] | None) -> httpx.Response:
        tried = 1
        outcome = await self._try_get(path, params)
        while (wait := self._wait_seconds(tried, outcome)) is not None:
            await asyncio.sleep(wait)
            tried += 1
            outcome = await self._try_get(path, params)
        if isinstance(outcome, UnreachableError):
            raise outcome
        return outcome

    async def _try_get(
        self, path: str, params: Mapping[str, object] | None
    ) -> httpx.Response | UnreachableError:
        try:
            return await self._once("GET", path, params=_query(params))
        except UnreachableError as error:
            return error

    def _wait_seconds(self, tried: int, outcome: httpx.Response | UnreachableError) -> float | None:
        asked = None
        if isinstance(outcome, httpx.Response):
            if outcome.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                return None
            asked = retry_after_seconds(outcome)
        return self._retries.wait_seconds(tried, asked, random.random())  # noqa: S311  (spreads load, keeps no secret)

    async def _once(self, method: str, path: str, **options: Any) -> httpx.Response:
        with self._translated():
            return await self._http.request(method, path, **options)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """The HTTP library's errors as ours."""
        try:
            yield
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            why = str(error) or "no answer in time"
            raise UnreachableError(
                f"Nothing answers at {self.base_url} ({why}). Is Quern running?"
            ) from error
        except httpx.TimeoutException as error:
            raise NoAnswerError(f"{self.base_url} took the request and did not answer in time.") from error
        except httpx.TransportError as error:
            why = str(error) or type(error).__name__
            raise UnreachableError(f"The connection to {self.base_url} broke ({why}).") from error

    def _limit(self, seconds: float, *, read: float | None = None) -> httpx.Timeout:
        return httpx.Timeout(seconds, connect=self._timeouts.connect_seconds, read=read or seconds)


def checked_url(url: str) -> str:
    """The address of a gateway, without a trailing slash.

    Raises:
        BadAddressError: it is none.
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.query or parsed.fragment:
        raise BadAddressError(
            f"{url!r} is not the address of a gateway: expected something like http://host:8000."
        )
    return url.rstrip("/")


def _is_loopback(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _query(params: Mapping[str, object] | None) -> dict[str, str]:
    """Parameters as text; None is left out."""
    return {name: _text(value) for name, value in (params or {}).items() if value is not None}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
