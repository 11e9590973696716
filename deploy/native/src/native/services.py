"""The four services as processes, and the environment that tells them where the servers are."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from native import nsq, postgres
from native.ports import Offset
from native.process import MARKER, ProcessSpec

if TYPE_CHECKING:
    from collections.abc import Mapping

    from native.config import NativeSettings
    from native.credentials import Credentials
    from native.layout import Layout

GATEWAY: Final = "gateway"
JANITOR: Final = "janitor"
STOP_MARGIN_SECONDS: Final = 20
"""What a service needs beyond its grace to hand work back and close its connections."""

ONE_THREAD: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Several processes share few cores: copies scale the work, threads inside a matrix product only compete."""


def environment(
    settings: NativeSettings, layout: Layout, credentials: Credentials, user: Mapping[str, str]
) -> dict[str, str]:
    """What all services get: the user's environment, overruled by where this stack's servers are."""
    ports = settings.ports
    return {
        "QUERN_PROFILE": "development",
        **user,
        **ONE_THREAD,
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        "QUERN_BLOB_DIR": str(layout.blobs),
        "QUERN_DATABASE_URL": postgres.url(postgres.SERVICE, credentials.postgres_service, ports),
        "QUERN_DATA_DIR": str(layout.root),
        "QUERN_MAX_MPUB_BYTES": str(nsq.MAX_BODY_BYTES),
        "QUERN_MAX_MSG_BYTES": str(nsq.MAX_MSG_BYTES),
        "QUERN_MAX_MSG_TIMEOUT_SECONDS": str(nsq.MAX_MSG_TIMEOUT_SECONDS),
        "QUERN_NSQD_HTTP": f"http://{ports.local(Offset.NSQD_HTTP)}",
        "QUERN_NSQD_TCP": ports.local(Offset.NSQD_TCP),
        "QUERN_NSQLOOKUPD_HTTP": f"http://{ports.local(Offset.NSQLOOKUPD_HTTP)}",
        "QUERN_STOP_TIMEOUT_SECONDS": str(stop_seconds(settings)),
        "QUERN_WEAVIATE_API_KEY": credentials.weaviate_api_key,
        "QUERN_WEAVIATE_GRPC": ports.local(Offset.WEAVIATE_GRPC),
        "QUERN_WEAVIATE_URL": f"http://{ports.local(Offset.WEAVIATE_HTTP)}",
        MARKER: str(layout.root),
    }


def stop_seconds(settings: NativeSettings) -> int:
    """After how long a service that was asked to stop is killed."""
    return round(settings.shutdown_grace_seconds) + STOP_MARGIN_SECONDS


def processes(
    settings: NativeSettings, layout: Layout, credentials: Credentials, user: Mapping[str, str]
) -> list[ProcessSpec]:
    """All services, in the order in which they start: who takes work stands ready before who accepts it."""
    shared = environment(settings, layout, credentials, user)
    ports = settings.ports

    def service(
        name: str, package: str, admin_port: int, extra: Mapping[str, str] | None = None
    ) -> ProcessSpec:
        own = {"QUERN_INSTANCE": name, "QUERN_ADMIN_HOST": "127.0.0.1", "QUERN_ADMIN_PORT": str(admin_port)}
        return ProcessSpec(
            name=name,
            argv=(sys.executable, "-m", package),
            env={**shared, **own, **(extra or {})},
            cwd=layout.root,
            log=layout.log_of(name),
            stop_seconds=stop_seconds(settings),
            admin_port=admin_port,
        )

    public = {"QUERN_HTTP_HOST": "127.0.0.1", "QUERN_HTTP_PORT": str(settings.http_port)}
    return [
        service(JANITOR, "janitor", ports.at(Offset.JANITOR_ADMIN)),
        *(
            service(f"result-consumer-{index + 1}", "result_consumer", ports.at(Offset.CONSUMER_ADMIN, index))
            for index in range(settings.consumers)
        ),
        *(
            service(f"ingest-worker-{index + 1}", "ingest_worker", ports.at(Offset.WORKER_ADMIN, index))
            for index in range(settings.workers)
        ),
        service(GATEWAY, "gateway", ports.at(Offset.GATEWAY_ADMIN), public),
    ]
