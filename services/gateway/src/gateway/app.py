"""Puts the gateway together."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import structlog
from aiohttp import web

from gateway.adapters.announcements import Announcements
from gateway.adapters.source_deletes import SourceDeletes
from gateway.config import GatewaySettings
from gateway.http import openapi
from gateway.http.form import FormReader
from gateway.http.front import Front
from gateway.http.handlers.documents import DocumentHandlers
from gateway.http.handlers.groups import GroupHandlers
from gateway.http.handlers.jobs import JobHandlers
from gateway.http.handlers.pages import PageHandlers
from gateway.http.handlers.rebuilds import RebuildHandlers
from gateway.http.handlers.runs import RunHandlers
from gateway.http.handlers.search import SearchHandlers
from gateway.http.handlers.sources import SourceHandlers, default_settings
from gateway.http.handlers.system import SystemHandlers
from gateway.http.handlers.uploads import UploadHandlers
from gateway.http.models.uploads import UploadFields
from gateway.http.principal import OneTenant
from gateway.http.routes import Handlers, api_routes, description_routes, health_routes, page_routes
from gateway.http.server import GatewayServer
from gateway.usecases.following import Following, FollowLimits
from gateway.usecases.jobs import Jobs
from gateway.usecases.search import Search
from gateway.usecases.sources import Sources
from gateway.usecases.system import SystemView
from gateway.usecases.uploads import UploadLimits, Uploads
from shared.addresses import parse_networks
from shared.blobs import FilesystemBlobStore
from shared.clock import new_id
from shared.dispatch import Dispatcher
from shared.embedding import BundledEmbedder
from shared.net.lookup import SystemLookup
from shared.net.resolver import Resolver
from shared.observability import metrics
from shared.postgres.database import EVERY_TENANT
from shared.postgres.groups import Groups
from shared.postgres.intake import PostgresIntake
from shared.postgres.reads.documents import DocumentReads
from shared.postgres.reads.jobs import JobReads
from shared.postgres.reads.operations import OperationReads
from shared.postgres.reads.search import SearchReads
from shared.postgres.reads.sources import SourceReads
from shared.postgres.rebuilds import PostgresRebuilds
from shared.queue.admin_http import NsqHttp
from shared.queue.broker import NsqBroker
from shared.vectors.connection import Deadlines
from shared.vectors.store import WeaviateStore
from shared.wiring import VERSION, begin, database, prune_limits, readiness, serve_admin, windows
from shared.wiring_vectors import register_weaviate

if TYPE_CHECKING:
    from shared.lifecycle import Lifecycle
    from shared.observability.readiness import Readiness
    from shared.postgres.database import Database
    from shared.queue.ports import Publisher
    from shared.vectors.port import VectorStore

_log = structlog.get_logger(__name__)

#: What closing connections may take after requests had their grace.
_CLOSE_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """What is held open; all of it can be made while the servers are down."""

    postgres: Database
    publisher: Publisher
    queue: NsqHttp
    vectors: VectorStore
    blobs: FilesystemBlobStore
    embedder: BundledEmbedder
    lookup: SystemLookup
    dependencies: Readiness
    announcer: Announcements


async def start(life: Lifecycle) -> None:
    """Start everything; the lifecycle stops it in the opposite order."""
    settings = GatewaySettings()
    begin("gateway", settings, life)
    parts = await _parts(life, settings)
    await serve_admin(life, settings, parts.dependencies)
    life.supervise("announcements", parts.announcer.run(life.stop))
    front = _front(life, settings, parts)
    server = GatewayServer(
        front,
        keepalive_seconds=settings.http_keepalive_seconds,
        lingering_seconds=settings.http_lingering_seconds,
    )
    runner = web.ServerRunner(server, shutdown_timeout=_CLOSE_SECONDS)
    await runner.setup()
    life.on_stop(runner.cleanup)
    site = web.TCPSite(runner, settings.http_host, settings.http_port)
    await site.start()

    async def drain() -> None:
        # Before the runner's own clean-up, which reads no further byte of a body that is still coming in.
        await site.stop()
        await front.drain(life.grace_left)

    life.on_stop(drain)
    _log.info("http_listening", host=settings.http_host, port=runner.addresses[0][1])


async def _parts(life: Lifecycle, settings: GatewaySettings) -> _Parts:
    postgres = database(
        settings,
        application=settings.instance,
        principal=None,
        patience_seconds=settings.http_database_seconds,
    )
    life.on_stop(postgres.close)
    of_all = database(
        settings,
        application=f"{settings.instance}-dispatch",
        principal=EVERY_TENANT,
        size=settings.dispatch_pool_max,
    )
    life.on_stop(of_all.close)
    publisher = NsqBroker(
        settings, record_message=metrics.record_message, record_publish=metrics.record_publish
    ).publisher()
    life.on_stop(publisher.aclose)
    vectors = await WeaviateStore.open(
        url=settings.weaviate_url,
        grpc_address=settings.weaviate_grpc,
        api_key=settings.weaviate_api_key.get_secret_value(),
        deadlines=Deadlines(query_seconds=settings.weaviate_query_timeout_seconds),
    )
    life.on_stop(vectors.close)
    blobs = FilesystemBlobStore(root=settings.blobs_root)
    life.on_stop(blobs.close)
    embedder = await BundledEmbedder.load(
        resident=False,
        cache_bytes=settings.query_cache_bytes,
        deadline_seconds=settings.search_deadline_seconds,
    )
    life.on_stop(embedder.close)
    lookup = SystemLookup()
    return _Parts(
        postgres=postgres,
        publisher=publisher,
        queue=await life.enter(
            NsqHttp(base_url=settings.nsqd_http, timeout_seconds=settings.nsq_http_timeout_seconds)
        ),
        vectors=vectors,
        blobs=blobs,
        embedder=embedder,
        lookup=lookup,
        dependencies=_dependencies(settings, postgres, publisher, vectors, blobs),
        announcer=Announcements(
            dispatcher=Dispatcher(windows=windows(settings, of_all), publisher=publisher)
        ),
    )


def _dependencies(
    settings: GatewaySettings,
    postgres: Database,
    publisher: Publisher,
    vectors: VectorStore,
    blobs: FilesystemBlobStore,
) -> Readiness:
    registry = readiness(settings, postgres=postgres, publisher=publisher)

    async def blob_store() -> str | None:
        await blobs.check()
        return None

    register_weaviate(registry, vectors)
    registry.register("blobs", blob_store)
    return registry


def _front(life: Lifecycle, settings: GatewaySettings, parts: _Parts) -> Front:
    jobs = JobReads(database=parts.postgres)
    operations = OperationReads(database=parts.postgres)
    system = SystemView(
        dependencies=parts.dependencies,
        operations=operations,
        queue=parts.queue,
        versions={"quern": VERSION, "python": platform.python_version()},
    )
    handlers = _handlers(life, settings, parts, jobs, operations, system)
    routes = api_routes(handlers)
    health = health_routes(handlers.system)
    api = openapi.document(routes, health, version=VERSION)
    pages = PageHandlers(system=system, operations=operations, jobs=jobs, api=api)
    return Front(
        routes=(*routes, *description_routes(pages)),
        pages=(*health, *page_routes(pages)),
        principal=OneTenant(),
        observe=_observe,
        max_body_bytes=settings.http_body_max_bytes,
        idle_seconds=settings.http_idle_seconds,
        at_once=settings.http_requests_at_once,
    )


def _handlers(
    life: Lifecycle,
    settings: GatewaySettings,
    parts: _Parts,
    jobs: JobReads,
    operations: OperationReads,
    system: SystemView,
) -> Handlers:
    intake = PostgresIntake(
        database=parts.postgres, max_attempts=settings.max_attempts, prune_limits=prune_limits(settings)
    )
    source_reads = SourceReads(database=parts.postgres)
    sources = Sources(
        intake=intake,
        reader=source_reads,
        hosts=Resolver(
            lookup=parts.lookup,
            allow_networks=parse_networks(",".join(settings.crawl_allow_networks)),
            timeout_seconds=settings.resolve_timeout_seconds,
        ),
        announcer=parts.announcer,
        deletes=SourceDeletes(publisher=parts.publisher),
        default_settings=default_settings(),
    )
    work = Jobs(
        intake=intake, jobs=jobs, source_reader=source_reads, sources=sources, announcer=parts.announcer
    )
    return Handlers(
        sources=SourceHandlers(sources=sources, reader=source_reads, jobs=jobs, system=system),
        uploads=UploadHandlers(
            uploads=_uploads(settings, parts, intake),
            form=FormReader(
                text_fields=frozenset(UploadFields.model_fields),
                max_bytes=settings.upload_max_bytes,
                idle_seconds=settings.http_idle_seconds,
                max_seconds=settings.upload_max_seconds,
            ),
        ),
        documents=DocumentHandlers(
            reader=DocumentReads(database=parts.postgres), intake=intake, announcer=parts.announcer
        ),
        search=SearchHandlers(
            search=Search(
                embedder=parts.embedder,
                vectors=parts.vectors,
                reader=SearchReads(database=parts.postgres),
                deadline_seconds=settings.search_deadline_seconds,
            )
        ),
        runs=RunHandlers(
            reader=jobs, jobs=work, system=system, following=_following(life, settings, jobs, system)
        ),
        jobs=JobHandlers(jobs=work, sources=sources, reader=jobs, system=system),
        groups=GroupHandlers(groups=Groups(database=parts.postgres)),
        rebuilds=RebuildHandlers(rebuilds=PostgresRebuilds(database=parts.postgres)),
        system=SystemHandlers(system=system, operations=operations, dependencies=parts.dependencies),
    )


def _uploads(settings: GatewaySettings, parts: _Parts, intake: PostgresIntake) -> Uploads:
    return Uploads(
        blobs=parts.blobs,
        intake=intake,
        announcer=parts.announcer,
        limits=UploadLimits(
            document_bytes=settings.upload_max_bytes,
            table_bytes=settings.table_max_bytes,
            at_once=settings.uploads_at_once,
        ),
        new_id=new_id,
        count_bytes=lambda size: metrics.UPLOAD_BYTES.inc(amount=size),
    )


def _following(life: Lifecycle, settings: GatewaySettings, jobs: JobReads, system: SystemView) -> Following:
    return Following(
        jobs=jobs,
        system=system,
        limits=FollowLimits(
            poll_seconds=settings.events_poll_seconds,
            heartbeat_seconds=settings.events_heartbeat_seconds,
            at_most_seconds=settings.events_max_seconds,
            at_once=settings.events_at_once,
        ),
        stop=life.stop,
    )


def _observe(route: str, method: str, status: int, seconds: float) -> None:
    metrics.HTTP_DURATION.observe(seconds, route, method, str(status))
