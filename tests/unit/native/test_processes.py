from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from native import identity, nsq, postgres, services, weaviate
from native.config import NativeSettings
from native.credentials import Credentials
from native.errors import RootRefusedError
from native.identity import Identity
from native.layout import Layout
from native.process import MARKER

if TYPE_CHECKING:
    from pathlib import Path

CREDENTIALS = Credentials.generate()


@pytest.fixture
def settings(tmp_path: Path) -> NativeSettings:
    return NativeSettings(data_dir=tmp_path, workers=2, consumers=2)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout.of(tmp_path)


def test_services_have_the_names_and_the_order_that_tools_rely_on(
    settings: NativeSettings, layout: Layout
) -> None:
    specs = services.processes(settings, layout, CREDENTIALS, {})
    assert [spec.name for spec in specs] == [
        "janitor",
        "result-consumer-1",
        "result-consumer-2",
        "ingest-worker-1",
        "ingest-worker-2",
        "gateway",
    ]
    assert all(spec.env["QUERN_INSTANCE"] == spec.name for spec in specs)
    assert all(spec.env["QUERN_ADMIN_PORT"] == str(spec.admin_port) for spec in specs)


def test_user_can_set_what_the_stack_does_not_decide(settings: NativeSettings, layout: Layout) -> None:
    user = {
        "QUERN_LEASE_SECONDS": "9",
        "QUERN_DATABASE_URL": "postgresql://elsewhere",
        "QUERN_PROFILE": "production",
    }
    environment = services.environment(settings, layout, CREDENTIALS, user)
    assert environment["QUERN_LEASE_SECONDS"] == "9"
    assert environment["QUERN_PROFILE"] == "production"
    assert "elsewhere" not in environment["QUERN_DATABASE_URL"]


def test_services_get_their_own_role_and_never_the_owner(settings: NativeSettings, layout: Layout) -> None:
    for spec in services.processes(settings, layout, CREDENTIALS, {}):
        assert spec.env["QUERN_DATABASE_URL"].startswith("postgresql://quern_service:")
        assert CREDENTIALS.postgres_owner not in "".join(spec.env.values())


def test_only_the_gateway_gets_the_public_port(settings: NativeSettings, layout: Layout) -> None:
    specs = services.processes(settings, layout, CREDENTIALS, {})
    assert [spec.name for spec in specs if "QUERN_HTTP_PORT" in spec.env] == ["gateway"]


def test_services_may_take_longer_to_stop_than_their_grace(layout: Layout) -> None:
    settings = NativeSettings(shutdown_grace_seconds=33)
    assert all(spec.stop_seconds > 33 for spec in services.processes(settings, layout, CREDENTIALS, {}))


def test_servers_are_deaf_to_the_users_environment(
    settings: NativeSettings, layout: Layout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PGPORT", "PGDATA", "GOMEMLIMIT", "ENABLE_MODULES", "QUERN_BASE_PORT"):
        monkeypatch.setenv(name, "from the user")
    ports = settings.ports
    specs = [
        postgres.process(layout, ports, Identity()),
        nsq.nsqlookupd(layout, ports, tmp_path),
        nsq.nsqd(layout, ports, tmp_path),
        nsq.nsqadmin(layout, ports, tmp_path),
        weaviate.process(layout, ports, CREDENTIALS, tmp_path, memory_mib=512),
    ]
    assert not [spec.name for spec in specs if "from the user" in spec.env.values()]
    assert {spec.env[MARKER] for spec in specs} == {str(layout.root)}


def test_secrets_are_in_no_command_line(settings: NativeSettings, layout: Layout, tmp_path: Path) -> None:
    ports = settings.ports
    specs = [
        postgres.process(layout, ports, Identity()),
        weaviate.process(layout, ports, CREDENTIALS, tmp_path, memory_mib=512),
        *services.processes(settings, layout, CREDENTIALS, {}),
    ]
    words = " ".join(part for spec in specs for part in spec.argv)
    assert not [secret for secret in CREDENTIALS.model_dump().values() if secret in words]


def test_nsqd_keeps_every_message_on_disk_and_takes_large_results(
    settings: NativeSettings, layout: Layout
) -> None:
    argv = nsq.nsqd(layout, settings.ports, layout.root).argv
    assert "--mem-queue-size=0" in argv
    assert f"--data-path={layout.nsqd}" in argv
    assert "--max-msg-size=8388608" in argv
    environment = services.environment(settings, layout, CREDENTIALS, {})
    assert f"--max-body-size={environment['QUERN_MAX_MPUB_BYTES']}" in argv
    assert environment["QUERN_MAX_MSG_BYTES"] == "8388608"


def test_weaviate_guards_what_it_cannot_bind_to_loopback(settings: NativeSettings, layout: Layout) -> None:
    environment = weaviate.environment(layout, settings.ports, CREDENTIALS, memory_mib=512)
    assert environment["AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED"] == "false"
    assert environment["AUTHENTICATION_APIKEY_ALLOWED_KEYS"] == CREDENTIALS.weaviate_api_key
    assert environment["CLUSTER_BASIC_AUTH_PASSWORD"] == CREDENTIALS.weaviate_cluster_password
    assert environment["GO_PROFILING_DISABLE"] == "true"
    assert environment["AUTOSCHEMA_ENABLED"] == "false"
    assert environment["GOMEMLIMIT"] == "512MiB"


def test_connection_url_carries_any_password() -> None:
    address = postgres.url("quern", "a/b@c:d", NativeSettings().ports)
    assert address == "postgresql://quern:a%2Fb%40c%3Ad@127.0.0.1:18100/quern"


def test_ordinary_user_runs_postgres_as_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert identity.choose(tmp_path, tmp_path, options=[Identity(("/bin/false",), 0, 0)]) == Identity()


def test_root_takes_the_first_identity_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    program = tmp_path / "postgres"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    refused, missing, works = (
        Identity(("/bin/false",), 1, 1),
        Identity(("/nowhere/unshare",), 2, 2),
        Identity(("/usr/bin/env",), 3, 3),
    )
    assert identity.choose(program, tmp_path, options=[refused, missing, works]) == works


def test_root_without_any_other_identity_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)
    with pytest.raises(RootRefusedError, match="run this as an ordinary user"):
        identity.choose(tmp_path, tmp_path, options=[Identity(("/bin/false",), 1, 1)])
