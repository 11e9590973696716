"""Storing what the workers delivered: one transaction for a batch of results."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.contracts.messages import FoundLink, RefusedLink
from shared.ids import document_id, version_id
from shared.postgres.frontier import (
    Taken,
    follow,
    note_refused,
    read_known_links,
    read_taken,
    take_pages,
)
from shared.postgres.locks import Family, lock_documents, lock_family
from shared.postgres.sql import json_text, queries
from shared.postgres.staging import Staged, add_parts, stage
from shared.postgres.transitions import Ending, add_log_lines, finish_jobs, retire_documents
from shared.states import Handler, JobStatus, Reason
from shared.states import Stage as JobStage
from shared.urls import parse_web_url
from shared.verdicts import (
    RETIRING,
    Again,
    ContentFacts,
    Fail,
    JobFacts,
    Keep,
    Late,
    Skip,
    Verdict,
    is_late,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.messages import PageReport, ResultMessage
    from shared.postgres.database import Connection, Database
    from shared.retry import RetryPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a batch: jobs by id.

    Attributes:
        indexing: complete and staged; the caller owns them and goes on with indexing.
        discovered: pages that were registered.
        late: results that came too late and were dropped.
        endings: jobs that ended, with their terminal state and error code.
        again: jobs that are queued for another attempt, with the error code.
    """

    indexing: list[UUID] = field(default_factory=list)
    discovered: int = 0
    late: list[UUID] = field(default_factory=list)
    endings: list[tuple[UUID, str, str, str | None]] = field(default_factory=list)
    again: list[tuple[UUID, str]] = field(default_factory=list)


def _facts(family: Family, job: Record | None) -> JobFacts | None:
    if job is None:
        return None
    return JobFacts(
        status=JobStatus(job["status"]),
        stage=JobStage(job["stage"]) if job["stage"] else None,
        epoch=job["epoch"],
        attempt=job["attempt"],
        max_attempts=job["max_attempts"],
        retries=job["retries"],
        # A file is the only page of its run.
        is_seed=job["is_seed"] or job["handler"] == Handler.FILE,
        source_is_live=family.source_is_live(job),
        run_seq=family.roots[job["root_id"]]["seq"],
    )


