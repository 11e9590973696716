"""All the work once, with or without faults, and what has come of it."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp
import asyncpg

from chaos import checks, outcome, quiet, stranger
from chaos.client import PatientClient
from chaos.faults import Faults
from chaos.file import File
from chaos.messages import Disorder
from chaos.model import Served
from chaos.pace import Pace
from chaos.probe import Probe
from chaos.recoveries import recoveries
from chaos.stack import SITES, ChaosStack
from chaos.web_site import WebSite
from support.e2e import TENANT, Truth

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Sequence
    from pathlib import Path

    from chaos.options import Options
    from chaos.outcome import Outcome
    from chaos.plan import Plan
    from chaos.schedule import Fault

REST_SECONDS: Final = 90.0
REST_SECONDS_PER_DOCUMENT: Final = 0.05

FIGURES: Final = """
    SELECT count(*) AS jobs, coalesce(sum(reclaims), 0) AS "reclaims", coalesce(sum(retries), 0) AS "retries",
        coalesce(sum(greatest(announcements - 1, 0)), 0) AS "announced again",
        (SELECT count(*) FROM index_batches WHERE state = 'failed') AS "index batches given up",
        (SELECT coalesce(sum(repaired), 0) FROM audit_state) AS "objects repaired",
        (SELECT count(*) FROM sources WHERE status = 'deleted') AS "sources deleted",
        (SELECT count(*) FROM documents) AS "documents left"
    FROM jobs"""


@dataclass
class Figures:
    """What a round was like.

    Attributes:
        seconds: from the first step of the work to the last one, and all faults.
        rest_seconds: until all was quiet then.
        rows: figures from the rows.
        searches: how the probe's searches ended.
        waits: what the user had to repeat.
        odd: answers that nobody should see.
        faults: how many were made, by kind.
        messages: what was done to messages.
        recoveries: what was put right.
    """

    seconds: float = 0.0
    rest_seconds: float = 0.0
    rows: dict[str, Any] = field(default_factory=dict)
    searches: Counter[str] | None = None
    waits: Counter[str] | None = None
    odd: Counter[str] | None = None
    faults: Counter[Any] | None = None
    messages: Counter[str] | None = None
    recoveries: Counter[str] | None = None


class Round:
    """The work, once.

    Args:
        options: the seed, ports and limits.
        plan: the work.
        schedule: the faults; none in the undisturbed round.
        folder: the stack's data directory.
        deadline: of the whole run, by the monotonic clock.
    """

    def __init__(
        self, *, options: Options, plan: Plan, schedule: Sequence[Fault], folder: Path, deadline: float
    ) -> None:
        self._options = options
        self._plan = plan
        self._schedule = schedule
        self._deadline = deadline
        self._disorder = Disorder(options.seed)
        self._stack = ChaosStack(root=folder, base_port=options.base_port, disorder=self._disorder)
        self.figures = Figures()

    async def run(self) -> Outcome:
        """Do it all on a fresh stack, which is gone afterwards; after a failure its data stay.

        Raises:
            BrokenPromiseError: the first one.
        """
        keep = True
        try:
            await self._stack.up()
            self._say(f"{'with faults' if self._schedule else 'undisturbed'}: the stack is up")
            found = await self._work_and_look()
            keep = False
        finally:
            await self._stack.down(keep=keep)
        return found

    async def _work_and_look(self) -> Outcome:
        options = self._options
        async with AsyncExitStack() as life:
            session = await life.enter_async_context(aiohttp.ClientSession())
            postgres = await life.enter_async_context(
                asyncpg.create_pool(self._stack.inner.file.database_url, min_size=0, max_size=3)
            )
            theirs = await stranger.plant(postgres, options.seed)
            urls = self._stack.gateways
            served = Served()
            client = PatientClient(session, urls, deadline=self._deadline)
            probe = Probe(session, urls, served=served, theirs=theirs, seed=options.seed)
            faults = Faults(stack=self._stack, disorder=self._disorder, probe=probe)
            life.push_async_callback(faults.thaw)
            self.figures.searches, self.figures.waits = probe.counts, client.waits
            self.figures.odd, self.figures.faults = client.odd, faults.made
            self.figures.messages = self._disorder.counts
            pace = Pace(options.fault_seconds if self._schedule else 0.0)
            sites = [
                WebSite(
                    plan=each,
                    seed=options.seed,
                    port=options.base_port + SITES,
                    client=client,
                    served=served,
                    pace=pace,
                )
                for each in self._plan.sites
            ]
            for web_site in sites:  # they serve until all is quiet: what failed is tried again
                life.enter_context(web_site.site)
            files = [
                File(plan=each, seed=options.seed, client=client, served=served, pace=pace)
                for each in self._plan.files
            ]
            await self._work([*sites, *files], probe, faults)
            return await self._look(session, postgres, probe)

    async def _work(self, users: Sequence[WebSite | File], probe: Probe, faults: Faults) -> None:
        """All steps of the work, all faults, and searches all along."""
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            searching = group.create_task(probe.run())
            working = [group.create_task(user.live()) for user in users]
            working.append(group.create_task(faults.run(self._schedule)))
            await asyncio.wait(working)
            searching.cancel()
        self.figures.seconds = time.monotonic() - began
        self._say(f"the work is done after {self.figures.seconds:.1f} s")

    async def _look(self, session: aiohttp.ClientSession, postgres: asyncpg.Pool, probe: Probe) -> Outcome:
        truth = Truth(stack=self._stack.inner, session=session, postgres=postgres)
        theirs = Truth(stack=self._stack.inner, session=session, postgres=postgres, tenant=stranger.SLUG)
        longest = REST_SECONDS + REST_SECONDS_PER_DOCUMENT * self._options.documents
        deadline = min(self._deadline, time.monotonic() + longest)
        self.figures.rest_seconds = await quiet.come_to_rest(truth, deadline=deadline)
        self._say(f"quiet after {self.figures.rest_seconds:.1f} s")
        await checks.conserved(truth)
        for each in (truth, theirs):
            await checks.converged(each)
        await checks.nothing_else(truth, {TENANT, stranger.SLUG})
        await probe.everything()
        self.figures.rows = dict((await truth.rows(FIGURES))[0])
        self.figures.recoveries = recoveries(self._stack.inner.layout.logs)
        return await outcome.look(truth)

    def _say(self, what: str) -> None:
        sys.stdout.write(f"{what}\n")
        sys.stdout.flush()
