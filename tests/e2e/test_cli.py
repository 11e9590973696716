"""The command line against the whole product: what a person does, in the order in which a person does it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from shared.clock import new_id
from support.sites import TestSite

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from support.stacks import StackUnderTest

LIMIT_SECONDS = 120


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Quern:
    """The installed program, with the address of the stack in its environment."""

    url: str

    def __call__(self, *words: str | Path) -> Ran:
        done = subprocess.run(
            [sys.executable, "-m", "quern", *map(str, words)],
            env=os.environ | {"QUERN_URL": self.url, "COLUMNS": "200"},
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)


@pytest.fixture
def quern(stack: StackUnderTest) -> Quern:
    return Quern(stack.gateway_url)


@pytest.fixture
def site() -> Iterator[TestSite]:
    with TestSite(host="127.0.0.3") as made:
        made.page(
            "/", '<h1>Falconry</h1><p>Birds of prey.</p><a href="/gyr">Gyrfalcon</a><a href="/old">o</a>'
        )
        made.page(
            "/gyr",
            "<h1>Gyrfalcon</h1><h2>Jesses</h2><p>The gyrfalcon wears jesses of kangaroo leather.</p>",
        )
        made.page("/old", "<h1>Old</h1><p>Nothing of interest.</p>")
        yield made


def test_a_site_is_added_found_crawled_again_and_deleted(quern: Quern, site: TestSite) -> None:
    added = quern("add", site.url(), "--exclude", "/old$", "--json")
    assert added.code == 0, added.err
    [item] = added.json["items"]
    assert (item["status"], item["known"]) == ("succeeded", False)
    assert site.hits["/gyr"] == 1
    assert not site.hits["/old"]

    found = quern("search", "jesses of kangaroo leather", "--source", site.url())
    assert found.code == 0, found.err
    assert site.url("/gyr") in found.out
    assert "Gyrfalcon > Jesses" in found.out
    assert "The gyrfalcon wears jesses of kangaroo leather." in found.out

    again = quern("add", site.url(), "--json")
    assert [(item["status"], item["known"]) for item in again.json["items"]] == [("succeeded", True)]
    synced = quern("sync", site.url(), "--json")
    assert [item["status"] for item in synced.json["items"]] == ["succeeded"]

    gone = quern("delete", site.url(), "--wait")
    assert (gone.code, gone.out) == (0, f"{site.url()} is gone.\n"), gone.err
    assert quern("delete", site.url()).code == 2
    assert site.url() not in quern("search", "jesses of kangaroo leather").out


def test_files_are_added_to_a_group_and_found_there(quern: Quern, tmp_path: Path) -> None:
    group = f"Workshop {new_id()}"
    (tmp_path / "guide" / "deep").mkdir(parents=True)
    (tmp_path / "guide" / "index.md").write_text(
        f"# Guide {group}\n\n## Plane\n\nA jointer plane of beech.\n"
    )
    (tmp_path / "guide" / "deep" / "index.md").write_text(f"# Deep {group}\n\nA spokeshave of maple.\n")
    (tmp_path / "guide" / "photo.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    added = quern("add", tmp_path / "guide", "--group", group)
    assert added.code == 0, added.out + added.err
    assert "2 added: 2 succeeded." in added.out
    assert "1 files are of kinds that cannot be read" in added.err

    found = quern("search", "spokeshave maple", "--group", group)
    assert "deep-index.md" in found.out
    twice = quern("add", tmp_path / "guide", "--group", group, "--json")
    assert [item["reason"] for item in twice.json["items"]] == ["duplicate", "duplicate"]

    source_id = twice.json["items"][0]["source_id"]
    repeated = quern("sync", source_id, "--json").json["items"]
    assert [item["status"] for item in repeated] == ["skipped"], repeated


def test_a_failure_is_told_listed_and_tried_again(quern: Quern, tmp_path: Path) -> None:
    path = tmp_path / f"broken-{new_id()}.pdf"
    path.write_bytes(b"%PDF-1.7\nthis is no PDF\n" + str(new_id()).encode())
    added = quern("add", path)
    assert added.code == 4
    assert "(corrupt_file)" in added.out

    listed = quern("failed", "--code", "corrupt_file", "--json").json["items"]
    [source] = [item for item in listed if path.name in json.dumps(item["payload"])]
    assert re.search(rf"{source['id']} +corrupt_file +{re.escape(path.name)}", quern("failed").out)

    assert quern("retry", source["id"], "--json").json == {"retried": 1}
    ended = quern("status", source["id"], "--wait", "--json")
    assert ended.code == 4
    assert (ended.json["status"], ended.json["retries"]) == ("failed", 1)
    assert quern("delete", source["source_id"], "--wait").code == 0
    assert quern("retry", source["id"]).code == 1


def test_refusals_are_told_without_waiting(quern: Quern, tmp_path: Path) -> None:
    (tmp_path / "empty.md").touch()
    empty = quern("add", tmp_path / "empty.md", "--json")
    assert empty.code == 4
    assert empty.json["items"][0]["error_code"] == "empty_file"
    private = quern("add", "http://10.0.0.1/", "--json")
    assert private.code == 4
    assert private.json["items"][0]["error_code"] == "blocked_address"
    assert quern("add", "http://x.test/", "--include", "(", "--json").code == 4


def test_status_and_doctor_tell_that_all_is_well(quern: Quern) -> None:
    status = quern("status")
    assert status.code == 0, status.err
    assert "ok balanced" in status.out
    for name in ("postgres", "nsqd", "weaviate", "workers", "consumers", "janitor"):
        assert re.search(rf"^{name} +up ", status.out, re.MULTILINE)
    doctor = quern("doctor", "--json")
    assert doctor.code == 0, doctor.out
    broken = [finding for finding in doctor.json["findings"] if finding["level"] == "broken"]
    assert broken == []
    assert {"gateway", "readiness", "ledger", "versions"} <= {
        finding["subject"] for finding in doctor.json["findings"]
    }
