"""Puts the parts together: one broker for each service."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.queue.consumer import NsqConsumer
from shared.queue.discovery import Lookup
from shared.queue.link import LinkOptions
from shared.queue.ports import ConsumerOptions
from shared.queue.publisher import NsqPublisher, PublisherOptions
from shared.queue.rules import check_name

if TYPE_CHECKING:
    from shared.queue.ports import DeadLetterSink, Handler, RecordMessage, RecordPublish
    from shared.settings import NsqSettings


def consumer_options(settings: NsqSettings, *, max_in_flight: int) -> ConsumerOptions:
    """The options of a consumer as the settings want them."""
    return ConsumerOptions(
        max_in_flight=max_in_flight,
        msg_timeout_seconds=settings.msg_timeout_seconds,
        touch_seconds=settings.touch_seconds,
        error_delay_seconds=settings.requeue_base_seconds,
        error_delay_max_seconds=settings.requeue_max_seconds,
    )


class NsqBroker:
    """As ``shared.queue.ports.Broker``, over NSQ."""

    def __init__(
        self,
        settings: NsqSettings,
        *,
        record_message: RecordMessage,
        record_publish: RecordPublish,
    ) -> None:
        """The two callables count: ``shared.observability.metrics`` has them."""
        self._settings = settings
        self._record_message = record_message
        self._record_publish = record_publish
        self._link_options = LinkOptions(
            connect_timeout_seconds=settings.nsq_connect_timeout_seconds,
            reconnect_max_seconds=settings.nsq_reconnect_max_seconds,
            heartbeat_seconds=settings.nsq_heartbeat_seconds,
            max_msg_bytes=settings.max_msg_bytes,
        )

    def publisher(self) -> NsqPublisher:
        """As ``Broker.publisher``."""
        settings = self._settings
        return NsqPublisher(
            addresses=settings.nsqd_tcp,
            options=PublisherOptions(
                timeout_seconds=settings.publish_timeout_seconds,
                max_outstanding=settings.publish_max_outstanding,
                max_msg_bytes=settings.max_msg_bytes,
                max_mpub_bytes=settings.max_mpub_bytes,
            ),
            link_options=self._link_options,
            record=self._record_publish,
        )

    def consumer(
        self,
        *,
        topic: str,
        channel: str,
        handler: Handler,
        dead_letter: DeadLetterSink,
        options: ConsumerOptions,
    ) -> NsqConsumer:
        """As ``Broker.consumer``; by nsqlookupd where there is one, else from the nsqds that are published to."""
        check_name("topic", topic)
        check_name("channel", channel)
        settings = self._settings
        lookup = Lookup(urls=settings.nsqlookupd_http, timeout_seconds=settings.nsq_http_timeout_seconds)
        return NsqConsumer(
            topic=topic,
            channel=channel,
            handler=handler,
            dead_letter=dead_letter,
            options=options,
            link_options=replace(self._link_options, msg_timeout_seconds=options.msg_timeout_seconds),
            addresses=settings.nsqd_tcp,
            lookup=lookup if settings.nsqlookupd_http else None,
            look_seconds=settings.nsqlookupd_poll_seconds,
            record=self._record_message,
        )
