"""Puts the worker together."""

from __future__ import annotations

import random
from time import monotonic
from typing import TYPE_CHECKING

from ingest_worker.adapters.discovery import DiscoveryLimits
from ingest_worker.adapters.fetcher import Fetcher
from ingest_worker.adapters.http_session import open_session
from ingest_worker.adapters.parser_pool import ParserPool, PoolTuning
from ingest_worker.adapters.results import QueueResults
from ingest_worker.adapters.web import GuardedWeb
from ingest_worker.config import WorkerSettings
from ingest_worker.handler import TaskHandler
from ingest_worker.usecases.file import File, FileLimits
from ingest_worker.usecases.robots_rules import RobotsRules
from ingest_worker.usecases.web_page import PageLimits, WebPage
from shared.addresses import parse_networks
from shared.blobs import FilesystemBlobStore
from shared.clock import new_id, now
from shared.contracts.topics import INGEST_TASK
from shared.dead_letters import DeadLetters
from shared.heartbeat import Heartbeat
from shared.net.lookup import SystemLookup
from shared.net.resolver import Resolver
from shared.observability.metrics import (
    PARSER_PROCESSES,
    WORKER_SLOTS,
    record_message,
    record_publish,
)
from shared.postgres.claims import PostgresClaims, PostgresHosts
from shared.postgres.database import EVERY_TENANT
from shared.postgres.dead_letters import PostgresDeadLetters
from shared.postgres.presence import PostgresPresence
from shared.queue.broker import NsqBroker, consumer_options
from shared.states import Handler
from shared.wiring import begin, database, keep_alive, readiness, serve_admin

if TYPE_CHECKING:
    from ingest_worker.ports import Claims, Parser, Web, Work
    from shared.lifecycle import Lifecycle
    from shared.postgres.database import Database
    from shared.queue.ports import Consumer


async def start(life: Lifecycle) -> None:
    """Start everything; the lifecycle stops it in the opposite order."""
    settings = WorkerSettings()
    begin("ingest-worker", settings, life)
    postgres = database(settings, application=settings.instance, principal=EVERY_TENANT)
    life.on_stop(postgres.close)
    broker = NsqBroker(settings, record_message=record_message, record_publish=record_publish)
    publisher = broker.publisher()
    life.on_stop(publisher.aclose)
    await serve_admin(life, settings, readiness(settings, postgres=postgres, publisher=publisher))

    worker_id = new_id()
    claims = PostgresClaims(
        database=postgres,
        worker_id=worker_id,
        job_deadline_seconds=settings.job_deadline_seconds,
        result_deadline_seconds=settings.result_deadline_seconds,
    )
    parser = ParserPool(
        processes=settings.parser_processes,
        memory_limit_bytes=settings.parser_memory_bytes,
        tuning=PoolTuning(wait_seconds=settings.parser_wait_seconds),
    )
    await parser.start()
    life.on_stop(parser.aclose)
    web = await _web(life, settings)
    handler = TaskHandler(
        claims=claims,
        works=_works(settings, postgres=postgres, web=web, parser=parser),
        results=QueueResults(
            publisher=publisher,
            max_part_bytes=settings.result_part_bytes,
            patience_seconds=settings.delivery_patience_seconds,
        ),
        batch=settings.worker_slots,
        jitter=random.random,
    )
    consumer = broker.consumer(
        topic=INGEST_TASK.name,
        channel=INGEST_TASK.channel,
        handler=handler.handle,
        dead_letter=DeadLetters(table=PostgresDeadLetters(database=postgres), publisher=publisher),
        options=consumer_options(settings, max_in_flight=settings.worker_slots),
    )
    presence = PostgresPresence(
        database=postgres,
        process_id=worker_id,
        kind="ingest-worker",
        instance=settings.instance,
        lease_seconds=settings.lease_seconds,
    )
    heartbeat = Heartbeat(
        presence=presence,
        every_seconds=settings.heartbeat_seconds,
        slots=settings.worker_slots,
        also=_Pulse(
            claims=claims,
            handler=handler,
            consumer=consumer,
            parser=parser,
            slots=settings.worker_slots,
            unstored_max=settings.unstored_results_max,
        ),
    )
    keep_alive(life, heartbeat)
    await consumer.start()
    life.on_stop(lambda: consumer.drain(life.grace_left))


async def _web(life: Lifecycle, settings: WorkerSettings) -> Web:
    resolver = Resolver(
        lookup=SystemLookup(), allow_networks=parse_networks(",".join(settings.crawl_allow_networks))
    )
    session = await life.enter(open_session(resolver=resolver))
    return GuardedWeb(
        fetcher=Fetcher(session=session, now=now),
        timeout_seconds=settings.page_timeout_seconds,
        discovery=DiscoveryLimits(pause_seconds=settings.crawl_delay_ms / 1000),
    )


def _works(settings: WorkerSettings, *, postgres: Database, web: Web, parser: Parser) -> dict[Handler, Work]:
    hosts = PostgresHosts(database=postgres)
    robots = RobotsRules(
        hosts=hosts,
        web=web,
        clock=monotonic,
        keep_seconds=settings.robots_keep_seconds,
        retry_seconds=settings.robots_retry_seconds,
    )
    page_limits = PageLimits(
        page_timeout_seconds=settings.page_timeout_seconds,
        page_max_bytes=settings.page_max_bytes,
        parse_timeout_seconds=settings.page_parse_timeout_seconds,
        chunk_characters=settings.chunk_characters,
        delay_seconds=settings.crawl_delay_ms / 1000,
    )
    file_limits = FileLimits(
        parse_timeout_seconds=settings.file_parse_timeout_seconds,
        chunk_characters=settings.chunk_characters,
    )
    return {
        Handler.WEB: WebPage(
            web=web, hosts=hosts, robots=robots, parser=parser, limits=page_limits, clock=monotonic
        ),
        Handler.FILE: File(
            blobs=FilesystemBlobStore(root=settings.blobs_root),
            parser=parser,
            limits=file_limits,
            clock=monotonic,
        ),
    }


class _Pulse:
    """With each sign of life: how busy this worker is, what it holds without working on it, and no new tasks while
    too many results wait to be stored.
    """

    def __init__(
        self,
        *,
        claims: Claims,
        handler: TaskHandler,
        consumer: Consumer,
        parser: ParserPool,
        slots: int,
        unstored_max: int,
    ) -> None:
        self._claims = claims
        self._handler = handler
        self._consumer = consumer
        self._parser = parser
        self._slots = slots
        self._unstored_max = unstored_max

    async def __call__(self) -> None:
        busy = self._consumer.in_flight
        WORKER_SLOTS.set(busy, "busy")
        WORKER_SLOTS.set(max(0, self._slots - busy), "free")
        PARSER_PROCESSES.set(self._parser.busy, "busy")
        PARSER_PROCESSES.set(max(0, len(self._parser.pids) - self._parser.busy), "idle")
        await self._handler.settle()
        if await self._claims.unstored() > self._unstored_max:
            self._consumer.pause()
        else:
            self._consumer.resume()
