"""Uploading Markdown files until all are searchable, beside LlamaIndex's IngestionPipeline."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from bench.bench import POLL_SECONDS, RUN_SECONDS, Bench, MeasurementError, Watch, until
from bench.corpora.markdown import write_documents
from bench.figures import Mark, Section, Series, cpu_table, ratio, runs_table
from bench.peers.running import run_peer
from bench.stack import spent_since
from native.progress import say
from quern.models.common import JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from uuid import UUID

UPLOADS_AT_ONCE: Final = 8
_LISTED: Final = 500
_MEGABYTE: Final = 1_000_000


@dataclass(slots=True)
class _Rounds:
    """What was measured so far, one entry for each round."""

    chunks: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    accepted_seconds: list[float] = field(default_factory=list)
    peer_chunks: list[float] = field(default_factory=list)
    peer_seconds: list[float] = field(default_factory=list)
    peer_cpu: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Chunks per second."""
        return [chunks / seconds for chunks, seconds in zip(self.chunks, self.seconds, strict=True)]

    @property
    def peer_rates(self) -> list[float]:
        """The peer's."""
        return [chunks / seconds for chunks, seconds in zip(self.peer_chunks, self.peer_seconds, strict=True)]


async def measure(bench: Bench) -> Section:
    """Upload by turns."""
    folder = bench.folder / "markdown"
    paths = write_documents(folder, bench.manual, count=bench.options.documents)
    rounds = _Rounds()
    for turn in range(bench.options.rounds):
        await _upload_all(bench, paths, turn, rounds)
        await _peer(bench, folder, turn, rounds)
        say(
            f"markdown {turn + 1}: Quern {rounds.rates[-1]:.0f} chunks/s ({rounds.chunks[-1]:.0f} chunks, "
            f"{rounds.seconds[-1]:.1f} s, {sum(rounds.cpu[-1].values()):.1f} CPU s), "
            f"LlamaIndex {rounds.peer_rates[-1]:.0f} chunks/s ({rounds.peer_chunks[-1]:.0f} chunks)"
        )
    return _section(paths, rounds)


async def _upload_all(bench: Bench, paths: Sequence[Path], turn: int, rounds: _Rounds) -> None:
    # The same bytes in another group are no duplicates.
    group = await bench.client.groups.add(f"round {turn}")
    turns = asyncio.Semaphore(UPLOADS_AT_ONCE)

    async def upload(path: Path) -> None:
        async with turns:
            await bench.client.upload(path, group_id=group.id)

    before, watch = bench.stack.cpu_seconds(), Watch()
    async with asyncio.TaskGroup() as uploads:
        for path in paths:
            uploads.create_task(upload(path))
    rounds.accepted_seconds.append(watch.seconds)
    await _all_ended(bench)
    rounds.seconds.append(watch.seconds)
    rounds.cpu.append(spent_since(before, bench.stack.cpu_seconds()))
    rounds.chunks.append(await _chunks(bench, group.id, len(paths)))


async def _all_ended(bench: Bench) -> None:
    async def nothing_open() -> bool | None:
        for status in (JobStatus.QUEUED, JobStatus.RUNNING):
            if (await bench.client.runs.list(status=status, limit=1)).total:
                return None
        return True

    await until(nothing_open, every_seconds=POLL_SECONDS, timeout_seconds=RUN_SECONDS)


async def _chunks(bench: Bench, group_id: UUID, expected: int) -> float:
    chunks = served = 0
    while True:
        page = await bench.client.documents.list(
            group_id=group_id, status="active", limit=_LISTED, offset=served
        )
        served += len(page.items)
        chunks += sum(document.chunks for document in page.items)
        if len(page.items) < _LISTED:
            break
    if served != expected:
        raise MeasurementError(f"{served} of {expected} documents are served")
    return float(chunks)


async def _peer(bench: Bench, folder: Path, turn: int, rounds: _Rounds) -> None:
    file = bench.stack.file
    os.environ |= {
        "BENCH_WEAVIATE_URL": file.weaviate_url,
        "BENCH_WEAVIATE_GRPC": file.weaviate_grpc,
        "BENCH_WEAVIATE_KEY": file.weaviate_api_key,
    }
    figures = await run_peer("llama_index", str(folder), f"Peer{turn}")
    if figures["stored"] != figures["chunks"]:
        raise MeasurementError(f"LlamaIndex stored {figures['stored']} of {figures['chunks']} chunks")
    rounds.peer_chunks.append(figures["chunks"])
    rounds.peer_seconds.append(figures["seconds"])
    rounds.peer_cpu.append(1000 * figures["cpu_seconds"] / figures["documents"])


def _section(paths: Sequence[Path], rounds: _Rounds) -> Section:
    count, size = len(paths), sum(path.stat().st_size for path in paths) / _MEGABYTE
    return Section(
        "Markdown files",
        f"{count} files of {size:.1f} MB in all: readmes of installed packages, and the longest pages of the manual "
        f"as Markdown. Quern: uploaded through the API, {UPLOADS_AT_ONCE} at once, until every run has succeeded. "
        "LlamaIndex: an IngestionPipeline (MarkdownNodeParser, SentenceSplitter, both as they come) that reads the "
        "same files and writes to the same Weaviate with the same embedding model, called directly; its start and "
        "the loading of the model are not counted. It verifies nothing and keeps no rows, and cuts larger chunks or "
        "smaller ones than Quern, so that MB/s of text is given as well.",
        [
            runs_table(
                [
                    Series("Quern", "chunks/s", tuple(rounds.rates)),
                    Series("Quern", "documents/s", tuple(count / each for each in rounds.seconds)),
                    Series("Quern", "MB/s", tuple(size / each for each in rounds.seconds)),
                    Series("Quern", "chunks", tuple(rounds.chunks)),
                    Series("Quern, until all were accepted", "s", tuple(rounds.accepted_seconds)),
                    Series("Quern, until all were searchable", "s", tuple(rounds.seconds)),
                    Series("LlamaIndex", "chunks/s", tuple(rounds.peer_rates)),
                    Series("LlamaIndex", "documents/s", tuple(count / each for each in rounds.peer_seconds)),
                    Series("LlamaIndex", "MB/s", tuple(size / each for each in rounds.peer_seconds)),
                    Series("LlamaIndex", "chunks", tuple(rounds.peer_chunks)),
                    Series("LlamaIndex, CPU of its process", "ms per document", tuple(rounds.peer_cpu)),
                ]
            ),
            cpu_table("document", rounds.cpu, [float(count)] * len(rounds.cpu)),
        ],
        [
            Mark(
                what="Markdown to searchable, chunks/s of LlamaIndex's",
                value=ratio(rounds.rates, rounds.peer_rates),
                limit=1.0,
                at_least=True,
            )
        ],
        [
            f"In MB/s of text the ratio is {ratio(rounds.peer_seconds, rounds.seconds):.2f}.",
            "The client that uploads runs on the same two cores.",
        ],
    )
