"""One large upload through the gateway, beside a script that reads, hashes and writes the same file."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final
from uuid import UUID

from bench.bench import Bench, MeasurementError
from bench.figures import Mark, Section, Series, ratio, runs_table
from bench.peers.running import run_peer
from bench.processes import PeakMemory
from native.progress import say

if TYPE_CHECKING:
    from pathlib import Path

_MIB: Final = 1 << 20
_HEAD: Final = b"%PDF-1.7\n"
"""So that it is taken for a document, and given up soon by the parser: what follows is noise."""


async def measure(bench: Bench) -> Section:
    """Upload and copy by turns."""
    size = bench.options.upload_mib
    file, copy = bench.folder / "large.pdf", bench.folder / "copy.pdf"
    seconds: list[float] = []
    peer_seconds: list[float] = []
    added: list[float] = []
    for turn in range(bench.options.rounds):
        # Other bytes each time, because equal ones would be recognised as a duplicate.
        await asyncio.to_thread(_write_noise, file, size)
        copied = await run_peer("copy_hashed", str(file), str(copy))
        await asyncio.to_thread(copy.unlink)
        with PeakMemory(bench.stack.gateway_pid) as memory:
            sent = await run_peer("send_file", bench.stack.file.gateway_url, str(file), f"large-{turn}.pdf")
        await _forget(bench, sent["source_id"], sent["run_id"])
        seconds.append(sent["seconds"])
        peer_seconds.append(copied["seconds"])
        added.append(memory.added_mib)
        say(
            f"upload {turn + 1}: {size} MiB in {seconds[-1]:.2f} s, the script {peer_seconds[-1]:.2f} s, +{added[-1]:.1f} MiB"
        )
    await asyncio.to_thread(file.unlink)
    return _section(size, seconds, peer_seconds, added)


def _write_noise(path: Path, mib: int) -> None:
    with path.open("wb") as file:
        file.write(_HEAD)
        for _ in range(mib - 1):
            file.write(os.urandom(_MIB))
        file.write(os.urandom(_MIB - len(_HEAD)))


async def _forget(bench: Bench, source_id: str, run_id: str) -> None:
    """Wait until the parser has given the file up, so that it does not compete with what comes next; then delete it."""
    run = await bench.run_ended(UUID(run_id))
    if run.error_code != "corrupt_file":
        raise MeasurementError(f"the noise was taken for something else: {run.status} {run.error_code}")
    await bench.client.sources.delete(UUID(source_id), force=True)


def _section(size: int, seconds: list[float], peer_seconds: list[float], added: list[float]) -> Section:
    rates = [size / each for each in seconds]
    peer_rates = [size / each for each in peer_seconds]
    return Section(
        "Upload",
        f"A file of {size} MiB by `POST /v1/ingest` (multipart, sent by a process that does nothing else), until the "
        "answer: by then it is hashed by SHA-256, written, made durable by fsync and accepted. The script reads it "
        "in pieces of 1 MiB, hashes, writes and calls fsync. The gateway's resident memory is looked at every 5 ms.",
        [
            runs_table(
                [
                    Series("Quern", "MiB/s", tuple(rates)),
                    Series("script", "MiB/s", tuple(peer_rates)),
                    Series("gateway's memory, added at its peak", "MiB", tuple(added)),
                ]
            )
        ],
        [
            Mark(
                what="upload with SHA-256, rate of the script's",
                value=ratio(rates, peer_rates),
                limit=0.6,
                at_least=True,
            ),
            Mark(
                what=f"memory that {size} MiB add to the gateway",
                value=max(added),
                limit=50,
                at_least=False,
                unit="MiB",
            ),
        ],
    )
