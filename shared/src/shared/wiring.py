"""Making the common parts of a service from its settings."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from shared.observability.admin import AdminApp
from shared.observability.logging import configure_logging
from shared.observability.metrics import record_build
from shared.observability.readiness import Readiness
from shared.postgres.announcing import PostgresWindows
from shared.postgres.database import Database, Timeouts
from shared.retry import RetryPolicy
from shared.windows import Limits

if TYPE_CHECKING:
    from shared.heartbeat import Heartbeat
    from shared.lifecycle import Lifecycle
    from shared.queue.ports import Publisher
    from shared.settings import CommonSettings, PipelineSettings, PostgresSettings

VERSION = "0.1.0"


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
) -> Database:
    """A pool as the settings want it."""
    return Database(
        url=settings.database_url.get_secret_value(),
        application=application,
        principal=principal,
        size=size or settings.database_pool_max,
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


def readiness(settings: CommonSettings, *, postgres: Database, publisher: Publisher) -> Readiness:
    """The registry of checks, with those that every service has."""
    registry = Readiness(
        period_seconds=settings.readiness_period_seconds,
        timeout_seconds=settings.readiness_timeout_seconds,
    )

    async def nsqd() -> str | None:
        if not publisher.ready:
            raise ConnectionError("no connection to nsqd")
        return None

    async def database_answers() -> str | None:
        await postgres.ping()
        return None

    registry.register("postgres", database_answers)
    registry.register("nsqd", nsqd)
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

    life.on_stop(heartbeat.leave)
    life.supervise("heartbeat", heartbeat.run(stop))
    life.on_stop(end)
