from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from unit.quern import shapes
from unit.quern.cli_runner import quern

if TYPE_CHECKING:
    from pathlib import Path

    from unit.quern.fake_gateway import FakeGateway

URL = "https://docs.example.org/"


def test_a_site_is_added_and_waited_for(gateway: FakeGateway) -> None:
    ran = quern(gateway.url, "add", URL)
    assert ran.code == 0
    assert "succeeded" in ran.out
    assert "1 added: 1 succeeded." in ran.out
    assert gateway.seen[-1].path.endswith("/events")


def test_options_about_crawling_are_sent(gateway: FakeGateway) -> None:
    words = [
        "--max-depth",
        "1",
        "--max-pages",
        "9",
        "--include",
        "/a/",
        "--include",
        "/b/",
        "--delay-ms",
        "0",
    ]
    assert quern(gateway.url, "add", URL, *words, "--exclude", "x", "--title", "Guide").code == 0
    [request] = gateway.requests("POST", "/v1/sources")
    assert request.body == {
        "type": "web",
        "url": URL,
        "name": "Guide",
        "crawl": {
            "max_depth": 1,
            "max_pages": 9,
            "include": ["/a/", "/b/"],
            "exclude": ["x"],
            "delay_ms": 0,
        },
    }


def test_without_waiting_nothing_is_followed(gateway: FakeGateway) -> None:
    ran = quern(gateway.url, "add", URL, "--no-wait", "--json")
    assert ran.code == 0
    [item] = ran.json["items"]
    assert (item["status"], item["kind"], item["known"]) == ("queued", "site", False)
    assert not [seen for seen in gateway.seen if seen.path.endswith("/events")]


def test_a_known_site_is_changed_as_asked_and_crawled_again(gateway: FakeGateway) -> None:
    source = gateway.add_source(url=URL)
    ran = quern(gateway.url, "add", URL, "--max-depth", "4")
    assert ran.code == 0
    assert "was known, crawled again" in ran.out
    [patch] = gateway.requests("PATCH", f"/v1/sources/{source['id']}")
    assert patch.body == {"crawl": {"max_depth": 4}}
    assert len(gateway.requests("POST", f"/v1/sources/{source['id']}/sync")) == 1


def test_a_known_site_without_wishes_is_only_crawled_again(gateway: FakeGateway) -> None:
    source = gateway.add_source(url=URL)
    assert quern(gateway.url, "add", URL).code == 0
    assert not gateway.requests("PATCH", f"/v1/sources/{source['id']}")


def test_files_and_folders_are_uploaded(gateway: FakeGateway, tmp_path: Path) -> None:
    (tmp_path / "docs" / "a").mkdir(parents=True)
    (tmp_path / "docs" / "a" / "index.md").write_text("# A")
    (tmp_path / "docs" / "logo.png").write_bytes(b"png")
    (tmp_path / "x.pdf").write_bytes(b"%PDF-")
    ran = quern(gateway.url, "add", str(tmp_path / "docs"), str(tmp_path / "x.pdf"))
    assert ran.code == 0
    assert sorted(upload["file_name"] for upload in gateway.uploads) == ["a-index.md", "x.pdf"]
    assert "1 files are of kinds that cannot be read" in ran.err


def test_many_files_are_summed_up(gateway: FakeGateway, tmp_path: Path) -> None:
    for number in range(30):
        (tmp_path / f"{number}.txt").write_text(f"text {number}")
    ran = quern(gateway.url, "add", str(tmp_path))
    assert ran.code == 0
    assert ran.out.strip() == "30 added: 30 succeeded."


def test_one_refused_file_does_not_stop_the_others(gateway: FakeGateway, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").touch()
    (tmp_path / "full.txt").write_text("text")
    ran = quern(gateway.url, "add", str(tmp_path / "empty.txt"), str(tmp_path / "full.txt"), "--json")
    assert ran.code == 4
    by_status = {item["status"]: item for item in ran.json["items"]}
    assert by_status["refused"]["error_code"] == "empty_file"
    assert by_status["succeeded"]["target"].endswith("full.txt")


def test_a_duplicate_is_well_and_not_waited_for(gateway: FakeGateway, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("text")
    quern(gateway.url, "add", str(tmp_path / "x.txt"))
    ran = quern(gateway.url, "add", str(tmp_path / "x.txt"), "--json")
    assert ran.code == 0
    assert (ran.json["items"][0]["status"], ran.json["items"][0]["reason"]) == ("skipped", "duplicate")


def test_a_run_that_fails_is_told_with_its_reason(gateway: FakeGateway) -> None:
    gateway.ends_as = {"status": "failed", "error": "The host has no address.", "error_code": "unreachable"}
    ran = quern(gateway.url, "add", URL)
    assert ran.code == 4
    assert "The host has no address. (unreachable)" in ran.out
    assert "quern failed" in ran.out


@pytest.mark.parametrize("known", [False, True])
def test_a_group_is_found_by_its_name_or_made(gateway: FakeGateway, tmp_path: Path, *, known: bool) -> None:
    if known:
        gateway.groups = [{"id": shapes.new_id(), "name": "Team", "sources": 0, "created_at": shapes.MOMENT}]
    (tmp_path / "x.txt").write_text("text")
    ran = quern(gateway.url, "add", str(tmp_path / "x.txt"), "--group", "Team")
    assert ran.code == 0
    assert len(gateway.groups) == 1
    assert gateway.uploads[0]["group_id"] == gateway.groups[0]["id"]
    assert ("The group Team is new." in ran.err) is not known


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["a.txt", "--max-depth", "1"], "go with addresses only"),
        (["a.txt", URL, "--title", "T"], "--title names one thing"),
        (["missing.txt"], "There is no file or folder"),
        (["."], "holds no file that can be read"),
        ([], "Missing argument"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_sent(
    gateway: FakeGateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if "a.txt" in words:
        (tmp_path / "a.txt").write_text("text")
    ran = quern(gateway.url, "add", *words)
    assert ran.code == 2
    assert said in ran.err
    assert not gateway.seen


def test_a_wait_that_is_over_says_that_the_work_goes_on(gateway: FakeGateway) -> None:
    gateway.events = "never"
    ran = quern(gateway.url, "add", URL, "--timeout", "0.2")
    assert ran.code == 6
    assert "it goes on" in ran.err


def test_a_blocked_address_is_refused_with_its_code(gateway: FakeGateway) -> None:
    gateway.refuse("/v1/sources", 422, shapes.problem(422, "blocked_address", "The address is not public."))
    ran = quern(gateway.url, "add", URL)
    assert ran.code == 4
    assert "The address is not public. (blocked_address)" in ran.out


def test_files_for_a_gateway_that_is_away_are_one_error(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.txt").write_text("text")
    ran = quern("http://127.0.0.1:1", "add", str(tmp_path))
    assert ran.code == 3
    assert ran.err.count("Is Quern running?") == 1
