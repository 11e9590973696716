"""Accepting sources, crawls and uploads: one transaction for each request, under the lock order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shared.clock import new_id
from shared.ids import document_id
from shared.postgres.intake_errors import NotFoundError, SourceExistsError
from shared.postgres.intake_support import add_job, audit, find_group
from shared.postgres.locks import lock_documents, lock_sources
from shared.postgres.sql import queries
from shared.postgres.transitions import Ending, finish_jobs
from shared.states import Handler, JobStatus, Reason
from shared.verdicts import USUAL_PRUNE_LIMITS

if TYPE_CHECKING:
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database


@dataclass(frozen=True, slots=True)
class AcceptedRun:
    """A crawl that was accepted."""

    source_id: UUID
    run_id: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedUpload:
    """A file that was accepted; ``skipped`` where its bytes are active already."""

    run_id: UUID
    status: Literal["queued", "skipped"]
    source_id: UUID
    document_id: UUID
    reason: Reason | None = None
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadFacts:
    """What is known of a file once its bytes are in the blob store."""

    run_id: UUID
    file_name: str
    group_id: UUID | None
    title: str | None
    version_label: str | None
    content_type: str
    size_bytes: int
    sha256: str
    upload_uri: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """Where a crawl begins: the URL as given, its identity, and its host (``scheme://host:port``)."""

    url: str
    url_key: str
    host: str


class PostgresAcceptance:
    """Takes in what people want ingested."""

    def __init__(self, *, database: Database, max_attempts: int) -> None:
        self._database = database
        self._max_attempts = max_attempts

    async def accept_web(
        self,
        *,
        caller: Caller,
        seed: Seed,
        name: str,
        group_id: UUID | None,
        config: dict[str, Any],
        secret_headers: dict[str, str],
    ) -> AcceptedRun:
        """Add a site and its first crawl.

        Raises:
            NotFoundError: no such group.
            SourceExistsError: a live source has the URL.
        """
        new = AcceptedRun(new_id(), new_id())

        async def work(connection: Connection) -> AcceptedRun:
            group = await find_group(connection, caller, group_id)
            source_id = await connection.fetchval(
                queries("sources")["add_web"],
                new.source_id,
                caller.tenant_id,
                group,
                name,
                seed.url,
                seed.url_key,
                config,
                secret_headers,
            )
            if source_id is None:
                exists = await connection.fetchval(
                    queries("sources")["live_web"], caller.tenant_id, seed.url_key
                )
                if exists == new.source_id:
                    # The first try was committed, only its answer was lost.
                    return new
                raise SourceExistsError(exists)
            await audit(connection, caller, "source.add", source_id, url=seed.url)
            await self._add_crawl(connection, caller, source_id, seed, config, run_id=new.run_id)
            return new

        return await self._database.run(work, caller.tenant_id)

    async def sync(
        self, *, caller: Caller, source_id: UUID, host: str, config: dict[str, Any] | None = None
    ) -> UUID:
        """Crawl a site again; a crawl of it that still waits is the one that is meant.

        Raises:
            NotFoundError: no such live web source.
        """
        # Made outside, so that a repetition after a lost answer finds the run that it made.
        run_id = new_id()

        async def work(connection: Connection) -> UUID:
            return await self._sync(connection, caller, source_id, host, config, run_id)

        return await self._database.run(work, caller.tenant_id)

    async def accept_upload(self, *, caller: Caller, facts: UploadFacts) -> AcceptedUpload:
        """Take a file in: a new document, a new version of the one with its name, or a duplicate.

        Raises:
            NotFoundError: no such group.
        """

        async def work(connection: Connection) -> AcceptedUpload:
            group = await find_group(connection, caller, facts.group_id)
            # Equal bytes into one group come one after the other, so that only one of them is stored.
            lock = f"{caller.tenant_id}/{group}/{facts.sha256}"
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", lock)
            known = await self._accepted_before(connection, caller, facts)
            duplicate = known or await self._settled_duplicate(connection, caller, group, facts)
            if duplicate is not None:
                return duplicate
            return await self._queue_upload(connection, caller, group, facts)

        return await self._database.run(work, caller.tenant_id)

    async def update_source(
        self,
        *,
        caller: Caller,
        source_id: UUID,
        name: str | None = None,
        group_id: UUID | None = None,
        config: dict[str, Any] | None = None,
        secret_headers: dict[str, str] | None = None,
    ) -> None:
        """Change what is given; the next crawl uses it.

        Raises:
            NotFoundError: no such live source, or no such group.
            SourceExistsError: the group has a file of that name already.
        """

        async def work(connection: Connection) -> None:
            source = await self._live(connection, caller, source_id)
            group = await find_group(connection, caller, group_id) if group_id else None
            if group and source["type"] == "upload":
                other = await connection.fetchval(
                    queries("sources")["lock_live_upload"], caller.tenant_id, group, source["file_name"]
                )
                if other and other != source_id:
                    raise SourceExistsError(other)
            await connection.execute(
                queries("sources")["update_settings"],
                source_id,
                caller.tenant_id,
                name,
                group,
                config,
                secret_headers,
            )
            if config is not None:
                await connection.execute(queries("crawl_pages")["forget_validators"], source_id)
            await audit(connection, caller, "source.update", source_id)

        await self._database.run(work, caller.tenant_id)

    async def _live(self, connection: Connection, caller: Caller, source_id: UUID) -> Record:
        source = await connection.fetchrow(queries("sources")["lock_live"], source_id, caller.tenant_id)
        if source is None:
            raise NotFoundError("source")
        return source

    async def _sync(
        self,
        connection: Connection,
        caller: Caller,
        source_id: UUID,
        host: str,
        config: dict[str, Any] | None,
        run_id: UUID,
    ) -> UUID:
        source = await self._live(connection, caller, source_id)
        if source["type"] != "web":
            raise NotFoundError("web source")
        for run in await connection.fetch(queries("jobs")["open_runs_of_source"], source_id):
            waits = run["status"] == JobStatus.QUEUED and run["type"] == "crawler" and config is None
            if waits or run["id"] == run_id:
                found: UUID = run["id"]
                return found
        seed = Seed(url=source["url"], url_key=source["url_key"], host=host)
        await audit(connection, caller, "source.sync", source_id)
        await self._add_crawl(connection, caller, source_id, seed, config or source["config"], run_id=run_id)
        return run_id

    async def _add_crawl(
        self,
        connection: Connection,
        caller: Caller,
        source_id: UUID,
        seed: Seed,
        config: dict[str, Any],
        *,
        run_id: UUID,
    ) -> None:
        await add_job(
            connection,
            caller,
            id=run_id,
            root_id=run_id,
            source_id=source_id,
            type="crawler",
            total=1,
            payload={"url": seed.url, "depth": config.get("max_depth")},
            config=config,
        )
        await add_job(
            connection,
            caller,
            id=new_id(),
            parent_id=run_id,
            root_id=run_id,
            source_id=source_id,
            type="page",
            handler=Handler.WEB,
            host=seed.host,
            url_key=seed.url_key,
            depth=0,
            is_seed=True,
            max_attempts=self._max_attempts,
            payload={"url": seed.url, "depth": 0, "source_id": str(source_id), "run_id": str(run_id)},
        )

    async def _accepted_before(
        self, connection: Connection, caller: Caller, facts: UploadFacts
    ) -> AcceptedUpload | None:
        """The same upload, where the answer to its commit was lost."""
        row = await connection.fetchrow(queries("jobs")["accepted_upload"], facts.run_id, caller.tenant_id)
        if row is None:
            return None
        return AcceptedUpload(
            run_id=facts.run_id,
            status="skipped" if row["status"] == JobStatus.SKIPPED else "queued",
            source_id=row["source_id"],
            document_id=row["document_id"],
            reason=Reason(row["reason"]) if row["reason"] else None,
            duplicate_of=row["duplicate_of"],
        )

    async def _settled_duplicate(
        self, connection: Connection, caller: Caller, group: UUID, facts: UploadFacts
    ) -> AcceptedUpload | None:
        arguments = (caller.tenant_id, facts.sha256, group, None)
        active = await connection.fetchrow(queries("document_versions")["active_with_hash"], *arguments)
        if active is None:
            return None
        # Under that source's lock it can be neither deleted nor replaced: look again.
        await lock_sources(connection, [active["source_id"]])
        active = await connection.fetchrow(queries("document_versions")["active_with_hash"], *arguments)
        if active is None:
            return None
        await self._add_upload(
            connection,
            caller,
            facts,
            source_id=active["source_id"],
            document=active["document_id"],
            twin=None,
        )
        ending = Ending(
            job_id=facts.run_id,
            status=JobStatus.SKIPPED,
            reason=Reason.DUPLICATE,
            duplicate_of=active["document_id"],
        )
        await finish_jobs(connection, [ending], limits=USUAL_PRUNE_LIMITS)
        return AcceptedUpload(
            run_id=facts.run_id,
            status="skipped",
            source_id=active["source_id"],
            document_id=active["document_id"],
            reason=Reason.DUPLICATE,
            duplicate_of=active["document_id"],
        )

    async def _queue_upload(
        self, connection: Connection, caller: Caller, group: UUID, facts: UploadFacts
    ) -> AcceptedUpload:
        source_id = await self._upload_source(connection, caller, group, facts.file_name)
        document = document_id(source_id, "file")
        uri = f"upload://sha256:{facts.sha256}"
        await connection.execute(
            queries("documents")["add"],
            [document],
            [caller.tenant_id],
            [source_id],
            [uri],
            [facts.title or facts.file_name],
            [None],
            [facts.content_type],
        )
        await lock_documents(connection, [document])
        await connection.execute(queries("documents")["mark_pending"], [document])
        twin = await connection.fetchval(
            queries("jobs")["twin_in_flight"], caller.tenant_id, facts.sha256, group, source_id
        )
        await self._add_upload(connection, caller, facts, source_id=source_id, document=document, twin=twin)
        return AcceptedUpload(run_id=facts.run_id, status="queued", source_id=source_id, document_id=document)

    async def _upload_source(
        self, connection: Connection, caller: Caller, group: UUID, file_name: str
    ) -> UUID:
        arguments = (caller.tenant_id, group, file_name)
        found: UUID | None = await connection.fetchval(queries("sources")["lock_live_upload"], *arguments)
        if found is None:
            added = await connection.fetchval(queries("sources")["add_upload"], new_id(), *arguments)
            found = added or await connection.fetchval(queries("sources")["lock_live_upload"], *arguments)
        if found is None:
            # Added and deleted by others in between: as if it had come a moment earlier.
            raise NotFoundError("source")
        return found

    async def _add_upload(
        self,
        connection: Connection,
        caller: Caller,
        facts: UploadFacts,
        *,
        source_id: UUID,
        document: UUID,
        twin: UUID | None,
    ) -> None:
        await add_job(
            connection,
            caller,
            id=facts.run_id,
            root_id=facts.run_id,
            source_id=source_id,
            document_id=document,
            type="upload",
            handler=Handler.FILE,
            lane="interactive",
            bytes_sha256=facts.sha256,
            waits_for=twin,
            max_attempts=self._max_attempts,
            payload={
                "source_id": str(source_id),
                "upload_uri": facts.upload_uri,
                "file_name": facts.file_name,
                "content_type": facts.content_type,
                "sha256": facts.sha256,
                "size_bytes": facts.size_bytes,
                "title": facts.title,
                "version_label": facts.version_label,
            },
            config={
                "created_by_user_id": caller.actor,
                "source_type": "upload",
                "upload_uri": facts.upload_uri,
                "title": facts.title,
                "original_filename": facts.file_name,
                "content_type": facts.content_type,
            },
        )
