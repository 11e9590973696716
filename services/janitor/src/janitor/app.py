"""Puts the janitor together."""

from __future__ import annotations

import random
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING

from janitor.config import JanitorSettings
from janitor.handler import DeleteHandler
from janitor.schedule import periodics
from janitor.tasks.announce_again import AnnounceAgain
from janitor.tasks.announce_waiting import AnnounceWaiting
from janitor.tasks.audit_index import AuditIndex, AuditOptions
from janitor.tasks.check_ledger import CheckLedger
from janitor.tasks.close_runs import CloseRuns
from janitor.tasks.delete_objects import DeleteObjects, PurgeTombstones
from janitor.tasks.delete_sources import DeleteSources
from janitor.tasks.discard_superseded import DiscardSuperseded
from janitor.tasks.drop_abandoned import DropAbandoned
from janitor.tasks.expire_batches import ExpireBatches
from janitor.tasks.fold_ledger import FoldLedger
from janitor.tasks.forget_old import ForgetOld
from janitor.tasks.provide_places import ProvidePlaces
from janitor.tasks.prune_pages import PrunePages
from janitor.tasks.rebuild_index import RebuildIndex
from janitor.tasks.reclaim_lost import ReclaimLost
from janitor.tasks.remove_strays import RemoveStrays
from janitor.tasks.retry_dead_jobs import RetryDeadJobs
from janitor.tasks.sweep_blobs import SweepBlobs
from janitor.tasks.trim_versions import TrimVersions
from janitor.tasks.verify_changed import VerifyChanged
from janitor.tasks.verify_recent import VerifyRecent
from janitor.usecases.check_objects import CheckObjects
from janitor.usecases.remove_source import RemovalOptions, RemoveSource
from janitor.usecases.verify_places import VerifyPlaces
from janitor.usecases.watch_stores import WatchStores
from shared.blobs import FilesystemBlobStore
from shared.clock import new_id, now
from shared.contracts.topics import SOURCE_DELETE
from shared.dead_letters import DeadLetters
from shared.dispatch import Dispatcher
from shared.heartbeat import Heartbeat
from shared.observability.metrics import record_message, record_publish
from shared.postgres.database import EVERY_TENANT
from shared.postgres.dead_letters import PostgresDeadLetters
from shared.postgres.presence import PostgresPresence
from shared.postgres.prune_decisions import PostgresPruneUpkeep
from shared.postgres.rebuilds import PostgresRebuilds
from shared.postgres.upkeep_audit import PostgresAudit
from shared.postgres.upkeep_content import PostgresContentUpkeep
from shared.postgres.upkeep_figures import PostgresFigures
from shared.postgres.upkeep_jobs import PostgresJobUpkeep
from shared.postgres.upkeep_objects import PostgresObjectUpkeep
from shared.postgres.upkeep_reclaims import PostgresReclaims
from shared.postgres.upkeep_removal import PostgresRemoval
from shared.postgres.upkeep_turns import PostgresTurns
from shared.postgres.upkeep_watch import PostgresWatch
from shared.queue.admin_http import stats_of
from shared.queue.broker import NsqBroker, consumer_options
from shared.reclaims import ReclaimLimits
from shared.vectors import ALIAS
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
from shared.wiring_vectors import register_weaviate, weaviate_store

if TYPE_CHECKING:
    from janitor.ports import Task
    from shared.lifecycle import Lifecycle
    from shared.observability.readiness import Readiness
    from shared.postgres.database import Database
    from shared.queue.ports import Publisher
    from shared.vectors import WeaviateStore

CONNECTIONS = 4
"""Tasks take turns at them: most of them have nothing to do most of the time."""

DELETES_AT_ONCE = 2

FULL_AUDIT_TIMES = 20
"""How many times as much as else a turn compares while everything has to be compared."""

TRIES_OF_A_PLACE = 3
"""Turns in a row that one tenant may fail before what came to be served elsewhere is verified without it."""

PATIENCE_SECONDS = 1.0
"""For a turn that is under way at a stop: each can be cut anywhere and is found again by what is left."""


def _jitter() -> float:
    return random.uniform(-1, 1)  # noqa: S311  (spreads retries, keeps no secret)


