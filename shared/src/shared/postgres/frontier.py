"""The frontier of a crawl: which pages a run has taken, and the jobs that stand for them.

The rows of ``crawl_pages`` are the frontier. The runs of one source go one after the other, and everything here
happens under the source's lock, so that each page is taken once in a run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.clock import new_id
from shared.postgres.sql import queries
from shared.postgres.transitions import accept_jobs
from shared.states import JobStatus, Reason
from shared.urls import parse_web_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.messages import FoundLink, RefusedLink
    from shared.postgres.database import Connection

#: Links that are not followed are listed up to here for each run, and counted beyond.
REFUSED_KEPT: Final = 2000


@dataclass(slots=True)
class Taken:
    """What is known of pages of one source: read once for a batch of results, kept current by it."""

    source_id: UUID
    run: Record
    owners: dict[str, UUID | None] = field(default_factory=dict)
    known_links: dict[str, list[str]] = field(default_factory=dict)

    def owner_elsewhere(self, key: str, job_id: UUID) -> bool:
        """Whether another job of this run stands for the page."""
        return key in self.owners and self.owners[key] not in {None, job_id}


async def read_taken(connection: Connection, run: Record, keys: Iterable[str]) -> Taken:
    """Read who stands for these pages in this run."""
    taken = Taken(run["source_id"], run)
    await _read(connection, taken, set(keys))
    return taken


async def read_known_links(connection: Connection, taken: Taken, pages: Iterable[str]) -> None:
    """Read as well who stands for the pages that these pages, which were not modified, are known to lead to."""
    links = (parse_web_url(url).key for page in pages for url in taken.known_links.get(page, []))
    await _read(connection, taken, set(links))


async def _read(connection: Connection, taken: Taken, keys: set[str]) -> None:
    if not keys:
        return
    rows = await connection.fetch(queries("crawl_pages")["of_keys"], taken.source_id, sorted(keys))
    for row in rows:
        taken.known_links[row["url_key"]] = row["links"]
        if row["run_id"] == taken.run["id"]:
            taken.owners[row["url_key"]] = row["job_id"]


async def take_pages(
    connection: Connection, taken: Taken, pages: Sequence[tuple[str, str, UUID | None, int, str, str | None]]
) -> None:
    """Write pages ``(key, url, job_id, depth, fate, reason)`` into the frontier of the run."""
    if not pages:
        return
    keys, urls, jobs, depths, fates, reasons = zip(*pages, strict=True)
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


async def add_links(
    connection: Connection, taken: Taken, links: Iterable[tuple[FoundLink, int]], *, max_attempts: int
) -> int:
    """Make jobs for links ``(link, depth)`` that this run has not taken yet, up to its ``max_pages``.

    Args:
        connection: in a transaction that holds the source and the run.
        taken: must have been read with the keys of the links.
        links: in scope, with the depth that their pages have.
        max_attempts: of each new job.

    Returns:
        how many jobs were made.
    """
    fresh: dict[str, tuple[FoundLink, int]] = {}
    for link, depth in links:
        # A page that was only listed as refused (too deep on another path, say) has no job yet.
        if taken.owners.get(link.key) is None:
            fresh.setdefault(link.key, (link, depth))
    run = taken.run
    room = max(0, run["config"].get("max_pages", 1000) - run["total"])
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
    """List links that are not followed, as long as the run's list is not full."""
    rows = [(r if isinstance(r, tuple) else (r.url, r.key, r.reason)) for r in refused]
    rows = [row for row in dict.fromkeys(rows) if row[1] not in taken.owners]
    if not rows:
        return
    kept = await connection.fetchval(
        queries("crawl_pages")["count_refused"], taken.source_id, taken.run["id"]
    )
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
