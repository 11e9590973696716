"""The gateway as a process of its own, under a test's control."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, Self

import aiohttp

from support.client import Client, until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from support.servers import NsqdServer, WeaviateServer

STOP_SECONDS: Final = 40.0

#: Nobody listens there: discard, on loopback.
NOBODY: Final = "127.0.0.1:9"


def environment(
    *,
    database_url: str,
    data_dir: Path,
    nsqd: NsqdServer | None = None,
    weaviate: WeaviateServer | None = None,
) -> dict[str, str]:
    """Where the servers are; those that are left out cannot be reached."""
    return {
        "QUERN_DATABASE_URL": database_url,
        "QUERN_DATA_DIR": str(data_dir),
        "QUERN_NSQD_TCP": nsqd.tcp if nsqd else NOBODY,
        "QUERN_NSQD_HTTP": nsqd.http if nsqd else f"http://{NOBODY}",
        "QUERN_WEAVIATE_URL": weaviate.url if weaviate else f"http://{NOBODY}",
        "QUERN_WEAVIATE_GRPC": weaviate.grpc if weaviate else NOBODY,
        "QUERN_WEAVIATE_API_KEY": weaviate.api_key if weaviate else "",
        "QUERN_CRAWL_ALLOW_NETWORKS": "127.0.0.0/8",
        "QUERN_READINESS_PERIOD_SECONDS": "0.3",
    }


class Gateway:
    """A running gateway.

    Attributes:
        url: of its public port.
        admin_url: of its admin port.
        client: calls it.
    """

    def __init__(self, process: asyncio.subprocess.Process, log: Path) -> None:
        self._process = process
        self._log = log
        self._session = aiohttp.ClientSession()
        self.url = ""
        self.admin_url = ""
        self.client = Client(self._session, "")

    @classmethod
    async def start(cls, log: Path, settings: Mapping[str, str]) -> Self:
        """Start it and wait until it listens."""
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway",
                env={**os.environ, "QUERN_HTTP_PORT": "0", "QUERN_ADMIN_PORT": "0", **settings},
                stdout=output,
                stderr=output,
            )
        gateway = cls(process, log)
        gateway.admin_url = f"http://127.0.0.1:{(await gateway.logged('admin_listening'))['port']}"
        gateway.url = f"http://127.0.0.1:{(await gateway.logged('http_listening'))['port']}"
        gateway.client = Client(gateway._session, gateway.url)
        return gateway

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged; every line is an object."""
        return [json.loads(line) for line in self._log.read_text().splitlines()]

    def raw_log(self) -> str:
        """What it has logged, as text."""
        return self._log.read_text()

    async def logged(self, event: str, **fields: object) -> dict[str, Any]:
        """The first line of that kind, as soon as it is there."""

        async def look() -> dict[str, Any] | None:
            assert self._process.returncode is None, self.raw_log()
            wanted = {"event": event, **fields}
            # The last line may be half written.
            lines = [json.loads(line) for line in self.raw_log().split("\n")[:-1]]
            return next((line for line in lines if wanted.items() <= line.items()), None)

        found: dict[str, Any] = await until(look, f"{event} is logged")
        return found

    async def ready(self) -> None:
        """Wait until /readyz says so."""

        async def look() -> bool:
            return (await self.client.call("GET", "/readyz")).status == 200

        await until(look, "the gateway is ready")

    def terminate(self) -> None:
        """Ask it to stop."""
        self._process.send_signal(signal.SIGTERM)

    async def stop(self) -> int:
        """Stop it as a supervisor does; its exit code."""
        await self._session.close()
        if self._process.returncode is None:
            self.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            return await self._process.wait()

    async def resident_kib(self) -> int:
        """Resident memory."""

        def read() -> int:
            with open(f"/proc/{self.pid}/status", encoding="ascii") as status:  # noqa: PTH123  (a path of the kernel)
                return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

        return await asyncio.to_thread(read)