class _Batch:
    """One transaction over a batch of results."""

    def __init__(
        self,
        connection: Connection,
        messages: Sequence[ResultMessage],
        *,
        consumer_id: UUID,
        policy: RetryPolicy,
        max_attempts: int,
        jitter: Callable[[], float],
    ) -> None:
        self._connection = connection
        # A message may come twice in one batch.
        self._messages = list({(m.job_id, m.epoch, m.part): m for m in messages}.values())
        self._consumer_id = consumer_id
        self._policy = policy
        self._max_attempts = max_attempts
        self._jitter = jitter
        self._family = Family({}, {}, {})
        self._taken: dict[UUID, Taken] = {}
        self._verdicts: list[tuple[ResultMessage, Verdict]] = []
        self._staged: list[Staged] = []
        self._discovered = 0

    async def store(self) -> Stored:
        """Do all of it."""
        jobs = [m.job_id for m in self._messages]
        holders = await self._connection.fetch(queries("document_versions")["sources_of_uploads"], jobs)
        self._family = await lock_family(
            self._connection, jobs, also_sources=(row["source_id"] for row in holders)
        )
        fresh = [m for m in self._messages if not is_late(m, self._job_facts(m))]
        late = [m.job_id for m in self._messages if is_late(m, self._job_facts(m))]
        await self._read_frontiers(fresh)
        documents = await lock_documents(
            self._connection, [self._document(m) for m in fresh if m.failure is None]
        )
        for message in fresh:
            await self._judge(message, documents)
        await self._follow_links()
        await self._note_fetches()
        indexing = await self._stage()
        ended, again = await self._end()
        await self._log(indexing)
        return Stored(
            indexing=indexing,
            discovered=self._discovered,
            late=late,
            endings=[(row["id"], row["type"], row["status"], row["error_code"]) for row in ended],
            again=again,
        )

    def _job_facts(self, message: ResultMessage) -> JobFacts | None:
        return _facts(self._family, self._family.jobs.get(message.job_id))

    def _job(self, message: ResultMessage) -> Record:
        return self._family.jobs[message.job_id]

    def _run(self, message: ResultMessage) -> Record:
        return self._family.roots[self._job(message)["root_id"]]

    def _key(self, message: ResultMessage) -> str:
        """The identity of the page that it turned out to be."""
        if message.page is None:
            return str(self._job(message)["url_key"])
        return message.page.canonical_key or message.page.final_key

    def _document(self, message: ResultMessage) -> UUID:
        job = self._job(message)
        if message.handler == Handler.FILE:
            found: UUID = job["document_id"]
            return found
        return document_id(job["source_id"], self._key(message))

    async def _read_frontiers(self, messages: Sequence[ResultMessage]) -> None:
        keys: dict[UUID, set[str]] = defaultdict(set)
        for message in messages:
            if message.handler == Handler.WEB:
                wanted = keys[self._run(message)["id"]]
                wanted.update({self._job(message)["url_key"], self._key(message)})
                if message.page:
                    wanted.add(message.page.final_key)
                    wanted.update(link.key for link in message.page.links)
        newest = await self._newest_crawls(keys)
        for run_id, wanted in keys.items():
            run = self._family.roots[run_id]
            overtaken = newest.get(run["source_id"], run["seq"]) > run["seq"]
            taken = await read_taken(self._connection, run, wanted, overtaken=overtaken)
            unchanged = [
                self._job(m)["url_key"]
                for m in messages
                if m.page is not None and m.page.not_modified and self._run(m)["id"] == run_id
            ]
            await read_known_links(self._connection, taken, unchanged)
            self._taken[run_id] = taken
            await self._enter_seeds(taken, messages)

    async def _newest_crawls(self, run_ids: Iterable[UUID]) -> dict[UUID, int]:
        sources = sorted({self._family.roots[run_id]["source_id"] for run_id in run_ids})
        rows = await self._connection.fetch(queries("jobs")["newest_crawls"], sources) if sources else []
        return {row["source_id"]: row["seq"] for row in rows}

    async def _enter_seeds(self, taken: Taken, messages: Sequence[ResultMessage]) -> None:
        """The seed enters the frontier with its result: before that, an earlier run may still own the page."""
        seeds = [m for m in messages if self._run(m)["id"] == taken.run["id"] and self._job(m)["is_seed"]]
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
                for job in (self._job(m) for m in seeds)
            ],
        )

    async def _judge(self, message: ResultMessage, documents: dict[UUID, Record]) -> None:
        job, facts = self._job(message), self._job_facts(message)
        content = ContentFacts()
        if message.failure is None:
            content = await self._content_facts(message, documents)
        verdict = judge(message, facts, content, self._policy, jitter=self._jitter())
        self._verdicts.append((message, verdict))
        if isinstance(verdict, Skip) and verdict.reason in RETIRING and message.handler == Handler.WEB:
            # Pages that name each other as canonical shall not both end here.
            self._taken[job["root_id"]].fallen.add(job["url_key"])
        if isinstance(verdict, Keep):
            self._staged.append(self._to_stage(message, job))
        if message.page is not None and not isinstance(verdict, Late) and not content.owner_elsewhere:
            await self._take_final_page(message, message.page)

    async def _content_facts(self, message: ResultMessage, documents: dict[UUID, Record]) -> ContentFacts:
        job = self._job(message)
        active = documents.get(self._document(message))
        duplicate = None
        if message.handler == Handler.FILE:
            group = self._family.sources[job["source_id"]]["group_id"]
            row = await self._connection.fetchrow(
                queries("document_versions")["active_with_hash"],
                job["tenant_id"],
                job["bytes_sha256"],
                group,
                job["id"],
            )
            # Only of a source that is locked here: what is said of another may be over in the next moment.
            duplicate = row["document_id"] if row and row["source_id"] in self._family.sources else None
        taken = self._taken.get(job["root_id"])
        return ContentFacts(
            active_hash=active["content_hash"] if active else None,
            active_run_seq=active["run_seq"] if active else None,
            duplicate_of=duplicate,
            owner_elsewhere=taken is not None
            and message.page is not None
            and taken.owner_elsewhere(self._key(message), message.job_id),
        )

    def _to_stage(self, message: ResultMessage, job: Record) -> Staged:
        file = message.handler == Handler.FILE
        page = message.page
        return Staged(
            message=message,
            job=job,
            run_seq=self._run(message)["seq"],
            document_id=self._document(message),
            source_uri=f"upload://sha256:{job['bytes_sha256']}" if file else self._key(message),
            url=(page.canonical_url or page.final_url) if page else None,
        )

    async def _take_final_page(self, message: ResultMessage, page: PageReport) -> None:
        """A redirect or canonical link led to a page that no other job stands for: this one does."""
        taken, job = self._taken[self._job(message)["root_id"]], self._job(message)
        pages = {(page.final_key, page.final_url), (self._key(message), page.canonical_url or page.final_url)}
        await take_pages(
            self._connection,
            taken,
            [
                (key, url, job["id"], job["depth"], JobStatus.RUNNING, None)
                for key, url in sorted(pages)
                if taken.owners.get(key) is None
            ],
        )
        if job["is_seed"] and page.moved_permanently:
            await self._connection.execute(
                queries("jobs")["note_run"], taken.run["id"], {}, {"scope_url": page.final_url}
            )

    async def _follow_links(self) -> None:
        for taken in self._taken.values():
            if taken.overtaken:
                continue
            deepest = taken.run["config"].get("max_depth", 2)
            links: list[tuple[FoundLink, int]] = []
            for message, _ in self._verdicts:
                if message.page is None or self._run(message)["id"] != taken.run["id"]:
                    continue
                depth = self._job(message)["depth"] + 1
                found, refused = self._links(message, taken), message.page.refused
                if depth <= deepest:
                    links.extend((link, depth) for link in found)
                else:
                    refused = refused + [RefusedLink(link.url, link.key, Reason.DEPTH) for link in found]
                await note_refused(self._connection, taken, refused, depth=depth)
            if links:
                self._discovered += await follow(
                    self._connection, taken, links, deepest=deepest, max_attempts=self._max_attempts
                )

    def _links(self, message: ResultMessage, taken: Taken) -> list[FoundLink]:
        """Its links; of a page that was not modified those that the rows know from the last time."""
        page = message.page
        if page is None or not page.not_modified:
            return page.links if page else []
        # The site's lists (sitemap, llms.txt) were read all the same.
        known = taken.known_links.get(self._job(message)["url_key"], [])
        again = [FoundLink(url.href, url.key, url.host_key) for url in map(parse_web_url, known)]
        return page.links + again

    async def _note_fetches(self) -> None:
        rows: dict[tuple[UUID, str], tuple[Any, ...]] = {}
        links: dict[tuple[UUID, str], list[str]] = defaultdict(list)
        for message, verdict in self._verdicts:
            page = message.page
            if page is None:
                continue
            job = self._job(message)
            # Validators say "what is served is current": only of a page that was found unchanged, and that answered
            # itself. Those of new content follow when it is served.
            current = isinstance(verdict, Skip) and verdict.reason == Reason.UNCHANGED and _is_itself(page)
            for key in {job["url_key"], self._key(message)}:
                at = (job["source_id"], key)
                links[at] += [link.url for link in page.links]
                rows[at] = (
                    *at,
                    self._document(message),
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

    async def _stage(self) -> list[UUID]:
        if not self._staged:
            return []
        complete = set(await stage(self._connection, self._staged))
        done = {s.message.job_id: s for s in self._staged if s.message.job_id in complete}
        if done:
            await self._connection.execute(
                queries("jobs")["to_indexing"],
                self._consumer_id,
                list(done),
                [s.version_id for s in done.values()],
                [s.document_id for s in done.values()],
                [_stats(s.message) for s in done.values()],
            )
        return list(done)

    async def _waiting_for_parts(self) -> set[UUID]:
        """Jobs that end without content once all their parts are here: until then their links still come."""
        several = [m for m, v in self._verdicts if isinstance(v, Skip) and m.parts > 1]
        if not several:
            return set()
        complete = await add_parts(self._connection, several)
        await self._connection.execute(queries("result_parts")["drop"], complete)
        return {m.job_id for m in several} - set(complete)

    async def _end(self) -> tuple[list[Record], list[tuple[UUID, str]]]:
        endings: list[Ending] = []
        again: list[tuple[UUID, Again]] = []
        incomplete = await self._waiting_for_parts()
        for message, verdict in self._verdicts:
            if message.job_id in incomplete:
                continue
            match verdict:
                case Skip(reason, duplicate_of):
                    endings.append(
                        Ending(
                            job_id=message.job_id,
                            status=JobStatus.SKIPPED,
                            reason=reason,
                            duplicate_of=duplicate_of,
                            http_status=_http_status(message),
                            stats=_stats(message),
                        )
                    )
                case Fail(failure, dead_retry_after_seconds):
                    endings.append(
                        Ending(
                            job_id=message.job_id,
                            status=JobStatus.FAILED,
                            error_code=failure.code,
                            error=failure.sentence,
                            http_status=failure.http_status,
                            stats=_stats(message),
                            retryable=failure.retryable,
                            dead_retry_after_seconds=dead_retry_after_seconds,
                        )
                    )
                case Again():
                    again.append((message.job_id, verdict))
                case Keep() | Late():
                    pass
        await self._try_again(again)
        ended = await finish_jobs(self._connection, endings)
        await self._retire_skipped()
        await self._drop_empty_sources(endings)
        return ended, [(key, verdict.failure.code.value) for key, verdict in again]

    async def _try_again(self, again: Sequence[tuple[UUID, Again]]) -> None:
        if again:
            await self._connection.execute(
                queries("jobs")["try_again"],
                [key for key, _ in again],
                [1 for _ in again],
                [0 for _ in again],
                [verdict.after_seconds for _, verdict in again],
                [verdict.failure.code.value for _, verdict in again],
                [verdict.failure.sentence for _, verdict in again],
                [verdict.failure.http_status for _, verdict in again],
            )

    async def _retire_skipped(self) -> None:
        gone: dict[UUID, set[UUID]] = defaultdict(set)
        for message, verdict in self._verdicts:
            if isinstance(verdict, Skip) and verdict.reason in RETIRING and message.handler == Handler.WEB:
                job = self._job(message)
                gone[job["source_id"]].add(document_id(job["source_id"], job["url_key"]))
        for source_id, documents in gone.items():
            known = await lock_documents(self._connection, documents)
            served = sorted(key for key, row in known.items() if row["version_id"])
            if served:
                await retire_documents(self._connection, [source_id], served)

    async def _drop_empty_sources(self, endings: Sequence[Ending]) -> None:
        twins = {self._family.jobs[e.job_id]["source_id"] for e in endings if e.reason == Reason.DUPLICATE}
        if twins:
            dropped = await self._connection.fetch(queries("sources")["drop_empty"], sorted(twins))
            await self._connection.execute(
                queries("documents")["drop_of_sources"], [row["id"] for row in dropped]
            )

    async def _log(self, indexing: Sequence[UUID]) -> None:
        lines: list[tuple[UUID, str, str, dict[str, Any]]] = []
        for message, verdict in self._verdicts:
            lines.extend((message.job_id, line.level, line.message, line.fields) for line in message.logs)
            if message.part > 0:
                continue
            if isinstance(verdict, Again):
                fields = {
                    "error_code": verdict.failure.code,
                    "after_seconds": round(verdict.after_seconds, 1),
                }
                lines.append((message.job_id, "warning", verdict.failure.sentence, fields))
            elif isinstance(verdict, Fail):
                fields = {"error_code": verdict.failure.code}
                lines.append((message.job_id, "error", verdict.failure.sentence, fields))
            elif isinstance(verdict, Skip):
                lines.append((message.job_id, "info", "skipped", {"reason": verdict.reason.value}))
        lines.extend((key, "info", "stored", {}) for key in indexing)
        await add_log_lines(self._connection, lines)


def _is_itself(page: PageReport) -> bool:
    """Whether the URL that was asked is the page: neither a redirect nor another canonical URL stands in between."""
    return page.asked_key == page.final_key and page.canonical_key in {None, page.asked_key}


def _http_status(message: ResultMessage) -> int | None:
    if message.failure is not None:
        return message.failure.http_status
    return message.page.http_status if message.page else None


def _stats(message: ResultMessage) -> dict[str, Any]:
    stats: dict[str, Any] = {"seconds": message.seconds}
    if message.content is not None:
        stats["chunks"] = message.content.chunk_count
    page = message.page
    if page is not None and _is_itself(page):
        stats |= {"etag": page.etag, "last_modified": page.last_modified}
    if page is not None and page.refused_counts:
        stats["refused"] = page.refused_counts
    return stats


class PostgresResults:
    """Stores results for one consumer."""

    def __init__(
        self,
        *,
        database: Database,
        consumer_id: UUID,
        policy: RetryPolicy,
        max_attempts: int,
        jitter: Callable[[], float],
    ) -> None:
        self._database = database
        self._consumer_id = consumer_id
        self._policy = policy
        self._max_attempts = max_attempts
        self._jitter = jitter

    async def store(self, messages: Sequence[ResultMessage]) -> Stored:
        """Store a batch in one transaction; a repetition changes nothing.

        Raises:
            PostgresUnavailableError: nothing of it was stored, or the commit's answer was lost.
        """

        async def work(connection: Connection) -> Stored:
            batch = _Batch(
                connection,
                messages,
                consumer_id=self._consumer_id,
                policy=self._policy,
                max_attempts=self._max_attempts,
                jitter=self._jitter,
            )
            return await batch.store()

        return await self._database.run(work)
