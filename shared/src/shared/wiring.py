"""Making the common parts of a service from its settings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, Protocol

import structlog

from shared.observability.admin import AdminApp
from shared.observability.logging import configure_logging
from shared.observability.metrics import record_build
from shared.observability.readiness import Readiness, ReadOnly
from shared.postgres.announcing import PostgresWindows
from shared.postgres.database import Database, Timeouts
from shared.queue.errors import QueueUnavailableError
from shared.queue.health import ping
from shared.retry import RetryPolicy
from shared.verdicts import PruneLimits
from shared.windows import Limits

if TYPE_CHECKING:
    from shared.heartbeat import Heartbeat
    from shared.lifecycle import Lifecycle
    from shared.queue.ports import Publisher
    from shared.settings import CommonSettings, PipelineSettings, PostgresSettings

VERSION = "0.1.0"

GOODBYE_SECONDS = 1.0
"""For giving the lease up at the end, where Postgres does not answer."""

_log = structlog.get_logger(__name__)


def begin(service: str, settings: CommonSettings, life: Lifecycle) -> None:
    """First thing in every service: logs, build info, how long a stop may take."""
    configure_logging(
        service=service,
        instance=settings.instance,
        level=settings.log_level,
        log_format=settings.log_format,
    )
    record_build(service, VERSION)
    life.grace_seconds = settings.shutdown_grace_seconds


def database(
    settings: PostgresSettings,
    *,
    application: str,
    principal: Literal["*"] | None,
    size: int | None = None,
    patience_seconds: float | None = None,
) -> Database:
    """A pool as the settings want it."""
    return Database(
        url=settings.database_url.get_secret_value(),
        application=application,
        principal=principal,
        size=size or settings.database_pool_max,
        patience_seconds=patience_seconds,
        timeouts=Timeouts(
            connect_seconds=settings.database_connect_timeout_seconds,
            acquire_seconds=settings.database_acquire_timeout_seconds,
            statement_seconds=settings.statement_timeout_seconds,
            lock_seconds=settings.lock_timeout_seconds,
            idle_in_transaction_seconds=settings.idle_in_transaction_timeout_seconds,
        ),
    )


def windows(settings: PipelineSettings, database_of_all: Database) -> PostgresWindows:
    """The windows, the same in every service that announces."""
    return PostgresWindows(
        database=database_of_all,
        limits=Limits(
            per_slot=settings.window_per_slot,
            least=settings.window_least,
            reserved=settings.window_upload_slots,
            per_run=settings.window_per_run,
            per_host=settings.window_per_host,
            per_tenant=settings.window_per_tenant,
        ),
        unstored_max=settings.unstored_results_max,
    )


def retry_policy(settings: PipelineSettings) -> RetryPolicy:
    """What happens to failed work."""
    return RetryPolicy(
        base_seconds=settings.retry_base_seconds,
        dead_base_seconds=settings.dead_retry_seconds,
        dead_retries_max=settings.dead_retries_max,
        max_seconds=settings.retry_max_seconds,
    )


def prune_limits(settings: PipelineSettings) -> PruneLimits:
    """How much of a source may be gone before a person is asked."""
    return PruneLimits(pages=settings.prune_hold_pages, share=settings.prune_hold_share)


class Watching(Protocol):
    """The settings that say what is watched, and how often; every service has them."""

    @property
    def readiness_period_seconds(self) -> float:
        """Between two checks."""

    @property
    def readiness_timeout_seconds(self) -> float:
        """Of one check."""

    @property
    def nsqd_tcp(self) -> tuple[str, ...]:
        """Where is published to."""

    @property
    def nsqd_http(self) -> str:
        """The HTTP side of one of them."""

    @property
    def nsqlookupd_http(self) -> tuple[str, ...]:
        """Where consumers look for more of them."""


def readiness(settings: Watching, *, postgres: Database, publisher: Publisher) -> Readiness:
    """The registry of checks, with those that every service has."""
    limit = settings.readiness_timeout_seconds
    registry = Readiness(
        period_seconds=settings.readiness_period_seconds,
        timeout_seconds=limit,
    )

    async def nsqd() -> str | None:
        if not publisher.ready:
            raise ConnectionError("no connection to nsqd")
        try:
            await ping(settings.nsqd_http, timeout_seconds=limit)
        except QueueUnavailableError as error:
            if len(settings.nsqd_tcp) == 1:
                raise
            return f"one of several nsqds: {error}"
        return None

    async def database_answers() -> str | None:
        if await postgres.takes_writes():
            return None
        return ReadOnly("Postgres is read-only: searches and reading go on, everything else waits.")

    async def nsqlookupd() -> str | None:
        for url in settings.nsqlookupd_http:
            await ping(url, timeout_seconds=limit)
        return None

    registry.register("postgres", database_answers)
    registry.register("nsqd", nsqd)
    if settings.nsqlookupd_http:
        # Not required: whoever has found nsqd stays connected, and QUERN_NSQD_TCP serves those who start now.
        registry.register("nsqlookupd", nsqlookupd, required=False)
    return registry


async def serve_admin(life: Lifecycle, settings: CommonSettings, registry: Readiness) -> None:
    """Open the admin port and go on checking."""
    await life.enter(AdminApp(readiness=registry).serve(settings.admin_host, settings.admin_port))
    life.supervise("readiness", registry.run(life.stop))


def keep_alive(life: Lifecycle, heartbeat: Heartbeat) -> None:
    """Beat until everything that was started later has been stopped: a drain holds jobs all along."""
    stop = asyncio.Event()

    async def end() -> None:
        stop.set()

    async def leave() -> None:
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await heartbeat.leave()
        except TimeoutError:
            _log.warning("goodbye_not_heard", dependency="postgres")  # the lease lapses by itself

    life.on_stop(leave)
    life.supervise("heartbeat", heartbeat.run(stop))
    life.on_stop(end)
