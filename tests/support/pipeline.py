"""The data path without services: the stores of all of them, driven step by step by a test."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

from shared.clock import new_id
from shared.content import chunk_hash, content_hash
from shared.contracts.caller import Caller
from shared.contracts.content import Chunk
from shared.contracts.messages import (
    ContentReport,
    FailureReport,
    FoundLink,
    PageReport,
    ResultMessage,
)
from shared.postgres.acceptance import AcceptedRun, AcceptedUpload, Seed, UploadFacts
from shared.postgres.announcing import PostgresWindows
from shared.postgres.claims import Claim, PostgresClaims, Ticket
from shared.postgres.database import EVERY_TENANT, Database
from shared.postgres.indexing import Activated, PostgresIndexing
from shared.postgres.intake import PostgresIntake
from shared.postgres.presence import PostgresPresence
from shared.postgres.registry import Collection, PostgresRegistry
from shared.postgres.results import PostgresResults, Stored
from shared.retry import RetryPolicy
from shared.states import Handler
from shared.urls import parse_web_url
from shared.verdicts import USUAL_PRUNE_LIMITS
from shared.windows import Limits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import asyncpg

    from shared.errors import ErrorCode

DEFAULT_TENANT = UUID("00000000-0000-7000-8000-000000000001")
CALLER = Caller(tenant_id=DEFAULT_TENANT, tenant_slug="default", actor="tester", request_id="req-1")
COLLECTION = "Chunks_test"
LIMITS = Limits(per_slot=2, least=4, reserved=1, per_run=50, per_host=50, per_tenant=200)


def content_of(text: str, *, title: str = "Title", hash_: str | None = None) -> ContentReport:
    """A document of one chunk for each paragraph."""
    counts: dict[str, int] = {}
    chunks = []
    for part in text.split("\n\n"):
        digest = chunk_hash((title,), part)
        chunks.append(Chunk(text=part, heading_path=(title,), hash=digest, occurrence=counts.get(digest, 0)))
        counts[digest] = counts.get(digest, 0) + 1
    return ContentReport(
        title=title,
        content_type="text/html",
        content_hash=hash_ or content_hash(title, text),
        markdown=text,
        chunk_count=len(chunks),
        chunks=chunks,
    )


def link(url: str) -> FoundLink:
    """A link in scope."""
    parsed = parse_web_url(url)
    return FoundLink(parsed.href, parsed.key, parsed.host_key)


@dataclass
class Pipeline:
    """All stores over one database, one worker and one consumer."""

    database: Database
    gateway: Database
    worker_id: UUID = field(default_factory=new_id)
    consumer_id: UUID = field(default_factory=new_id)
    policy: RetryPolicy = field(
        default_factory=lambda: RetryPolicy(base_seconds=0.0, dead_base_seconds=0.0, dead_retries_max=3)
    )

    def __post_init__(self) -> None:
        self.intake = PostgresIntake(database=self.gateway, max_attempts=3, prune_limits=USUAL_PRUNE_LIMITS)
        self.windows = PostgresWindows(database=self.database, limits=LIMITS, unstored_max=500)
        self.claims = PostgresClaims(
            database=self.database,
            worker_id=self.worker_id,
            job_deadline_seconds=60,
            result_deadline_seconds=60,
        )
        self.results = PostgresResults(
            database=self.database,
            consumer_id=self.consumer_id,
            policy=self.policy,
            max_attempts=3,
            jitter=lambda: 0.0,
            prune_limits=USUAL_PRUNE_LIMITS,
        )
        self.indexing = PostgresIndexing(
            database=self.database,
            consumer_id=self.consumer_id,
            collection=COLLECTION,
            batch_seconds=60,
            policy=self.policy,
            prune_limits=USUAL_PRUNE_LIMITS,
        )

    @classmethod
    async def open(cls, service_url: str, **more: Any) -> Pipeline:
        """Connect as the services do; ``more`` are fields of this class."""
        pipeline = cls(
            database=Database(url=service_url, application="tests", principal=EVERY_TENANT),
            gateway=Database(url=service_url, application="tests-gateway", principal=None),
            **more,
        )
        await pipeline.beat("ingest-worker", pipeline.worker_id, slots=8)
        await pipeline.beat("result-consumer", pipeline.consumer_id)
        registry = PostgresRegistry(database=pipeline.database)
        await registry.current(otherwise=Collection(COLLECTION, "model", 4))
        return pipeline

    async def close(self) -> None:
        await self.database.close()
        await self.gateway.close()

    async def beat(self, kind: str, process_id: UUID, *, slots: int = 0, lease_seconds: float = 60) -> None:
        await PostgresPresence(
            database=self.database,
            process_id=process_id,
            kind=kind,
            instance=f"{kind}-{process_id}",
            lease_seconds=lease_seconds,
        ).beat(slots=slots)

    async def add_site(self, url: str = "https://site.test/", **config: Any) -> AcceptedRun:
        parsed = parse_web_url(url)
        return await self.intake.accept_web(
            caller=CALLER,
            seed=Seed(url=parsed.href, url_key=parsed.key, host=parsed.host_key),
            name=parsed.host,
            group_id=None,
            config={"max_depth": 2, "max_pages": 100} | config,
            secret_headers={},
        )

    async def upload(self, name: str, body: bytes, **facts: Any) -> AcceptedUpload:
        known: dict[str, Any] = {
            "run_id": new_id(),
            "file_name": name,
            "group_id": None,
            "title": None,
            "version_label": None,
            "content_type": "text/markdown",
            "size_bytes": len(body),
            "sha256": hashlib.sha256(body).hexdigest(),
            "upload_uri": f"file:///blobs/{name}",
        }
        return await self.intake.accept_upload(
            caller=CALLER,
            facts=UploadFacts(**known | facts),
        )

    async def work(self) -> list[Claim]:
        """Announce what fits, and claim all of it."""
        messages = await self.windows.announce_waiting()
        return await self.claims.claim([Ticket(m.job_id, m.epoch) for m in messages])

    async def store(self, *results: ResultMessage) -> Stored:
        return await self.results.store(results)

    async def index(self, job_ids: Sequence[UUID]) -> Activated:
        """Index and activate with a vector store that never fails."""
        while chunks := await self.indexing.to_index(job_ids, at_most=500):
            batch = await self.indexing.open_batch(chunks)
            assert await self.indexing.close_batch(batch.batch_id, verified=True)
        return await self.indexing.activate(job_ids)

    async def run_all(self, site: Mapping[str, tuple[str, Sequence[str]]]) -> None:
        """Work until nothing is announced any more; ``site`` maps URLs to text and links."""
        while claims := await self.work():
            results = [self.page(c, *site[c.payload["url"]]) for c in claims]
            stored = await self.store(*results)
            await self.index(stored.indexing)

    def page(self, claim: Claim, text: str, links: Sequence[str] = (), **report: Any) -> ResultMessage:
        key = parse_web_url(claim.payload["url"]).key
        known: dict[str, Any] = {
            "asked_key": key,
            "final_url": claim.payload["url"],
            "final_key": key,
            "links": [link(url) for url in links],
        }
        page = PageReport(**known | report)
        return self.result(claim, page=page, content=content_of(text, title=key))

    def file(self, claim: Claim, text: str) -> ResultMessage:
        content = content_of(text, title=claim.payload["file_name"], hash_=claim.payload["sha256"])
        return self.result(claim, content=content)

    def failure(self, claim: Claim, code: ErrorCode, *, retryable: bool, **more: Any) -> ResultMessage:
        report = FailureReport(code=code, sentence="It did not work.", retryable=retryable, **more)
        return self.result(claim, failure=report)

    def result(self, claim: Claim, **fields: Any) -> ResultMessage:
        known: dict[str, Any] = {
            "job_id": claim.ticket.job_id,
            "epoch": claim.ticket.epoch,
            "tenant_id": claim.tenant_id,
            "handler": Handler(claim.handler),
            "payload": claim.payload,
        }
        return ResultMessage(**known | fields)

    async def rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        async with self.database.transaction() as connection:
            return list(await connection.fetch(sql, *arguments))

    async def value(self, sql: str, *arguments: object) -> Any:
        async with self.database.transaction() as connection:
            return await connection.fetchval(sql, *arguments)

    async def assert_balanced(self) -> None:
        """The ledger agrees with the rows."""
        from shared.postgres.sql import queries  # noqa: PLC0415

        assert await self.value(queries("ledger")["imbalance"]) == 0
