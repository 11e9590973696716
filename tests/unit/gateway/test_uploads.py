from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from gateway.core.errors import (
    BodyTooLargeError,
    BusyError,
    EmptyFileError,
    InvalidRequestError,
    UnsupportedTypeError,
)
from gateway.core.forms import Described, FileStart, FormEvent, TextField
from gateway.http.handlers.uploads import described
from gateway.usecases.uploads import UploadLimits, Uploads
from shared.clock import now
from shared.errors import DependencyUnavailableError
from shared.postgres.intake_errors import NotFoundError
from shared.testing.blobs import MemoryBlobStore
from unit.gateway.fakes import FakeAnnouncer, FakeIntake
from unit.gateway.rows import CALLER, an_id

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TEXT = FileStart("notes.txt", "text/plain")
TABLE = FileStart("rows.csv", "text/csv")


class World:
    """The use case with what is around it."""

    def __init__(self, scratch: Path, **limits: int) -> None:
        self.blobs = MemoryBlobStore(scratch=scratch)
        self.intake = FakeIntake()
        self.announcer = FakeAnnouncer()
        self.counted: list[int] = []
        self.uploads = Uploads(
            blobs=self.blobs,
            intake=self.intake,
            announcer=self.announcer,
            limits=UploadLimits(**({"document_bytes": 20_000, "table_bytes": 10_000, "at_once": 2} | limits)),
            new_id=lambda: an_id(7),
            count_bytes=self.counted.append,
        )

    async def receive(self, *events: FormEvent) -> Any:
        return await self.uploads.receive(CALLER, form(*events), described)

    async def kept(self) -> list[str]:
        return [entry.uri async for entry in self.blobs.sweep(modified_before=now())]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


async def form(*events: FormEvent) -> AsyncIterator[FormEvent]:
    for event in events:
        yield event


@pytest.mark.parametrize("sizes", [[5], [1] * 30, [8191, 1], [8192], [8193], [4000, 4000, 4000]])
async def test_a_file_is_stored_whole_and_accepted_with_its_facts(world: World, sizes: list[int]) -> None:
    pieces = [bytes([65 + index % 26]) * size for index, size in enumerate(sizes)]
    accepted = await world.receive(
        TextField("title", "Notes"),
        TEXT,
        *pieces,
        TextField("version_label", "v2"),
        TextField("group_id", ""),
    )
    [(name, arguments)] = world.intake.calls
    facts = arguments["facts"]
    content = b"".join(pieces)
    assert name == "accept_upload"
    assert (facts.title, facts.version_label, facts.group_id) == ("Notes", "v2", None)
    assert (facts.file_name, facts.content_type, facts.run_id) == ("notes.txt", "text/plain", an_id(7))
    assert (facts.size_bytes, facts.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (await world.blobs.path_for_reading(facts.upload_uri)).read_bytes() == content
    assert (accepted.status, world.announcer.wishes, world.counted) == ("queued", 1, [len(content)])


@pytest.mark.parametrize(
    ("start", "size", "limit"),
    [(TEXT, 20_000, None), (TEXT, 20_001, 20_000), (TABLE, 10_000, None), (TABLE, 10_001, 10_000)],
)
async def test_limits_are_exact_and_tables_have_their_own(
    world: World, start: FileStart, size: int, limit: int | None
) -> None:
    pieces = [b"x" * 5_000] * (size // 5_000) + [b"x" * (size % 5_000)]
    if limit is None:
        await world.receive(start, *pieces)
        assert world.counted == [size]
        return
    with pytest.raises(BodyTooLargeError) as refused:
        await world.receive(start, *pieces)
    assert refused.value.limit_bytes == limit
    assert await world.kept() == []


@pytest.mark.parametrize(
    ("events", "error"),
    [
        ([TextField("title", "x")], InvalidRequestError),
        ([TEXT], EmptyFileError),
        ([TEXT, TextField("title", "x")], EmptyFileError),
        ([FileStart("a.png", "image/png"), b"\x89PNG\r\n"], UnsupportedTypeError),
        ([FileStart("a.exe", ""), b"MZ\x90\x00"], UnsupportedTypeError),
        ([TEXT, b"content", TextField("group_id", "nope")], InvalidRequestError),
        ([TEXT, b"content", TextField("title", "x" * 501)], InvalidRequestError),
        ([TEXT, b"content", TextField("title", "a\x00")], InvalidRequestError),
    ],
)
async def test_a_refused_upload_leaves_nothing_behind(
    world: World, events: list[FormEvent], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await world.receive(*events)
    assert await world.kept() == []
    assert (world.intake.calls, world.announcer.wishes) == ([], 0)


async def test_an_upload_that_breaks_off_leaves_nothing_behind(world: World) -> None:
    async def broken() -> AsyncIterator[FormEvent]:
        yield TEXT
        yield b"x" * 10_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await world.uploads.receive(CALLER, broken(), described)
    assert await world.kept() == []


async def test_a_duplicate_is_not_stored_twice(world: World) -> None:
    world.intake.upload_status = "skipped"
    accepted = await world.receive(TEXT, b"again")
    assert (accepted.status, accepted.duplicate_of) == ("skipped", an_id(23))
    assert await world.kept() == []


async def test_the_file_of_a_refused_request_is_removed(world: World) -> None:
    world.intake.raises = NotFoundError("group")
    with pytest.raises(NotFoundError):
        await world.receive(TEXT, b"content")
    assert await world.kept() == []


async def test_the_file_stays_where_nobody_knows_whether_it_was_accepted(world: World) -> None:
    world.intake.raises = DependencyUnavailableError("postgres", "the answer was lost")
    with pytest.raises(DependencyUnavailableError):
        await world.receive(TEXT, b"content")
    assert len(await world.kept()) == 1


async def test_no_more_uploads_than_allowed_come_in_at_once(tmp_path: Path) -> None:
    world = World(tmp_path, at_once=1)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[FormEvent]:
        yield TEXT
        begun.set()
        await go_on.wait()
        yield b"content"

    first = asyncio.create_task(world.uploads.receive(CALLER, slow(), described))
    await begun.wait()
    with pytest.raises(BusyError):
        await world.receive(TEXT, b"other")
    go_on.set()
    assert (await first).status == "queued"
    assert (await world.receive(TEXT, b"other")).status == "queued"


def test_empty_fields_of_a_browsers_form_mean_nothing() -> None:
    assert described({"group_id": "", "title": "", "version_label": ""}) == Described()
