"""Storing what the workers delivered: one transaction for a batch of results."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.contracts.messages import source_named
from shared.postgres.crawled import CrawledPages
from shared.postgres.locks import Family, lock_documents, lock_family
from shared.postgres.result_facts import ResultFacts, is_itself
from shared.postgres.sql import queries
from shared.postgres.staging import Staged, add_parts, stage
from shared.postgres.transitions import Ending, add_log_lines, finish_jobs
from shared.states import Handler, JobStatus, Reason
from shared.verdicts import (
    RETIRING,
    Again,
    ContentFacts,
    Fail,
    Keep,
    Late,
    Skip,
    Verdict,
    is_late,
    judge,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.messages import ResultMessage
    from shared.postgres.database import Connection, Database
    from shared.retry import RetryPolicy
    from shared.verdicts import PruneLimits


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What became of a batch: jobs by id.

    Attributes:
        indexing: complete and staged; the caller owns them and goes on with indexing.
        discovered: pages that were registered.
        late: results that came too late and were dropped.
        endings: jobs that ended, with their terminal state and error code.
        unknown: late ones among them whose jobs never were.
        again: jobs that are queued for another attempt, with the error code.
    """

    indexing: list[UUID] = field(default_factory=list)
    discovered: int = 0
    late: list[UUID] = field(default_factory=list)
    unknown: list[UUID] = field(default_factory=list)
    endings: list[tuple[UUID, str, str, str | None]] = field(default_factory=list)
    again: list[tuple[UUID, str]] = field(default_factory=list)


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
        prune_limits: PruneLimits,
    ) -> None:
        self._connection = connection
        # A message may come twice in one batch.
        self._messages = list({(m.job_id, m.epoch, m.part): m for m in messages}.values())
        self._consumer_id = consumer_id
        self._policy = policy
        self._max_attempts = max_attempts
        self._jitter = jitter
        self._prune_limits = prune_limits
        self._facts = ResultFacts(Family({}, {}, {}))
        self._pages = CrawledPages(connection, self._facts, max_attempts=max_attempts)
        self._verdicts: list[tuple[ResultMessage, Verdict]] = []
        self._staged: list[Staged] = []

    async def store(self) -> Stored:
        """Do all of it."""
        jobs = [m.job_id for m in self._messages]
        family = await lock_family(self._connection, jobs, also_sources=await self._holders())
        self._facts = ResultFacts(family)
        self._pages = CrawledPages(self._connection, self._facts, max_attempts=self._max_attempts)
        fresh = [m for m in self._messages if not is_late(m, self._facts.of_job(m))]
        late = [m.job_id for m in self._messages if is_late(m, self._facts.of_job(m))]
        await self._pages.read(fresh)
        documents = await lock_documents(
            self._connection, [self._facts.document(m) for m in fresh if m.failure is None]
        )
        for message in fresh:
            await self._judge(message, documents)
        discovered = await self._pages.follow_links(self._verdicts)
        await self._pages.note_fetches(self._verdicts)
        indexing = await self._stage()
        ended, again = await self._end()
        await self._log(indexing)
        return Stored(
            indexing=indexing,
            discovered=discovered,
            late=late,
            unknown=await self._unknown(),
            endings=[(row["id"], row["type"], row["status"], row["error_code"]) for row in ended],
            again=again,
        )

    async def _unknown(self) -> list[UUID]:
        """Jobs that never were: one that was removed since had a source, whose row stays."""
        missing = {
            m.job_id: source_named(m.payload)
            for m in self._messages
            if m.job_id not in self._facts.family.jobs
        }
        if not missing:
            return []
        rows = await self._connection.fetch(
            queries("jobs")["never_were"], list(missing), list(missing.values())
        )
        return [row["id"] for row in rows]

    async def _holders(self) -> list[UUID]:
        """Sources that hold the bytes of the uploads among these results; pages have none."""
        uploads = [m.job_id for m in self._messages if m.handler == Handler.FILE]
        if not uploads:
            return []
        rows = await self._connection.fetch(queries("document_versions")["sources_of_uploads"], uploads)
        return [row["source_id"] for row in rows]

    async def _judge(self, message: ResultMessage, documents: dict[UUID, Record]) -> None:
        job, facts = self._facts.job(message), self._facts.of_job(message)
        content = ContentFacts()
        if message.failure is None:
            content = await self._content_facts(message, documents)
        verdict = judge(message, facts, content, self._policy, jitter=self._jitter())
        self._verdicts.append((message, verdict))
        if isinstance(verdict, Skip) and verdict.reason in RETIRING and message.handler == Handler.WEB:
            # Pages that name each other as canonical shall not both end here.
            self._pages.taken[job["root_id"]].fallen.add(job["url_key"])
        if isinstance(verdict, Keep):
            self._staged.append(self._to_stage(message, job))
        if message.page is not None and not isinstance(verdict, Late) and not content.owner_elsewhere:
            await self._pages.take_final_page(message, message.page)

    async def _content_facts(self, message: ResultMessage, documents: dict[UUID, Record]) -> ContentFacts:
        job = self._facts.job(message)
        active = documents.get(self._facts.document(message))
        duplicate = None
        if message.handler == Handler.FILE:
            group = self._facts.family.sources[job["source_id"]]["group_id"]
            row = await self._connection.fetchrow(
                queries("document_versions")["active_with_hash"],
                job["tenant_id"],
                job["bytes_sha256"],
                group,
                job["id"],
            )
            # Only of a source that is locked here: what is said of another may be over in the next moment.
            duplicate = row["document_id"] if row and row["source_id"] in self._facts.family.sources else None
        taken = self._pages.taken.get(job["root_id"])
        return ContentFacts(
            active_hash=active["content_hash"] if active else None,
            active_run_seq=active["run_seq"] if active else None,
            duplicate_of=duplicate,
            owner_elsewhere=taken is not None
            and message.page is not None
            and taken.owner_elsewhere(self._facts.key(message), message.job_id),
        )

    def _to_stage(self, message: ResultMessage, job: Record) -> Staged:
        file = message.handler == Handler.FILE
        page = message.page
        return Staged(
            message=message,
            job=job,
            run_seq=self._facts.run(message)["seq"],
            document_id=self._facts.document(message),
            source_uri=f"upload://sha256:{job['bytes_sha256']}" if file else self._facts.key(message),
            url=(page.canonical_url or page.final_url) if page else None,
        )

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
        ended = await finish_jobs(self._connection, endings, limits=self._prune_limits)
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

    async def _drop_empty_sources(self, endings: Sequence[Ending]) -> None:
        twins = {
            self._facts.family.jobs[e.job_id]["source_id"] for e in endings if e.reason == Reason.DUPLICATE
        }
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


def _http_status(message: ResultMessage) -> int | None:
    if message.failure is not None:
        return message.failure.http_status
    return message.page.http_status if message.page else None


def _stats(message: ResultMessage) -> dict[str, Any]:
    stats: dict[str, Any] = {"seconds": message.seconds}
    if message.content is not None:
        stats["chunks"] = message.content.chunk_count
    page = message.page
    if page is not None and is_itself(page):
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
        prune_limits: PruneLimits,
    ) -> None:
        self._database = database
        self._consumer_id = consumer_id
        self._policy = policy
        self._max_attempts = max_attempts
        self._jitter = jitter
        self._prune_limits = prune_limits

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
                prune_limits=self._prune_limits,
            )
            return await batch.store()

        return await self._database.run(work)
