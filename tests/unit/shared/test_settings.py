from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr, ValidationError

from shared.settings import (
    CommonSettings,
    CrawlSettings,
    FileSettings,
    NsqSettings,
    PipelineSettings,
    PostgresSettings,
    ServingSettings,
    WeaviateSettings,
)
from shared.settings_base import ENV_PREFIX, split_host_port
from shared.settings_doc import collect_settings, markdown_table, unknown_variables

if TYPE_CHECKING:
    from shared.settings_base import Settings

URL = "postgresql://service:hunter2@db.example/quern"
GROUPS: tuple[type[Settings], ...] = (
    CommonSettings,
    CrawlSettings,
    FileSettings,
    NsqSettings,
    PipelineSettings,
    PostgresSettings,
    ServingSettings,
    WeaviateSettings,
)


class Everything(
    CommonSettings, NsqSettings, PipelineSettings, WeaviateSettings, ServingSettings, FileSettings
):
    """As a service composes them."""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERN_DATABASE_URL", URL)


def test_groups_compose_and_their_defaults_agree() -> None:
    settings = Everything()
    assert settings.lease_seconds == 30
    assert settings.heartbeat_seconds == 7.5
    assert settings.msg_timeout_seconds == 60
    assert settings.admin_host == "127.0.0.1"
    assert settings.database_url.get_secret_value() == URL


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERN_NSQLOOKUPD_HTTP", "http://a:4161/, http://b:4161")
    monkeypatch.setenv("QUERN_NSQD_TCP", "a:1,[::1]:2")
    monkeypatch.setenv("QUERN_MAX_ATTEMPTS", "7")
    settings = Everything()
    assert settings.nsqlookupd_http == ("http://a:4161", "http://b:4161")
    assert [split_host_port(address) for address in settings.nsqd_tcp] == [("a", 1), ("::1", 2)]
    assert settings.max_attempts == 7


@pytest.mark.parametrize("lease", ["0.5", "3", "600"])
def test_what_must_stay_below_the_lease_follows_it(monkeypatch: pytest.MonkeyPatch, lease: str) -> None:
    monkeypatch.setenv("QUERN_LEASE_SECONDS", lease)
    settings = Everything()
    assert settings.heartbeat_seconds * 3 <= float(lease)
    assert settings.statement_timeout_seconds < float(lease)
    assert settings.idle_in_transaction_timeout_seconds < float(lease)
    assert settings.lock_timeout_seconds <= settings.statement_timeout_seconds


@pytest.mark.parametrize(
    ("variables", "numbers"),
    [
        ({"LEASE_SECONDS": "30", "HEARTBEAT_SECONDS": "11"}, ("30", "11")),
        ({"LEASE_SECONDS": "30", "STATEMENT_TIMEOUT_SECONDS": "31"}, ("30", "31")),
        ({"LEASE_SECONDS": "30", "IDLE_IN_TRANSACTION_TIMEOUT_SECONDS": "30"}, ("30", "30")),
        ({"STATEMENT_TIMEOUT_SECONDS": "3", "LOCK_TIMEOUT_SECONDS": "4"}, ("3", "4")),
        ({"SHUTDOWN_GRACE_SECONDS": "50", "STOP_TIMEOUT_SECONDS": "60"}, ("50", "60")),
        ({"MSG_TIMEOUT_SECONDS": "60", "MAX_MSG_TIMEOUT_SECONDS": "59"}, ("60", "59")),
        ({"WINDOW_UPLOAD_SLOTS": "8", "WINDOW_LEAST": "8"}, ("8", "8")),
        ({"MSG_TIMEOUT_SECONDS": "60", "TOUCH_SECONDS": "21"}, ("60", "21")),
        ({"MAX_MSG_BYTES": "200", "MAX_MPUB_BYTES": "100"}, ("200", "100")),
        ({"REQUEUE_BASE_SECONDS": "61", "REQUEUE_MAX_SECONDS": "60"}, ("61", "60")),
        ({"RETRY_BASE_SECONDS": "61", "RETRY_MAX_SECONDS": "60"}, ("61", "60")),
        ({"SUPERSEDED_GRACE_SECONDS": "5", "SEARCH_DEADLINE_SECONDS": "5"}, ("5", "5")),
    ],
)
def test_contradictions_are_refused_with_both_numbers(
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    numbers: tuple[str, str],
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(ENV_PREFIX + name, value)
    with pytest.raises(ValidationError) as caught:
        Everything()
    for name, number in zip(variables, numbers, strict=True):
        assert f"{ENV_PREFIX}{name}={number}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ADMIN_PORT", "70000"),
        ("NSQD_TCP", "nowhere"),
        ("NSQD_TCP", ""),
        ("NSQD_HTTP", "ftp://x"),
        ("WEAVIATE_GRPC", "host:port"),
        ("LEASE_SECONDS", "-1"),
        ("LOG_FORMAT", "xml"),
        ("MAX_ATTEMPTS", "0"),
        ("RETRY_MAX_SECONDS", "3601"),
        ("PROFILE", "staging"),
    ],
)
def test_values_out_of_range_are_refused(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(ENV_PREFIX + name, value)
    with pytest.raises(ValidationError):
        Everything()


def test_the_database_url_has_no_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUERN_DATABASE_URL")
    with pytest.raises(ValidationError, match="database_url"):
        PostgresSettings()


def test_no_secret_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERN_WEAVIATE_API_KEY", "sesame")
    settings = Everything()
    assert "hunter2" not in f"{settings!r} {settings}"
    assert "sesame" not in f"{settings!r} {settings}"
    monkeypatch.setenv("QUERN_NSQD_HTTP", "hunter2")
    with pytest.raises(ValidationError) as caught:
        Everything()
    assert "hunter2" not in str(caught.value)


def test_every_setting_is_documented_with_its_unit() -> None:
    docs = {doc.variable: doc for doc in collect_settings(*GROUPS)}
    assert docs["QUERN_LEASE_SECONDS"].default == "30"
    assert docs["QUERN_LEASE_SECONDS"].unit == "seconds"
    assert docs["QUERN_DATABASE_URL"].required
    assert docs["QUERN_DATABASE_URL"].secret
    assert docs["QUERN_WEAVIATE_API_KEY"].secret
    assert docs["QUERN_TOUCH_SECONDS"].derived
    for doc in docs.values():
        assert len(doc.description) > 10, doc
        assert not doc.unit or doc.unit.removesuffix("s") in doc.description, doc


def test_every_default_can_be_written_into_an_env_file(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Everything()
    for doc in collect_settings(Everything):
        if not (doc.required or doc.derived):
            monkeypatch.setenv(doc.variable, doc.default)
    assert Everything() == expected


def test_typing_errors_are_found() -> None:
    assert unknown_variables(["QUERN_LEASE_SECOND", "QUERN_LEASE_SECONDS", "PATH"], Everything) == (
        "QUERN_LEASE_SECOND",
    )


def test_the_table_for_the_documentation() -> None:
    table = markdown_table(collect_settings(PostgresSettings))
    assert "| `QUERN_DATABASE_URL` | required |  | postgresql:// URL" in table
    assert "| `QUERN_DATABASE_POOL_MAX` | `10` |  |" in table


def test_secrets_are_secrets() -> None:
    for group in GROUPS:
        for name, info in group.model_fields.items():
            if any(word in name for word in ("key", "password", "secret", "database_url")):
                assert info.annotation is SecretStr, name
