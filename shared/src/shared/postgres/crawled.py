"""The pages' side of a batch of results: who stands for which page, where it leads to, how its fetch went."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from shared.contracts.messages import FoundLink, RefusedLink
from shared.ids import version_id
from shared.postgres.frontier import (
    Taken,
    follow,
    note_refused,
    read_known_links,
    read_taken,
    take_pages,
)
from shared.postgres.result_facts import ResultFacts, is_itself
from shared.postgres.sql import json_text, queries
from shared.states import Handler, JobStatus, Reason
from shared.urls import parse_web_url
from shared.verdicts import Skip, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from shared.contracts.messages import PageReport, ResultMessage
    from shared.postgres.database import Connection


class CrawledPages:
    """What a batch of results does to the frontiers of its runs; ``taken`` is by run."""

    def __init__(self, connection: Connection, facts: ResultFacts, *, max_attempts: int) -> None:
        self.taken: dict[UUID, Taken] = {}
        self._connection = connection
        self._facts = facts
        self._max_attempts = max_attempts

    async def read(self, messages: Sequence[ResultMessage]) -> None:
        """Read what is known of the pages and their links, and enter seeds."""
        keys: dict[UUID, set[str]] = defaultdict(set)
        for message in messages:
            if message.handler == Handler.WEB:
                wanted = keys[self._facts.run(message)["id"]]
                wanted.update({self._facts.job(message)["url_key"], self._facts.key(message)})
                if message.page:
                    wanted.add(message.page.final_key)
                    wanted.update(link.key for link in message.page.links)
        newest = await self._newest_crawls(keys)
        for run_id, wanted in keys.items():
            run = self._facts.family.roots[run_id]
            overtaken = newest.get(run["source_id"], run["seq"]) > run["seq"]
            taken = await read_taken(self._connection, run, wanted, overtaken=overtaken)
            unchanged = [
                self._facts.job(m)["url_key"]
                for m in messages
                if m.page is not None and m.page.not_modified and self._facts.run(m)["id"] == run_id
            ]
            await read_known_links(self._connection, taken, unchanged)
            self.taken[run_id] = taken
            await self._enter_seeds(taken, messages)

    async def _newest_crawls(self, run_ids: Iterable[UUID]) -> dict[UUID, int]:
        sources = sorted({self._facts.family.roots[run_id]["source_id"] for run_id in run_ids})
        rows = await self._connection.fetch(queries("jobs")["newest_crawls"], sources) if sources else []
        return {row["source_id"]: row["seq"] for row in rows}

    async def _enter_seeds(self, taken: Taken, messages: Sequence[ResultMessage]) -> None:
        """The seed enters the frontier with its result: before that, an earlier run may still own the page."""
        seeds = [
            m
            for m in messages
            if self._facts.run(m)["id"] == taken.run["id"] and self._facts.job(m)["is_seed"]
        ]
        await take_pages(
            self._connection,
            taken,
            [
                (
                    job["url_key"],
                    job["payload"].get("url", job["url_key"]),
                    job["id"],
                    0,
                    JobStatus.RUNNING,
                    None,
                )
                for job in (self._facts.job(m) for m in seeds)
            ],
        )

    async def take_final_page(self, message: ResultMessage, page: PageReport) -> None:
        """A redirect or canonical link led to a page that no other job stands for (any more): this one does."""
        taken, job = self.taken[self._facts.job(message)["root_id"]], self._facts.job(message)
        pages = {
            (page.final_key, page.final_url),
            (self._facts.key(message), page.canonical_url or page.final_url),
        }
        await take_pages(
            self._connection,
            taken,
            [
                (key, url, job["id"], job["depth"], JobStatus.RUNNING, None)
                for key, url in sorted(pages)
                if taken.owners.get(key) is None
                or (key in taken.fallen and taken.owners[key] != message.job_id)
            ],
        )
        if job["is_seed"] and page.moved_permanently:
            await self._connection.execute(
                queries("jobs")["note_run"], taken.run["id"], {}, {"scope_url": page.final_url}
            )

    async def follow_links(self, verdicts: Sequence[tuple[ResultMessage, Verdict]]) -> int:
        """Make jobs for links that are new to their run; returns how many."""
        discovered = 0
        for taken in self.taken.values():
            if taken.overtaken:
                continue
            deepest = taken.run["config"].get("max_depth", 2)
            links: list[tuple[FoundLink, int]] = []
            for message, _ in verdicts:
                if message.page is None or self._facts.run(message)["id"] != taken.run["id"]:
                    continue
                depth = self._facts.job(message)["depth"] + 1
                found, refused = self._links(message, taken), message.page.refused
                if depth <= deepest:
                    links.extend((link, depth) for link in found)
                else:
                    refused = refused + [RefusedLink(link.url, link.key, Reason.DEPTH) for link in found]
                await note_refused(self._connection, taken, refused, depth=depth)
            if links:
                discovered += await follow(
                    self._connection, taken, links, deepest=deepest, max_attempts=self._max_attempts
                )
        return discovered

    def _links(self, message: ResultMessage, taken: Taken) -> list[FoundLink]:
        """Its links; of a page that was not modified those that the rows know from the last time."""
        page = message.page
        if page is None or not page.not_modified:
            return page.links if page else []
        # The site's lists (sitemap, llms.txt) were read all the same.
        known = taken.known_links.get(self._facts.job(message)["url_key"], [])
        again = [FoundLink(url.href, url.key, url.host_key) for url in map(parse_web_url, known)]
        return page.links + again

    async def note_fetches(self, verdicts: Sequence[tuple[ResultMessage, Verdict]]) -> None:
        """Write down how the fetches went."""
        rows: dict[tuple[UUID, str], tuple[Any, ...]] = {}
        links: dict[tuple[UUID, str], list[str]] = defaultdict(list)
        for message, verdict in verdicts:
            page = message.page
            if page is None:
                continue
            job = self._facts.job(message)
            # Validators say "what is served is current": only of a page that was found unchanged, and that answered
            # itself. Those of new content follow when it is served.
            current = isinstance(verdict, Skip) and verdict.reason == Reason.UNCHANGED and is_itself(page)
            for key in {job["url_key"], self._facts.key(message)}:
                at = (job["source_id"], key)
                links[at] += [link.url for link in page.links]
                rows[at] = (
                    *at,
                    self._facts.document(message),
                    page.http_status,
                    not current,
                    page.etag,
                    page.last_modified,
                    # Parts of one result, which come in one batch or several, add up.
                    None if page.not_modified else json_text(links[at]),
                    version_id(message.job_id, message.epoch),
                )
        if rows:
            columns = (list(column) for column in zip(*(rows[at] for at in sorted(rows)), strict=True))
            await self._connection.execute(queries("crawl_pages")["fetched"], *columns)