async def start(life: Lifecycle) -> None:
    """Start everything; the lifecycle stops it in the opposite order."""
    settings = JanitorSettings()
    begin("janitor", settings, life)
    connections = min(CONNECTIONS, settings.database_pool_max)
    postgres = database(settings, application=settings.instance, principal=EVERY_TENANT, size=connections)
    life.on_stop(postgres.close)
    broker = NsqBroker(settings, record_message=record_message, record_publish=record_publish)
    publisher = broker.publisher()
    life.on_stop(publisher.aclose)
    vectors = await weaviate_store(settings)
    life.on_stop(vectors.close)
    blobs = FilesystemBlobStore(root=settings.blobs_root, threads=1)
    life.on_stop(blobs.close)
    checks = readiness(settings, postgres=postgres, publisher=publisher)
    register_weaviate(checks, vectors)
    await serve_admin(life, settings, checks)

    janitor_id = new_id()
    presence = PostgresPresence(
        database=postgres,
        process_id=janitor_id,
        kind="janitor",
        instance=settings.instance,
        lease_seconds=settings.lease_seconds,
    )
    keep_alive(life, Heartbeat(presence=presence, every_seconds=settings.heartbeat_seconds))
    turns = PostgresTurns(database=postgres, owner_id=janitor_id)
    remover = RemoveSource(
        rows=PostgresRemoval(database=postgres),
        vectors=vectors,
        blobs=blobs,
        turns=turns,
        options=RemovalOptions(
            turn_seconds=settings.janitor_turn_seconds, purge_after_seconds=settings.purge_after_seconds
        ),
    )
    tasks = {
        **_work_tasks(settings, postgres=postgres, publisher=publisher, checks=checks),
        **_object_tasks(settings, postgres=postgres, vectors=vectors),
        **_audit_tasks(settings, postgres=postgres, vectors=vectors),
        **_content_tasks(settings, postgres=postgres, blobs=blobs),
        "delete_sources": DeleteSources(rows=PostgresRemoval(database=postgres), remover=remover, at_most=50),
    }
    for periodic in periodics(tasks, settings, turns):
        life.supervise(periodic.name, periodic.run(life.stop), patience_seconds=PATIENCE_SECONDS)
    consumer = broker.consumer(
        topic=SOURCE_DELETE.name,
        channel=SOURCE_DELETE.channel,
        handler=DeleteHandler(
            remover=remover,
            sources=PostgresRemoval(database=postgres),
            pause_seconds=settings.delete_period_seconds,
        ).handle,
        dead_letter=DeadLetters(table=PostgresDeadLetters(database=postgres), publisher=publisher),
        options=consumer_options(settings, max_in_flight=DELETES_AT_ONCE),
    )
    await consumer.start()
    life.on_stop(lambda: consumer.drain(life.grace_left / 2))


def _work_tasks(
    settings: JanitorSettings, *, postgres: Database, publisher: Publisher, checks: Readiness
) -> dict[str, Task]:
    jobs = PostgresJobUpkeep(database=postgres, prune_limits=prune_limits(settings))
    dispatcher = Dispatcher(windows=windows(settings, postgres), publisher=publisher)
    reclaims = PostgresReclaims(
        database=postgres,
        limits=ReclaimLimits(
            max_reclaims=settings.max_reclaims,
            max_lost_results=settings.max_lost_results,
            base_seconds=settings.retry_base_seconds,
            max_seconds=settings.retry_max_seconds,
        ),
        policy=retry_policy(settings),
        patience_seconds=settings.result_deadline_seconds,
        jitter=_jitter,
        prune_limits=prune_limits(settings),
    )
    return {
        "announce_waiting": AnnounceWaiting(jobs=jobs, announcing=dispatcher, queue=publisher),
        "announce_again": AnnounceAgain(
            announcing=dispatcher,
            queue=publisher,
            stats=partial(stats_of, settings.nsqd_http, timeout_seconds=settings.nsq_http_timeout_seconds),
            after_seconds=settings.announce_again_seconds,
            at_most=500,
        ),
        "reclaim_lost": ReclaimLost(
            reclaims=reclaims,
            at_once=200,
            slices=20,
            settled=lambda: checks.settled("postgres", settings.heartbeat_seconds),
        ),
        "retry_dead_jobs": RetryDeadJobs(jobs=jobs, at_most=200),
        "prune_pages": PrunePages(prunes=PostgresPruneUpkeep(database=postgres), runs=10, slices=50),
        "close_runs": CloseRuns(jobs=jobs, stalled_seconds=settings.stalled_run_seconds, at_most=50),
    }


