"""What the settings of each service say about one another: contradictions are refused with both numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from gateway.config import GatewaySettings
from ingest_worker.config import WorkerSettings
from janitor.config import JanitorSettings
from result_consumer.config import ConsumerSettings
from shared import lifecycle
from shared.settings import CLOSING_SECONDS
from shared.settings_base import ENV_PREFIX
from shared.wiring import retry_policy

if TYPE_CHECKING:
    from shared.settings_base import Settings

SERVICES: tuple[type[Settings], ...] = (GatewaySettings, WorkerSettings, ConsumerSettings, JanitorSettings)

NOTICED_WITHIN_SECONDS = 60.0
"""A dead worker is noticed within this by default."""

MARGIN_SECONDS = 15.0
"""Of that, for Postgres and NSQ: two statements, one publish."""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERN_DATABASE_URL", "postgresql://service@db.example/quern")


@pytest.mark.parametrize("service", SERVICES)
def test_the_defaults_of_a_service_agree(service: type[Settings]) -> None:
    service()


@pytest.mark.parametrize(
    ("service", "variables"),
    [
        (GatewaySettings, {"TABLE_MAX_BYTES": "9", "UPLOAD_MAX_BYTES": "8"}),
        (GatewaySettings, {"EVENTS_POLL_SECONDS": "16", "EVENTS_HEARTBEAT_SECONDS": "15"}),
        (GatewaySettings, {"HTTP_IDLE_SECONDS": "61", "UPLOAD_MAX_SECONDS": "60"}),
        (GatewaySettings, {"UPLOADS_AT_ONCE": "21", "HTTP_REQUESTS_AT_ONCE": "20"}),
        (GatewaySettings, {"EVENTS_AT_ONCE": "40", "HTTP_REQUESTS_AT_ONCE": "40"}),
        (WorkerSettings, {"RESULT_PART_BYTES": "1001", "MAX_MSG_BYTES": "1000"}),
        (WorkerSettings, {"PAGE_TIMEOUT_SECONDS": "60", "MSG_TIMEOUT_SECONDS": "60"}),
        (WorkerSettings, {"PAGE_PARSE_TIMEOUT_SECONDS": "721", "JOB_DEADLINE_SECONDS": "900"}),
        (WorkerSettings, {"FILE_PARSE_TIMEOUT_SECONDS": "721", "JOB_DEADLINE_SECONDS": "900"}),
        (WorkerSettings, {"JOB_DEADLINE_SECONDS": "1800", "MAX_MSG_TIMEOUT_SECONDS": "1800"}),
        (ConsumerSettings, {"INDEX_BATCH_SECONDS": "30", "WEAVIATE_INSERT_TIMEOUT_SECONDS": "30"}),
        (ConsumerSettings, {"INDEX_LANES": "4", "DATABASE_POOL_MAX": "4"}),
        (JanitorSettings, {"RECLAIM_PERIOD_SECONDS": "31", "LEASE_SECONDS": "30"}),
        (JanitorSettings, {"ABANDONED_SECONDS": "59", "SUPERSEDED_GRACE_SECONDS": "60"}),
        (JanitorSettings, {"UPLOAD_MAX_SECONDS": "3600", "BLOB_AGE_SECONDS": "3600"}),
        (JanitorSettings, {"AUDIT_RECENT_SECONDS": "601", "REMEMBERED_SECONDS": "600"}),
        (JanitorSettings, {"STATEMENT_TIMEOUT_SECONDS": "9", "JANITOR_TURN_SECONDS": "9"}),
    ],
)
def test_contradictions_are_refused_with_both_numbers(
    monkeypatch: pytest.MonkeyPatch, service: type[Settings], variables: dict[str, str]
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(ENV_PREFIX + name, value)
    with pytest.raises(ValidationError) as caught:
        service()
    for name, value in variables.items():
        assert f"{ENV_PREFIX}{name}={value}" in str(caught.value)


def test_what_a_stop_takes_beyond_the_grace_is_what_the_lifecycle_takes() -> None:
    assert CLOSING_SECONDS == lifecycle.CLOSE_SECONDS + lifecycle.HARD_EXIT_SECONDS


def test_a_dead_worker_is_noticed_within_a_minute_by_default() -> None:
    settings = JanitorSettings()
    assert settings.noticed_within_seconds + MARGIN_SECONDS <= NOTICED_WITHIN_SECONDS


@pytest.mark.parametrize("lease", ["3", "10", "45"])
def test_how_late_a_dead_worker_is_noticed_follows_the_lease(
    monkeypatch: pytest.MonkeyPatch, lease: str
) -> None:
    monkeypatch.setenv("QUERN_LEASE_SECONDS", lease)
    assert float(lease) < JanitorSettings().noticed_within_seconds <= 1.3 * float(lease) + 1.1


def test_tombstones_outlast_every_insert_that_was_begun() -> None:
    settings = JanitorSettings()
    begun = settings.lease_seconds + settings.index_batch_seconds
    assert settings.purge_after_seconds >= begun + settings.weaviate_insert_timeout_seconds


@pytest.mark.parametrize(("deadline", "parse"), [("900", "600"), ("60", "20"), ("10", "8")])
def test_a_job_that_waits_for_a_parser_is_handed_back_before_its_deadline(
    monkeypatch: pytest.MonkeyPatch, deadline: str, parse: str
) -> None:
    for name, value in {
        "JOB_DEADLINE_SECONDS": deadline,
        "FILE_PARSE_TIMEOUT_SECONDS": parse,
        "PAGE_PARSE_TIMEOUT_SECONDS": "1",
        "PAGE_TIMEOUT_SECONDS": "1",
    }.items():
        monkeypatch.setenv(ENV_PREFIX + name, value)
    settings = WorkerSettings()
    longest = 2 * settings.parser_wait_seconds + settings.file_parse_timeout_seconds
    assert longest + settings.delivery_patience_seconds <= settings.job_deadline_seconds + 1.0


def test_the_longest_pause_between_attempts_is_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUERN_RETRY_MAX_SECONDS", "77")
    assert retry_policy(JanitorSettings()).max_seconds == 77
