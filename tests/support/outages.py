"""An installation behind proxies, with work under way: what outage tests begin with, look at, and end with."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from support import site_fixtures
from support.client import until

if TYPE_CHECKING:
    from collections.abc import Iterable

    from support.client import Client
    from support.e2e import Truth
    from support.proxied import Network
    from support.sites import TestSite

PAGES: Final = 12
HELD: Final = ("/leaf-3.html", "/leaf-4.html")
SERVERS: Final = frozenset({"postgres", "nsqd", "nsqlookupd", "nsqadmin", "weaviate"})
#: What one service may write in one second while something is away; a flood is hundreds.
LINES_PER_SECOND: Final = 25
#: /readyz answers from what is known: it never waits for a dependency.
READYZ_SECONDS: Final = 1.5

ENVIRONMENT: Final = {
    "QUERN_READINESS_PERIOD_SECONDS": "1",
    "QUERN_READINESS_TIMEOUT_SECONDS": "1",
    "QUERN_DATABASE_CONNECT_TIMEOUT_SECONDS": "1.5",
    "QUERN_DATABASE_ACQUIRE_TIMEOUT_SECONDS": "1.5",
    "QUERN_STATEMENT_TIMEOUT_SECONDS": "2",
    "QUERN_HTTP_DATABASE_SECONDS": "3",
    "QUERN_NSQ_HEARTBEAT_SECONDS": "2",
    "QUERN_NSQ_CONNECT_TIMEOUT_SECONDS": "1.5",
    "QUERN_PUBLISH_TIMEOUT_SECONDS": "1.5",
    "QUERN_WEAVIATE_QUERY_TIMEOUT_SECONDS": "1.5",
    "QUERN_WEAVIATE_INSERT_TIMEOUT_SECONDS": "3",
    "QUERN_MSG_TIMEOUT_SECONDS": "12",
    "QUERN_PAGE_TIMEOUT_SECONDS": "8",
    "QUERN_REQUEUE_MAX_SECONDS": "3",
}


@dataclass(frozen=True, slots=True)
class Work:
    """What was under way when the outage began."""

    source_id: str
    run_id: str


class Installation:
    """A stack whose services go through proxies.

    Args:
        quern: its API.
        truth: its servers, past the proxies.
        network: the proxies.
    """

    def __init__(self, *, quern: Client, truth: Truth, network: Network) -> None:
        self.quern = quern
        self.truth = truth
        self.network = network

    # The beginning

    async def begin(self, site: TestSite) -> Work:
        """A crawl with two pages that are being fetched until :func:`release`."""
        site_fixtures.wide(site, PAGES)
        for path in HELD:
            site.hold(path)
        source_id, run_id = await self.quern.add_site(site.url("/"))
        for path in HELD:
            await asyncio.to_thread(site.wait_for_hits, path)
        return Work(source_id, run_id)

    # What is seen meanwhile

    @property
    def services(self) -> dict[str, int]:
        """The admin ports of all services by name."""
        return {
            process.name: process.admin_port
            for process in self.truth.stack.file.processes
            if process.admin_port is not None
        }

    def pids(self) -> dict[str, int]:
        """The pids of all services."""
        return {name: pid for name, pid in self.truth.stack.pids.items() if name not in SERVERS}

    async def readyz(self, name: str) -> tuple[int, dict[str, Any]]:
        """Status and body of a service's /readyz, which must not keep anybody waiting."""
        started = time.monotonic()
        status, text = await self._get(name, "/readyz")
        assert time.monotonic() - started < READYZ_SECONDS, f"/readyz of {name} hangs"
        return status, json.loads(text)

    async def alive(self) -> None:
        """Wait until every service has started and answers."""
        for name in self.services:

            async def answers(name: str = name) -> bool:
                try:
                    return (await self._get(name, "/healthz"))[0] == 200
                except aiohttp.ClientConnectionError:
                    return False

            await until(answers, f"{name} has started")

    async def unready(self, names: Iterable[str], dependency: str) -> None:
        """Wait until these services say that they are not ready, and why; alive they are all along."""
        for name in names:

            async def says_so(name: str = name) -> bool:
                status, body = await self.readyz(name)
                state = body["dependencies"][dependency]
                return status == 503 and state["status"] != "up" and bool(state["detail"])

            await until(says_so, f"/readyz of {name} is 503 because of {dependency}", seconds=15)
            assert (await self._get(name, "/healthz"))[0] == 200

    async def ready(self) -> None:
        """Wait until every service is ready again."""
        await self.alive()
        for name in self.services:

            async def says_so(name: str = name) -> bool:
                return (await self.readyz(name))[0] == 200

            await until(says_so, f"{name} is ready again", seconds=30)

    async def gauge(self, name: str, metric: str, dependency: str) -> float:
        """A gauge of one dependency, as one service shows it."""
        _, text = await self._get(name, "/metrics")
        prefix = f'{metric}{{dependency="{dependency}"}} '
        return next(float(line.removeprefix(prefix)) for line in text.splitlines() if line.startswith(prefix))

    async def waits_for(self, run_id: str, reason: str) -> None:
        """Wait until a run says that it waits for this."""

        async def says_so() -> bool:
            return bool((await self.quern.run(run_id))["waiting_for"] == reason)

        await until(says_so, f"the run waits for {reason}", seconds=15)

    async def _get(self, name: str, path: str) -> tuple[int, str]:
        url = f"http://127.0.0.1:{self.services[name]}{path}"
        async with aiohttp.ClientSession() as session, session.get(url) as response:
            return response.status, await response.text()

    # The end

    async def undisturbed(self, work: Work, pids: dict[str, int], *uploads: str) -> None:
        """Everything went on by itself: no process died, no attempt was spent, nothing is lost."""
        run = await self.quern.succeeded(work.run_id, seconds=60)
        assert run["progress"]["succeeded"] == run["progress"]["total"] == PAGES + 1, run
        for upload in uploads:
            await self.quern.succeeded(upload, seconds=60)
        await self.ready()
        assert self.pids() == pids, "a service died"
        spent = await self.truth.rows(
            "SELECT id, attempt, status, error FROM jobs WHERE (attempt > 1 OR status = 'failed') AND root_id = ANY ($1)",
            [work.run_id, *uploads],
        )
        assert not spent, spent
        await self.truth.converged()

    def calm(self, since: datetime) -> None:
        """No service flooded its log since then, none logged a mistake, and each change is told once."""
        for name in self.services:
            lines = [line for line in self.truth.log_lines(name) if at(line) >= since]
            errors = [line for line in lines if line["level"] in {"error", "critical"}]
            assert not errors, (name, errors[:3])
            told = [line for line in lines if line.get("event") != "request"]
            seconds = Counter(line["ts"][:19] for line in told)
            worst = max(seconds.values(), default=0)
            assert worst <= LINES_PER_SECOND, (name, worst, Counter(line["event"] for line in told))


def at(line: dict[str, Any]) -> datetime:
    """When a line was logged."""
    return datetime.fromisoformat(line["ts"])


def release(site: TestSite) -> None:
    """Let the pages that were held be fetched."""
    for path in HELD:
        site.release(path)
