"""Several versions of one file, and equal files: what is served, at every moment."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from support.client import until

if TYPE_CHECKING:
    from support.client import Client
    from support.e2e import Truth

BERTHS = 40
WHOLE = BERTHS + 1
OLD = b"# Timetable\n\n## Winter\n\nThe night train runs at two.\n\n## Notes\n\nSeats are not reserved.\n"
NEW = b"# Timetable\n\n## Winter\n\nThe night train runs at four.\n\n## Notes\n\nSeats are not reserved.\n"


def edition(number: int) -> bytes:
    """A guide in which every berth names its edition, and one section is the same in all of them."""
    berths = [
        f"## Berth {n}\n\nEdition {number} gives berth {n} to ships of {n} metres." for n in range(BERTHS)
    ]
    return "\n\n".join(["# Harbour", *berths, "## Tides\n\nEvery berth falls dry twice a day."]).encode()


@dataclass
class Watcher:
    """Searches a document again and again, and notes which edition each answer showed."""

    quern: Client
    document_id: str
    editions: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, mode: str) -> None:
        while not self.stop.is_set():
            items = await self.quern.search("berth", mode=mode, limit=50, document_ids=[self.document_id])
            self._note(mode, items)

    def _note(self, mode: str, items: list[dict[str, Any]]) -> None:
        seen = {int(found[1]) for item in items if (found := re.search(r"Edition (\d)", item["text"]))}
        versions = {item["version_id"] for item in items}
        if len(items) != WHOLE or len(seen) != 1 or len(versions) != 1:
            self.wrong.append(f"{mode}: {len(items)} chunks of editions {seen} and versions {versions}")
        else:
            self.editions += seen


async def test_new_bytes_under_the_same_name_swap_versions_without_a_gap(
    quern: Client, truth: Truth, group: str
) -> None:
    first = await quern.ingest("harbour.md", edition(1), group_id=group)
    watchers = [Watcher(quern, first.document_id) for _ in range(2)]
    modes = ("keyword", "hybrid")
    async with asyncio.TaskGroup() as tasks:
        for watcher, mode in zip(watchers, modes, strict=True):
            tasks.create_task(watcher.run(mode))
        for number in (2, 3):
            upload = await quern.ingest("harbour.md", edition(number), group_id=group)
            assert upload.document_id == first.document_id
            for watcher in watchers:
                seen = len(watcher.editions)
                await until(_more(watcher, seen + 2), "searches go on")
                assert watcher.editions[-1] == number, "the old version is served after the swap"
        objects = [len(await truth.objects(document_id=first.document_id))]

        async def only_active_ones() -> bool:
            objects.append(len(await truth.objects(document_id=first.document_id)))
            return objects[-1] == WHOLE

        await until(only_active_ones, "superseded objects are gone after the grace")
        for watcher in watchers:
            watcher.stop.set()
    for watcher in watchers:
        assert watcher.wrong == []
        assert watcher.editions == sorted(watcher.editions)
        assert set(watcher.editions) == {1, 2, 3}
    document = await quern.get(f"/v1/documents/{first.document_id}")
    assert [version["is_active"] for version in document["versions"]] == [True, False, False]
    await truth.converged()


def _more(watcher: Watcher, count: int) -> Any:
    async def enough() -> bool:
        assert not watcher.wrong, watcher.wrong
        return len(watcher.editions) >= count

    return enough


@pytest.mark.parametrize("objects_are_gone", [False, True])
async def test_earlier_version_is_served_again(
    quern: Client, truth: Truth, group: str, *, objects_are_gone: bool
) -> None:
    upload = await quern.ingest("timetable.md", OLD, group_id=group, version_label="2023")
    old = (await quern.get(f"/v1/documents/{upload.document_id}"))["active_version_id"]
    await quern.ingest("timetable.md", NEW, group_id=group, version_label="2024")
    if objects_are_gone:
        await truth.converged()
    path = f"/v1/documents/{upload.document_id}"
    started = await quern.post(f"{path}/activate", {"version_id": old}, status=202)
    run = await quern.succeeded(started["run_id"])
    assert run["type"] == "activate"
    texts = [hit["text"] for hit in await quern.search("night train", mode="keyword", group_ids=[group])]
    assert texts == ["The night train runs at two."]
    document = await quern.get(path)
    assert document["active_version_id"] == old
    assert {v["version_label"]: v["is_active"] for v in document["versions"]} == {"2023": True, "2024": False}
    assert "runs at two" in (await quern.call("GET", f"{path}/content")).body
    await quern.refused(
        "POST", f"{path}/activate", status=409, code="already_active", json={"version_id": old}
    )
    await truth.converged()


async def test_of_several_equal_uploads_at_once_one_is_stored(
    quern: Client, truth: Truth, group: str
) -> None:
    body = b"# Ode\n\nThe nightingale sings in the alder.\n"
    names = [f"ode-{number}.md" for number in range(6)]
    uploads = await asyncio.gather(*(quern.upload(name, body, group_id=group) for name in names))
    runs = [await quern.ended(upload.run_id) for upload in uploads]
    stored = [run for run in runs if run["status"] == "succeeded"]
    assert len(stored) == 1, runs
    others = [run for run in runs if run is not stored[0]]
    assert {(run["status"], run["reason"], run["duplicate_of"]) for run in others} == {
        ("skipped", "duplicate", stored[0]["document_id"])
    }
    assert len(await quern.search("nightingale", mode="keyword", group_ids=[group])) == 1
    assert (await quern.get(f"/v1/groups/{group}"))["sources"] == 1
    again = await quern.send("later.md", body, group_id=group)
    assert (again.status, again.body["status"], again.body["reason"]) == (202, "skipped", "duplicate")
    assert again.body["duplicate_of"] == stored[0]["document_id"]
    await truth.converged()


async def test_uploads_of_one_name_go_in_the_order_of_acceptance(
    quern: Client, truth: Truth, group: str
) -> None:
    uploads = [
        await quern.upload("log.md", f"# Log\n\nEntry number {n}.\n".encode(), group_id=group)
        for n in range(5)
    ]
    for upload in uploads:
        assert (await quern.ended(upload.run_id))["status"] == "succeeded"
    hits = await quern.search("entry number", mode="keyword", group_ids=[group])
    assert [hit["text"] for hit in hits] == ["Entry number 4."]
    # KEEP_VERSIONS of them stay.
    path = f"/v1/documents/{uploads[0].document_id}"

    async def kept() -> bool:
        return len((await quern.get(path))["versions"]) == 3

    await until(kept, "older versions are let go")
    await truth.converged()
