"""Weaviate as one node of its own: a key for every caller, no modules, no schema by accident."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from native.ports import Offset
from native.process import ProcessSpec, server_env
from native.web import answers_ok

if TYPE_CHECKING:
    from pathlib import Path

    from native.credentials import Credentials
    from native.layout import Layout
    from native.ports import Ports

NAME: Final = "weaviate"
USER: Final = "quern"
NODE: Final = "quern"
STOP_SECONDS: Final = 30


def environment(layout: Layout, ports: Ports, credentials: Credentials, *, memory_mib: int) -> dict[str, str]:
    """Weaviate's settings, all of them environment variables.

    The node has a name of its own, because a machine that is renamed would otherwise no longer find itself in
    its stored cluster. The cluster is this one node: a short Raft timeout makes its start quick and can
    trigger no needless election. gRPC and cluster data cannot be bound to loopback, hence the secrets. A
    developer's disk is often fuller than the 90 % at which Weaviate would stop taking objects.
    """
    return {
        "PERSISTENCE_DATA_PATH": str(layout.weaviate),
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": credentials.weaviate_api_key,
        "AUTHENTICATION_APIKEY_USERS": USER,
        "AUTHORIZATION_ADMINLIST_ENABLED": "true",
        "AUTHORIZATION_ADMINLIST_USERS": USER,
        "AUTOSCHEMA_ENABLED": "false",
        "DISABLE_TELEMETRY": "true",
        "DISK_USE_READONLY_PERCENTAGE": "98",
        "DISK_USE_WARNING_PERCENTAGE": "95",
        "ENABLE_MODULES": "",
        "DEFAULT_VECTORIZER_MODULE": "none",
        "GO_PROFILING_DISABLE": "true",
        "GOMEMLIMIT": f"{memory_mib}MiB",
        "GRPC_PORT": str(ports.at(Offset.WEAVIATE_GRPC)),
        "LOG_LEVEL": "info",
        "CLUSTER_HOSTNAME": NODE,
        "CLUSTER_BIND_ADDR": "127.0.0.1",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        "CLUSTER_GOSSIP_BIND_PORT": str(ports.at(Offset.WEAVIATE_GOSSIP)),
        "CLUSTER_DATA_BIND_PORT": str(ports.at(Offset.WEAVIATE_CLUSTER_DATA)),
        "CLUSTER_BASIC_AUTH_USERNAME": credentials.weaviate_cluster_user,
        "CLUSTER_BASIC_AUTH_PASSWORD": credentials.weaviate_cluster_password,
        "RAFT_PORT": str(ports.at(Offset.WEAVIATE_RAFT)),
        "RAFT_INTERNAL_RPC_PORT": str(ports.at(Offset.WEAVIATE_RAFT_RPC)),
        "RAFT_BOOTSTRAP_EXPECT": "1",
        "RAFT_TIMEOUTS_MULTIPLIER": "1",
    }


def process(
    layout: Layout, ports: Ports, credentials: Credentials, binaries: Path, *, memory_mib: int
) -> ProcessSpec:
    """The vector store; REST on loopback."""
    port = str(ports.at(Offset.WEAVIATE_HTTP))
    return ProcessSpec(
        name=NAME,
        argv=(str(binaries / "weaviate-server"), "--scheme=http", "--host=127.0.0.1", f"--port={port}"),
        env=server_env(layout.root, environment(layout, ports, credentials, memory_mib=memory_mib)),
        cwd=layout.root,
        log=layout.log_of(NAME),
        stop_seconds=STOP_SECONDS,
    )


def is_ready(ports: Ports) -> bool:
    """Whether it takes requests."""
    return answers_ok(ports.at(Offset.WEAVIATE_HTTP), "/v1/.well-known/ready")
