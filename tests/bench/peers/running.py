"""Starting a peer as a process of its own, and reading the line of JSON that it ends with."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any


class PeerFailedError(Exception):
    """A peer did not do its work; the text is what it wrote last."""


async def run_peer(module: str, *arguments: str, timeout_seconds: float = 1800.0) -> dict[str, Any]:
    """Run ``bench.peers.<module>``; its figures.

    Raises:
        PeerFailedError: it ended with an error.
        TimeoutError: it took too long, and was killed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        f"bench.peers.{module}",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    try:
        async with asyncio.timeout(timeout_seconds):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise PeerFailedError(f"{module}: {errors.decode(errors='replace')[-2000:]}")
    figures: dict[str, Any] = json.loads(output.decode().strip().splitlines()[-1])
    return figures
