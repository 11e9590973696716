"""The frontier of a crawl: which pages a run has taken, and the jobs that stand for them.

The rows of ``crawl_pages`` are the frontier. The runs of one source go one after the other, and everything here
happens under the source's lock, so that each page is taken once in a run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.clock import new_id
from shared.contracts.messages import FoundLink
from shared.postgres.sql import queries
from shared.postgres.transitions import accept_jobs
from shared.states import JobStatus, Reason
from shared.urls import parse_web_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.messages import RefusedLink
    from shared.postgres.database import Connection

#: Links that are not followed are listed up to here for each source, and only counted beyond.
REFUSED_KEPT: Final = 2000


@dataclass(slots=True)
class Taken:
    """What is known of pages of one source: read once for a batch of results, kept current by it.

    Attributes:
        source_id: whose pages.
        run: the run's row, as locked.
        overtaken: a newer run of the source was accepted: this one adds no pages and writes over none.
        owners: the job of this run that stands for a page, by key.
        fallen: pages whose job ended without content: another may stand for them.
        depths: of the pages of this run.
        seen: pages of which all this has been read.
        known_links: where pages lead to, as last fetched; read when it is needed.
        grown: pages that were added since ``run`` was read.
    """

    source_id: UUID
    run: Record
    overtaken: bool = False
    owners: dict[str, UUID | None] = field(default_factory=dict)
    fallen: set[str] = field(default_factory=set)
    depths: dict[str, int] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)
    known_links: dict[str, list[str]] = field(default_factory=dict)
    grown: int = 0

    def owner_elsewhere(self, key: str, job_id: UUID) -> bool:
        """Whether another job of this run stands for the page."""
        return self.owners.get(key) not in {None, job_id} and key not in self.fallen


async def read_taken(connection: Connection, run: Record, keys: Iterable[str], *, overtaken: bool) -> Taken:
    """Read who stands for these pages in this run."""
    taken = Taken(run["source_id"], run, overtaken=overtaken)
    await _read(connection, taken, set(keys))
    return taken


async def read_known_links(connection: Connection, taken: Taken, pages: Iterable[str]) -> None:
    """Read where these pages, which were not modified, are known to lead to, and who stands for those pages."""
    pages = list(pages)
    await _read_links(connection, taken, pages)
    links = (parse_web_url(url).key for page in pages for url in taken.known_links.get(page, []))
    await _read(connection, taken, set(links))


async def _read(connection: Connection, taken: Taken, keys: set[str]) -> None:
    if not keys:
        return
    rows = await connection.fetch(queries("crawl_pages")["of_keys"], taken.source_id, sorted(keys))
    taken.seen |= keys
    for row in rows:
        key = row["url_key"]
        if row["run_id"] == taken.run["id"]:
            taken.owners[key] = row["job_id"]
            taken.depths[key] = row["depth"]
            if row["fallen"]:
                taken.fallen.add(key)


async def _read_links(connection: Connection, taken: Taken, keys: Iterable[str]) -> None:
    wanted = sorted({key for key in keys if key not in taken.known_links})
    if wanted:
        rows = await connection.fetch(queries("crawl_pages")["links"], taken.source_id, wanted)
        taken.known_links.update((row["url_key"], row["links"]) for row in rows)


async def take_pages(
    connection: Connection, taken: Taken, pages: Sequence[tuple[str, str, UUID | None, int, str, str | None]]
) -> None:
    """Write pages ``(key, url, job_id, depth, fate, reason)`` into the frontier of the run."""
    if not pages or taken.overtaken:
        return
    # A page that comes twice (in two parts of one result) is written once.
    once = {page[0]: page for page in pages}
    keys, urls, jobs, depths, fates, reasons = zip(*once.values(), strict=True)
    await connection.execute(
        queries("crawl_pages")["register"],
        taken.source_id,
        taken.run["tenant_id"],
        taken.run["id"],
        list(keys),
        list(urls),
        list(jobs),
        list(depths),
        list(fates),
        list(reasons),
    )
    taken.owners.update(zip(keys, jobs, strict=True))
    taken.depths.update(zip(keys, depths, strict=True))
    taken.fallen.difference_update(keys)


async def follow(
    connection: Connection,
    taken: Taken,
    links: Iterable[tuple[FoundLink, int]],
    *,
    deepest: int,
    max_attempts: int,
) -> int:
    """Make jobs for links ``(link, depth)`` that this run has not taken yet, up to its ``max_pages``.

    A page that is found again on a shorter path becomes less deep, and so do the pages that it leads to: which pages
    a run reaches does not depend on which of two paths was faster.

    Args:
        connection: in a transaction that holds the source and the run.
        taken: must have been read with the keys of the links.
        links: in scope, with the depth that their pages have, none deeper than ``deepest``.
        deepest: the run's ``max_depth``.
        max_attempts: of each new job.

    Returns:
        how many jobs were made.
    """
    waiting = list(links)
    made = 0
    # Depths only fall, so this ends.
    while waiting:
        lower: dict[str, int] = {}
        for link, depth in waiting:
            if taken.owners.get(link.key) and depth < taken.depths[link.key]:
                lower[link.key] = min(depth, lower.get(link.key, depth))
        made += await _add_links(connection, taken, waiting, max_attempts)
        waiting = await _lower(connection, taken, lower, deepest)
    return made


async def _lower(
    connection: Connection, taken: Taken, lower: dict[str, int], deepest: int
) -> list[tuple[FoundLink, int]]:
    if not lower:
        return []
    keys, depths = list(lower), list(lower.values())
    await connection.execute(queries("jobs")["lower_pages"], [taken.owners[key] for key in keys], depths)
    await connection.execute(queries("crawl_pages")["lower"], taken.source_id, keys, depths)
    taken.depths.update(lower)
    leading = {key: depth for key, depth in lower.items() if depth < deepest}
    await _read_links(connection, taken, leading)
    further = []
    for key, depth in leading.items():
        urls = map(parse_web_url, taken.known_links.get(key, []))
        further += [(FoundLink(url.href, url.key, url.host_key), depth + 1) for url in urls]
    await _read(connection, taken, {link.key for link, _ in further} - taken.seen)
    return further


async def _add_links(
    connection: Connection, taken: Taken, links: Iterable[tuple[FoundLink, int]], max_attempts: int
) -> int:
    fresh: dict[str, tuple[FoundLink, int]] = {}
    for link, depth in links:
        # A page that was only listed as refused (too deep on another path, say) has no job yet.
        if taken.owners.get(link.key) is None:
            fresh.setdefault(link.key, (link, depth))
    run = taken.run
    room = max(0, run["config"].get("max_pages", 1000) - run["total"] - taken.grown)
    entries = list(fresh.values())
    accepted = [(new_id(), link, depth) for link, depth in entries[:room]]
    beyond = entries[room:]
    await take_pages(
        connection,
        taken,
        [(link.key, link.url, key, depth, JobStatus.QUEUED, None) for key, link, depth in accepted],
    )
    if beyond:
        await _note_beyond(connection, taken, beyond)
    if accepted:
        await _add_jobs(connection, run, accepted, max_attempts)
        taken.grown += len(accepted)
    return len(accepted)


async def _add_jobs(
    connection: Connection, run: Record, accepted: Sequence[tuple[UUID, FoundLink, int]], max_attempts: int
) -> None:
    def payload(link: FoundLink, depth: int) -> dict[str, Any]:
        return {
            "url": link.url,
            "depth": depth,
            "source_id": str(run["source_id"]),
            "run_id": str(run["id"]),
        }

    await connection.execute(
        queries("jobs")["add_pages"],
        run["tenant_id"],
        run["id"],
        run["source_id"],
        max_attempts,
        run["request_id"],
        [key for key, _, _ in accepted],
        [link.host for _, link, _ in accepted],
        [link.key for _, link, _ in accepted],
        [depth for _, _, depth in accepted],
        [payload(link, depth) for _, link, depth in accepted],
    )
    await connection.execute(queries("jobs")["grow_run"], run["id"], len(accepted))
    await accept_jobs(connection, run["tenant_id"], len(accepted))


async def _note_beyond(connection: Connection, taken: Taken, beyond: Sequence[tuple[FoundLink, int]]) -> None:
    # The run does not reach everything, so it may not retire what it did not reach.
    await connection.execute(queries("jobs")["note_run"], taken.run["id"], {"truncated": True}, {})
    refused = [(link.url, link.key, Reason.MAX_PAGES.value) for link, _ in beyond]
    await note_refused(connection, taken, refused, depth=beyond[0][1])


async def note_refused(
    connection: Connection,
    taken: Taken,
    refused: Sequence[RefusedLink] | Sequence[tuple[str, str, str]],
    *,
    depth: int,
) -> None:
    """List links that are not followed, as long as the source's list is not full."""
    rows = [(r if isinstance(r, tuple) else (r.url, r.key, r.reason)) for r in refused]
    rows = [row for row in dict.fromkeys(rows) if row[1] not in taken.owners]
    if not rows:
        return
    kept = await connection.fetchval(queries("crawl_pages")["count_refused"], taken.source_id, REFUSED_KEPT)
    rows = rows[: max(0, REFUSED_KEPT - kept)]
    await connection.execute(
        queries("crawl_pages")["note_refused"],
        taken.source_id,
        taken.run["tenant_id"],
        taken.run["id"],
        depth,
        [key for _, key, _ in rows],
        [url for url, _, _ in rows],
        [reason for _, _, reason in rows],
    )
