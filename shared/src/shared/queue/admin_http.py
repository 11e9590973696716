"""nsqd's HTTP side: channels and statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import aiohttp

from shared.queue.errors import QueueRejectedError, QueueUnavailableError
from shared.queue.ports import ChannelStats, TopicStats
from shared.queue.rules import check_name

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_BAD_REQUEST = 400
_SERVER_ERROR = 500


class NsqHttp:
    """As ``shared.queue.ports.QueueAdmin``, for one nsqd; an async context manager."""

    def __init__(self, *, base_url: str, timeout_seconds: float) -> None:
        self._base_url = base_url
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def ping(self) -> None:
        """As ``QueueAdmin.ping``."""
        await self._call("GET", "/ping")

    async def create_channel(self, topic: str, channel: str) -> None:
        """As ``QueueAdmin.create_channel``."""
        check_name("topic", topic)
        check_name("channel", channel)
        await self._call("POST", "/topic/create", topic=topic)
        await self._call("POST", "/channel/create", topic=topic, channel=channel)

    async def stats(self) -> tuple[TopicStats, ...]:
        """As ``QueueAdmin.stats``."""
        answer = await self._call(
            "GET", "/stats", format="json", include_clients="false", include_mem="false"
        )
        return tuple(_topic(item) for item in answer["topics"] or ())

    async def aclose(self) -> None:
        """Close the connections that were kept. Idempotent."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _call(self, method: str, path: str, **params: str) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        try:
            async with self._session.request(method, self._base_url + path, params=params) as response:
                if response.status >= _SERVER_ERROR:
                    raise QueueUnavailableError(f"nsqd answers {response.status} to {path}")
                if response.status >= _BAD_REQUEST:
                    raise QueueRejectedError(
                        f"nsqd answers {response.status} to {path}: {await response.text()}"
                    )
                return await response.json() if path == "/stats" else None
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise QueueUnavailableError(
                f"no answer from nsqd to {path}: {str(error) or type(error).__name__}"
            ) from error


async def stats_of(base_url: str, *, timeout_seconds: float) -> tuple[TopicStats, ...]:
    """The figures of the nsqd at this address, over a connection of its own: for whoever rarely asks.

    Raises:
        QueueUnavailableError: no answer.
    """
    async with NsqHttp(base_url=base_url, timeout_seconds=timeout_seconds) as http:
        return await http.stats()


def _topic(item: dict[str, Any]) -> TopicStats:
    name = item["topic_name"]
    return TopicStats(
        topic=name,
        depth=item["depth"],
        messages_total=item["message_count"],
        channels=tuple(_channel(name, channel) for channel in item["channels"] or ()),
    )


def _channel(topic: str, item: dict[str, Any]) -> ChannelStats:
    return ChannelStats(
        topic=topic,
        channel=item["channel_name"],
        depth=item["depth"],
        in_flight=item["in_flight_count"],
        deferred=item["deferred_count"],
        clients=item["client_count"],
        messages_total=item["message_count"],
        requeued_total=item["requeue_count"],
        timed_out_total=item["timeout_count"],
        paused=item["paused"],
    )
