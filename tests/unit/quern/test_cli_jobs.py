from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from quern.cli.jobs import payload_of
from quern.cli.running import UsageError
from unit.quern.cli_runner import quern

if TYPE_CHECKING:
    from unit.quern.fake_gateway import FakeGateway


@pytest.mark.parametrize(
    ("given", "payload"),
    [
        ([], {}),
        (["age_threshold_days=60", "dry_run=true"], {"age_threshold_days": 60, "dry_run": True}),
        (["url=https://x.test/?a=b"], {"url": "https://x.test/?a=b"}),
        (['document_ids=["a","b"]'], {"document_ids": ["a", "b"]}),
        (["name="], {"name": ""}),
    ],
)
def test_fields_are_json_where_they_can_be(given: list[str], payload: dict[str, Any]) -> None:
    assert payload_of(given) == payload


@pytest.mark.parametrize("given", ["days", "=3"])
def test_a_field_has_a_name_and_a_value(given: str) -> None:
    with pytest.raises(UsageError):
        payload_of([given])


def test_a_job_is_started_and_waited_for(gateway: FakeGateway) -> None:
    ran = quern(gateway.url, "jobs", "start", "cleanup", "--set", "dry_run=true", "--json")
    assert (ran.code, ran.json["status"], ran.json["stats"]) == (0, "succeeded", {"jobs": 3})
    (asked,) = gateway.requests("POST", "/v1/jobs")
    assert asked.body == {"type": "cleanup", "payload": {"dry_run": True}}
    assert "jobs: 3" in quern(gateway.url, "jobs", "show", ran.json["id"]).out


def test_a_job_that_fails_is_told_by_the_exit_code(gateway: FakeGateway) -> None:
    ran = quern(gateway.url, "jobs", "start", "cleanup", "--set", "fails=true", "--json")
    assert (ran.code, ran.json["status"]) == (4, "failed")
    ran = quern(gateway.url, "jobs", "start", "cleanup", "--no-wait", "--json")
    assert (ran.code, ran.json["status"]) == (0, "queued")


def test_jobs_are_listed_cancelled_and_run_again(gateway: FakeGateway) -> None:
    job = gateway.add_run(None, type="summarizer", handler=None)
    assert job["id"] in quern(gateway.url, "jobs", "list", "--type", "summarizer").out
    assert gateway.requests("GET", "/v1/jobs")[0].query["type"] == "summarizer"
    assert "cancelled" in quern(gateway.url, "jobs", "cancel", job["id"]).out
    assert quern(gateway.url, "jobs", "rerun", job["id"], "--json").json["id"] != job["id"]
