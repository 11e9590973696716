"""Puts the consumer together."""

from __future__ import annotations

import random
from time import monotonic
from typing import TYPE_CHECKING

from result_consumer.config import ConsumerSettings
from result_consumer.handler import ResultHandler
from result_consumer.usecases.batch_writer import BatchWriter
from result_consumer.usecases.indexer import Indexer, IndexerOptions
from result_consumer.usecases.provision import Provisioner
from result_consumer.usecases.repairer import Repairer
from shared.clock import new_id
from shared.contracts.topics import INGEST_RESULT
from shared.dead_letters import DeadLetters
from shared.dispatch import Announcer, Dispatcher
from shared.embedding import BundledEmbedder
from shared.heartbeat import Heartbeat
from shared.observability.metrics import record_message, record_publish
from shared.postgres.database import EVERY_TENANT
from shared.postgres.dead_letters import PostgresDeadLetters
from shared.postgres.indexing import PostgresIndexing
from shared.postgres.presence import PostgresPresence
from shared.postgres.registry import PostgresRegistry
from shared.postgres.repairs import PostgresRepairs
from shared.postgres.results import PostgresResults
from shared.queue.broker import NsqBroker, consumer_options
from shared.wiring import (
    begin,
    database,
    keep_alive,
    prune_limits,
    readiness,
    retry_policy,
    serve_admin,
    windows,
)
from shared.wiring_vectors import register_embedder, register_weaviate, weaviate_store

if TYPE_CHECKING:
    from uuid import UUID

    from result_consumer.ports import Batches
    from shared.lifecycle import Lifecycle
    from shared.postgres.database import Database
    from shared.vectors import WeaviateStore


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311  (spreads retries, keeps no secret)


async def start(life: Lifecycle) -> None:
    """Start everything; the lifecycle stops it in the opposite order."""
    settings = ConsumerSettings()
    begin("result-consumer", settings, life)
    postgres = database(settings, application=settings.instance, principal=EVERY_TENANT)
    life.on_stop(postgres.close)
    broker = NsqBroker(settings, record_message=record_message, record_publish=record_publish)
    publisher = broker.publisher()
    life.on_stop(publisher.aclose)
    vectors = await weaviate_store(settings)
    life.on_stop(vectors.close)
    checks = readiness(settings, postgres=postgres, publisher=publisher)
    register_weaviate(checks, vectors)
    embedder = await BundledEmbedder.load(resident=True, cache_bytes=settings.embedder_cache_bytes)
    life.on_stop(embedder.close)
    register_embedder(checks, embedder)
    await serve_admin(life, settings, checks)

    consumer_id = new_id()
    announcer = Announcer(dispatcher=Dispatcher(windows=windows(settings, postgres), publisher=publisher))
    life.supervise("announcer", announcer.run(life.stop))
    indexer = _indexer(settings, postgres, vectors, consumer_id, announcer, embedder)
    handler = ResultHandler(
        results=PostgresResults(
            database=postgres,
            consumer_id=consumer_id,
            policy=retry_policy(settings),
            max_attempts=settings.max_attempts,
            jitter=_jitter,
            prune_limits=prune_limits(settings),
        ),
        staged=indexer.add,
        finished=announcer.ring,
        batch=settings.consumer_results,
    )
    consumer = broker.consumer(
        topic=INGEST_RESULT.name,
        channel=INGEST_RESULT.channel,
        handler=handler.handle,
        dead_letter=DeadLetters(table=PostgresDeadLetters(database=postgres), publisher=publisher),
        options=consumer_options(settings, max_in_flight=settings.consumer_results),
    )
    presence = PostgresPresence(
        database=postgres,
        process_id=consumer_id,
        kind="result-consumer",
        instance=settings.instance,
        lease_seconds=settings.lease_seconds,
    )
    heartbeat = Heartbeat(presence=presence, every_seconds=settings.heartbeat_seconds, misses=checks.missed)
    keep_alive(life, heartbeat)
    life.supervise("indexer", indexer.run(life.stop), patience_seconds=settings.shutdown_grace_seconds)
    await consumer.start()
    life.on_stop(lambda: consumer.drain(life.grace_left))


def _indexer(
    settings: ConsumerSettings,
    postgres: Database,
    vectors: WeaviateStore,
    consumer_id: UUID,
    announcer: Announcer,
    embedder: BundledEmbedder,
) -> Indexer:

    def rows(collection: str) -> PostgresIndexing:
        return PostgresIndexing(
            database=postgres,
            consumer_id=consumer_id,
            collection=collection,
            batch_seconds=settings.index_batch_seconds,
            policy=retry_policy(settings),
            prune_limits=prune_limits(settings),
        )

    provisioner = Provisioner(
        registry=PostgresRegistry(database=postgres), vectors=vectors, embedder=embedder
    )

    def writer(batches: Batches) -> BatchWriter:
        return BatchWriter(batches=batches, vectors=vectors, embedder=embedder, clock=monotonic)

    def repairing(collection: str, batches: Batches) -> Repairer:
        return Repairer(
            repairs=PostgresRepairs(database=postgres, consumer_id=consumer_id, collection=collection),
            writer=writer(batches),
            provide=provisioner.provide,
            batch_chunks=settings.index_batch_chunks,
            every_seconds=settings.repair_period_seconds,
        )

    return Indexer(
        indexing=rows,
        writer=writer,
        repairing=repairing,
        provisioner=provisioner,
        finished=announcer.ring,
        options=IndexerOptions(
            batch_chunks=settings.index_batch_chunks,
            lanes=settings.index_lanes,
            linger_seconds=settings.index_linger_seconds,
            adopt_seconds=settings.index_adopt_seconds,
        ),
        clock=monotonic,
    )
