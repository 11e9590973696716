from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from quern import __version__
from unit.quern import shapes
from unit.quern.cli_runner import quern

if TYPE_CHECKING:
    from unit.quern.fake_gateway import FakeGateway

NOWHERE = "http://127.0.0.1:1"
COMMANDS = [
    ["add", "https://example.org/"],
    ["status"],
    ["search", "x"],
    ["failed"],
    ["dead"],
    ["prune"],
    ["retry", "--all"],
    ["sync", "--all"],
    ["reindex", "--all"],
    ["delete", shapes.new_id(), "--yes"],
    ["doctor"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_every_command_tells_that_the_gateway_is_away(words: list[str]) -> None:
    ran = quern(NOWHERE, *words)
    assert ran.code == 3
    assert "Is Quern running?" in ran.err + ran.out
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("words", COMMANDS[:-1], ids=lambda words: words[0])
def test_every_command_tells_programs_so_in_json(words: list[str]) -> None:
    ran = quern(NOWHERE, *words, "--json")
    assert ran.code == 3
    assert json.loads(ran.err)["error"]["kind"] == "unreachable"
    assert not ran.out


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_every_command_prints_one_json_document(gateway: FakeGateway, words: list[str]) -> None:
    gateway.add_source(id=words[1]) if words[0] == "delete" else gateway.add_source()
    ran = quern(gateway.url, *words, "--json")
    assert ran.code == 0
    assert ran.json
    assert not ran.err


def test_the_version_is_printed() -> None:
    assert quern(NOWHERE, "--version").out == f"quern {__version__}\n"


def test_a_refusal_is_one_sentence_with_what_finds_it_in_the_logs(gateway: FakeGateway) -> None:
    ran = quern(gateway.url, "status", shapes.new_id())
    assert ran.code == 1
    assert ran.err == "Error: There is no such run.\n       (not_found, status 404, request req-1)\n"


def test_status_shows_figures_ledger_components_and_runs(gateway: FakeGateway) -> None:
    source = gateway.add_source()
    gateway.add_run(source["id"], "running", type="crawler", progress=shapes.progress(40, 10, 2, 30))
    gateway.add_run(shapes.new_id(), "succeeded")
    ran = quern(gateway.url, "status")
    assert ran.code == 0
    assert "1 sources, 7 documents, 0 failed jobs" in ran.out
    assert (
        "10 accepted = 8 succeeded + 1 failed + 0 cancelled + 1 skipped + 0 in flight: ok balanced" in ran.out
    )
    assert re.search(r"janitor +up +about janitor", ran.out)
    assert re.search(
        r"running +https://docs\.example\.org/ +running, 12/40, 2 failed, waiting for worker", ran.out
    )


def test_status_says_loudly_that_the_ledger_is_off(gateway: FakeGateway) -> None:
    gateway.ledger = shapes.ledger(balanced=False)
    assert "NOT BALANCED" in quern(gateway.url, "status").out


def test_status_shows_which_runs_wait_for_a_decision(gateway: FakeGateway) -> None:
    source = gateway.add_source()
    held = {"run_id": shapes.new_id(), "source_id": source["id"], "source_name": "Guide"}
    gateway.prunes = [shapes.prune(**held)]
    ran = quern(gateway.url, "status")
    assert re.search(rf"{held['run_id']} +Guide +30 of 31", ran.out)
    assert "quern prune RUN" in ran.out


def test_prune_lists_what_a_run_holds_and_decides_once(gateway: FakeGateway) -> None:
    source = gateway.add_source()
    run = gateway.add_run(source["id"], "succeeded", type="crawler", prune=shapes.prune())
    gateway.prunes = [shapes.prune(run_id=run["id"], source_id=source["id"], source_name="Guide")]
    gateway.pages = [shapes.page_of_source("https://docs.example.org/a")]
    listed = quern(gateway.url, "prune", run["id"])
    assert "30 of 31 pages seemed to be gone: held" in listed.out
    assert re.search(r"https://docs\.example\.org/a +404 +gone", listed.out)
    assert "1 of 30" in listed.out
    assert quern(gateway.url, "prune", run["id"], "--approve").out == "30 pages are retired.\n"
    again = quern(gateway.url, "prune", run["id"], "--reject")
    assert again.code == 1
    assert "already_decided" in again.err
    assert quern(gateway.url, "prune").out == "No pages wait for a decision.\n"


def test_a_rejection_tells_that_it_may_be_asked_again(gateway: FakeGateway) -> None:
    run_id = shapes.new_id()
    gateway.prunes = [shapes.prune(run_id=run_id, source_id=shapes.new_id(), source_name="Guide")]
    assert quern(gateway.url, "prune", run_id, "--reject").out.startswith("30 pages are kept.")


@pytest.mark.parametrize("words", [["--approve"], [shapes.new_id(), "--approve", "--reject"]])
def test_a_decision_is_one_and_about_a_run(gateway: FakeGateway, words: list[str]) -> None:
    assert quern(gateway.url, "prune", *words).code == 2


def test_dead_messages_are_listed_with_why_they_are_dead(gateway: FakeGateway) -> None:
    gateway.dead = [shapes.dead_message(), shapes.dead_message(topic="ingest.result")]
    ran = quern(gateway.url, "dead", "--topic", "ingest.task")
    assert re.search(r"ingest\.task .*JSON is malformed +not JSON", ran.out)
    assert "ingest.result" not in ran.out


def test_status_of_a_run_tells_what_it_waits_for(gateway: FakeGateway) -> None:
    run = gateway.add_run(gateway.add_source()["id"], waiting_for="earlier_version", eta_seconds=12.3)
    ran = quern(gateway.url, "status", run["id"])
    assert ran.code == 0
    assert re.search(r"waiting for +earlier version", ran.out)
    assert "about 12 seconds" in ran.out


def test_status_can_wait_and_its_code_tells_how_the_run_ended(gateway: FakeGateway) -> None:
    gateway.ends_as = {"status": "failed", "error": "It is damaged.", "error_code": "corrupt_file"}
    run = gateway.add_run(None)
    ran = quern(gateway.url, "status", run["id"], "--wait")
    assert ran.code == 4
    assert "It is damaged. (corrupt_file)" in ran.out


def test_search_shows_where_passages_come_from(gateway: FakeGateway) -> None:
    file = gateway.add_source("upload")
    gateway.hits = [shapes.hit(shapes.new_id()), shapes.hit(file["id"], url=None, heading_path=[])]
    ran = quern(gateway.url, "search", "install", "--mode", "keyword", "--limit", "2")
    assert ran.code == 0
    first, second = ran.out.split("2. ")
    assert "https://docs.example.org/install" in first
    assert "Installation > On Linux" in first
    assert "0.812" in first
    assert "guide.pdf" in second
    assert "2 hits in 12 ms." in second


def test_search_narrows_by_names(gateway: FakeGateway) -> None:
    source = gateway.add_source(name="Guide")
    gateway.groups = [{"id": shapes.new_id(), "name": "Team", "sources": 1, "created_at": shapes.MOMENT}]
    words = ["--source", "Guide", "--group", "Team", "--type", "web", "--language", "en", "--alpha", "0.5"]
    ran = quern(gateway.url, "search", "x", *words)
    assert ran.code == 0
    assert "Nothing was found" in ran.out
    assert gateway.seen[-1].body == {
        "query": "x",
        "limit": 10,
        "mode": "hybrid",
        "alpha": 0.5,
        "filters": {
            "source_ids": [source["id"]],
            "group_ids": [gateway.groups[0]["id"]],
            "types": ["web"],
            "languages": ["en"],
        },
    }


def test_what_a_page_says_cannot_drive_the_terminal(gateway: FakeGateway) -> None:
    gateway.hits = [shapes.hit(shapes.new_id(), title="\x1b[2Jevil[bold]\x9b31m", text="a\x07\u202eb")]
    out = quern(gateway.url, "search", "x").out
    assert "[2Jevil[bold]" in out
    assert not set(out) & {"\x1b", "\x9b", "\x07", "\u202e"}


def test_failed_lists_reasons_and_what_to_do(gateway: FakeGateway) -> None:
    source = gateway.add_source("upload")
    gateway.failed = [
        shapes.failed_job(source["id"]),
        shapes.failed_job(source["id"], error_code="timeout", payload={"url": "https://x.example/a"}),
    ]
    out = quern(gateway.url, "failed").out
    assert re.search(r"corrupt_file +guide\.pdf +The file is damaged\.", out)
    assert re.search(r"timeout +https://x\.example/a", out)
    assert "quern retry ID" in out
    assert quern(gateway.url, "failed", "--code", "gone").out == "Nothing has failed.\n"


def test_retry_takes_one_several_a_code_or_all(gateway: FakeGateway) -> None:
    gateway.failed = [shapes.failed_job(shapes.new_id()) for _ in range(5)]
    ids = [job["id"] for job in gateway.failed]
    assert quern(gateway.url, "retry", ids[0], "--json").json == {"retried": 1}
    assert gateway.seen[-1].path == f"/v1/jobs/{ids[0]}/retry"
    assert quern(gateway.url, "retry", ids[1], ids[2], "--json").json == {"retried": 2}
    assert quern(gateway.url, "retry", "--code", "timeout", "--json").json == {"retried": 0}
    assert quern(gateway.url, "retry", "--all", "--json").json == {"retried": 2}


def test_all_are_retried_however_many_requests_it_takes(gateway: FakeGateway) -> None:
    gateway.failed = [shapes.failed_job(shapes.new_id()) for _ in range(5)]
    gateway.retries_at_once = 2
    assert quern(gateway.url, "retry", "--all", "--json").json == {"retried": 5}
    assert len(gateway.requests("POST", "/v1/jobs/failed/retry")) == 3


def test_a_second_retry_tells_why_not(gateway: FakeGateway) -> None:
    ran = quern(gateway.url, "retry", shapes.new_id())
    assert ran.code == 1
    assert "not_failed" in ran.err


@pytest.mark.parametrize("words", [[], [shapes.new_id(), "--all"], ["--all", "--code", "timeout"]])
def test_retry_wants_exactly_one_choice(gateway: FakeGateway, words: list[str]) -> None:
    ran = quern(gateway.url, "retry", *words)
    assert ran.code == 2
    assert not gateway.seen


def test_sync_crawls_sites_and_repeats_uploads(gateway: FakeGateway) -> None:
    site = gateway.add_source()
    file = gateway.add_source("upload", name="a")
    gateway.add_run(file["id"], "failed")
    last = gateway.add_run(file["id"], "succeeded")
    gateway.add_run(file["id"], "succeeded", type="activate")
    gateway.add_run(file["id"], "skipped")  # its original was not kept
    broken = gateway.add_source("upload", name="b")
    only = gateway.add_run(broken["id"], "failed")
    gateway.add_source("upload", name="c")
    ran = quern(gateway.url, "sync", "--all", "--json")
    assert ran.code == 4
    assert [item["status"] for item in ran.json["items"]] == ["succeeded"] * 3 + ["refused"]
    assert "no run that could be done again" in ran.json["items"][3]["detail"]
    assert len(gateway.requests("POST", f"/v1/sources/{site['id']}/sync")) == 1
    assert len(gateway.requests("POST", f"/v1/jobs/{last['id']}/rerun")) == 1
    assert len(gateway.requests("POST", f"/v1/jobs/{only['id']}/rerun")) == 1


def test_sync_takes_names(gateway: FakeGateway) -> None:
    gateway.add_source(name="Guide")
    ran = quern(gateway.url, "sync", "Guide", "--no-wait", "--json")
    assert (ran.code, ran.json["items"][0]["status"]) == (0, "queued")
    assert quern(gateway.url, "sync").code == 2


def test_reindex_rebuilds_without_a_run(gateway: FakeGateway) -> None:
    source = gateway.add_source(name="Guide")
    ran = quern(gateway.url, "reindex", "Guide", "--json")
    assert (ran.code, [item["done"] for item in ran.json["items"]]) == (0, [7])
    assert gateway.requests("POST", "/v1/reindex")[0].body == {"source_id": source["id"]}
    assert not [seen for seen in gateway.seen if seen.path.endswith(("/sync", "/rerun"))]
    ran = quern(gateway.url, "reindex", "--all", "--no-wait")
    assert "under way" in ran.out
    assert gateway.requests("POST", "/v1/reindex")[1].body == {}
    assert quern(gateway.url, "reindex").code == 2


def test_a_source_is_deleted_by_its_url(gateway: FakeGateway) -> None:
    source = gateway.add_source()
    ran = quern(gateway.url, "delete", "https://docs.example.org/", "--json")
    assert ran.json == {"id": source["id"], "status": "deleting"}


def test_delete_can_wait_until_all_is_gone(gateway: FakeGateway) -> None:
    source = gateway.add_source()
    gateway.gone_after_reads = 1
    ran = quern(gateway.url, "delete", source["id"], "--wait", "--yes")
    assert (ran.code, ran.out) == (0, "https://docs.example.org/ is gone.\n")
    assert not gateway.sources


def test_delete_gives_up_waiting_in_time(gateway: FakeGateway) -> None:
    source = gateway.add_source()
    gateway.gone_after_reads = 1000
    ran = quern(gateway.url, "delete", source["id"], "--wait", "--timeout", "0.1")
    assert ran.code == 6
    assert "The removal of source" in ran.err


def test_an_active_run_wants_force(gateway: FakeGateway) -> None:
    source = gateway.add_source(status="ingesting")
    ran = quern(gateway.url, "delete", source["id"])
    assert ran.code == 1
    assert "ingest_in_progress" in ran.err
    assert quern(gateway.url, "delete", source["id"], "--force").code == 0


def test_a_name_that_is_not_clear_is_not_guessed(gateway: FakeGateway) -> None:
    first, second = gateway.add_source(name="Guide"), gateway.add_source(name="Guide")
    ran = quern(gateway.url, "delete", "Guide")
    assert ran.code == 2
    assert first["id"] in ran.err
    assert second["id"] in ran.err
    assert quern(gateway.url, "delete", "Gui").code == 2


def test_doctor_is_content_with_a_healthy_installation(gateway: FakeGateway) -> None:
    ran = quern(gateway.url, "doctor")
    assert ran.code == 0
    assert "All is well." in ran.out


def test_doctor_tells_what_is_broken_and_what_to_do(gateway: FakeGateway) -> None:
    gateway.system = shapes.system(weaviate="down")
    gateway.ready = {"status": "down", "reason": "weaviate does not answer", "dependencies": {}}
    gateway.refuse("/v1/stats", 500, shapes.problem(500, "internal_error", "Something went wrong here."))
    ran = quern(gateway.url, "doctor")
    assert ran.code == 5
    assert "broken weaviate: Start Weaviate" in ran.out
    assert "Something went wrong here." in ran.out
    assert "weaviate does not answer" in ran.out
