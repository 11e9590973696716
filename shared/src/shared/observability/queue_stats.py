"""The queue's own figures, read from nsqd at each scrape: nsqd has no /metrics of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from shared.observability.families import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

    from shared.queue.ports import ChannelStats, QueueAdmin, TopicStats

_LABELS = ("topic", "channel")
_GAUGES = (
    ("quern_queue_depth", "Messages that wait in a channel.", "depth"),
    ("quern_queue_in_flight", "Messages that are being worked on.", "in_flight"),
    ("quern_queue_deferred", "Messages that wait for their delay to end.", "deferred"),
    ("quern_queue_clients", "Consumers that are connected to a channel.", "clients"),
    ("quern_queue_paused", "1 while a channel is paused.", "paused"),
)
_COUNTERS = (
    ("quern_queue_messages", "Messages that a channel received since nsqd started.", "messages_total"),
    ("quern_queue_requeued", "Messages that were handed back since nsqd started.", "requeued_total"),
    ("quern_queue_timed_out", "Messages whose lease ran out since nsqd started.", "timed_out_total"),
)


class QueueStatsCollector:
    """A Prometheus collector over the last answer of nsqd; one service of an installation has it.

    ``refresh`` is a refresher of ``AdminApp``. While nsqd is down its figures are absent, not stale.
    """

    def __init__(self, admin: QueueAdmin, *, registry: CollectorRegistry = REGISTRY) -> None:
        self._admin = admin
        self._topics: tuple[TopicStats, ...] = ()
        registry.register(self)

    async def refresh(self) -> None:
        """Ask nsqd.

        Raises:
            QueueUnavailableError: no answer.
        """
        self._topics = ()
        self._topics = await self._admin.stats()

    def describe(self) -> list[Metric]:
        """Nothing, so that registering asks nobody."""
        return []

    def collect(self) -> Iterator[Metric]:
        """The families, from the last answer."""
        backlog = GaugeMetricFamily(
            "quern_queue_backlog", "Messages that no channel has taken.", labels=("topic",)
        )
        for topic in self._topics:
            backlog.add_metric((topic.topic,), topic.depth)
        yield backlog
        channels = [channel for topic in self._topics for channel in topic.channels]
        for name, text, field in _GAUGES:
            yield _fill(GaugeMetricFamily(name, text, labels=_LABELS), channels, field)
        for name, text, field in _COUNTERS:
            yield _fill(CounterMetricFamily(name, text, labels=_LABELS), channels, field)


def _fill(
    family: GaugeMetricFamily | CounterMetricFamily,
    channels: list[ChannelStats],
    field: str,
) -> GaugeMetricFamily | CounterMetricFamily:
    for channel in channels:
        family.add_metric((channel.topic, channel.channel), float(getattr(channel, field)))
    return family