def _watch(settings: JanitorSettings, postgres: Database, vectors: WeaviateStore) -> WatchStores:
    rows = PostgresWatch(database=postgres, recent_seconds=settings.audit_recent_seconds)
    return WatchStores(rows=rows, identity=vectors)


def _object_tasks(
    settings: JanitorSettings, *, postgres: Database, vectors: WeaviateStore
) -> dict[str, Task]:
    objects = PostgresObjectUpkeep(database=postgres)
    return {
        "expire_batches": ExpireBatches(objects=objects, at_most=100),
        "discard_superseded": DiscardSuperseded(
            objects=objects,
            watch=_watch(settings, postgres, vectors),
            grace_seconds=settings.superseded_grace_seconds,
            unused_after_seconds=settings.abandoned_seconds,
            at_most=5000,
        ),
        "delete_objects": DeleteObjects(
            objects=objects,
            vectors=vectors,
            purge_after_seconds=settings.purge_after_seconds,
            at_once=1000,
            pages=20,
        ),
        "purge_tombstones": PurgeTombstones(objects=objects, vectors=vectors, at_once=1000, pages=3),
    }


def _audit_tasks(settings: JanitorSettings, *, postgres: Database, vectors: WeaviateStore) -> dict[str, Task]:
    rows = PostgresAudit(database=postgres)
    check = CheckObjects(rows=rows, vectors=vectors)
    watch = _watch(settings, postgres, vectors)
    watched = PostgresWatch(database=postgres, recent_seconds=settings.audit_recent_seconds)
    return {
        "audit_index": AuditIndex(
            rows=rows,
            check=check,
            watch=watch,
            watched=watched,
            options=AuditOptions(
                at_once=settings.audit_objects,
                objects_per_turn=settings.audit_objects,
                full_objects_per_turn=FULL_AUDIT_TIMES * settings.audit_objects,
                places_per_turn=50,
                slices_per_turn=50,
            ),
        ),
        "verify_changed": VerifyChanged(
            rows=rows,
            places=VerifyPlaces(check=check, watch=watch, tries=TRIES_OF_A_PLACE),
            watched=watched,
            settled_seconds=settings.statement_timeout_seconds,
            objects_per_turn=settings.audit_objects,
            versions_per_turn=500,
        ),
        "verify_recent": VerifyRecent(
            rows=rows,
            places=VerifyPlaces(check=check, watch=watch, tries=TRIES_OF_A_PLACE),
            watch=watch,
            watched=watched,
            batches_per_turn=100,
        ),
        "rebuild_index": RebuildIndex(
            rebuilds=PostgresRebuilds(database=postgres),
            waiting_max=2000,
            at_once=1000,
            slices=2,
            remembered_seconds=settings.remembered_seconds,
        ),
        "provide_places": ProvidePlaces(rows=rows, vectors=vectors),
        "remove_strays": RemoveStrays(rows=rows, vectors=vectors, prefix=ALIAS),
    }


def _content_tasks(
    settings: JanitorSettings, *, postgres: Database, blobs: FilesystemBlobStore
) -> dict[str, Task]:
    content = PostgresContentUpkeep(database=postgres)
    figures = PostgresFigures(database=postgres)
    return {
        "trim_versions": TrimVersions(
            content=content,
            keep=settings.keep_versions,
            grace_seconds=settings.superseded_grace_seconds,
            at_most=1000,
        ),
        "drop_abandoned": DropAbandoned(
            content=content, after_seconds=settings.abandoned_seconds, at_once=5000, slices=50
        ),
        "sweep_blobs": SweepBlobs(
            content=content, blobs=blobs, age_seconds=settings.blob_age_seconds, clock=now
        ),
        "fold_ledger": FoldLedger(sums=figures, at_most=5000),
        "check_ledger": CheckLedger(sums=figures, clock=monotonic),
        "forget_old": ForgetOld(
            sums=figures,
            workers_seconds=settings.remembered_workers_seconds,
            hosts_seconds=settings.remembered_seconds,
            batches_seconds=settings.remembered_seconds,
            dead_messages=settings.dead_messages_kept,
            at_most=5000,
        ),
    }
