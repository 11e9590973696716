"""What must be true of an installation after every step, whatever the step was."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.postgres.sql import queries
from shared.states import TERMINAL
from support.life_cycle import LIMITS, SLOTS, WORKERS
from support.pipeline import COLLECTION
from support.rows import TENANT

if TYPE_CHECKING:
    from uuid import UUID

    import asyncpg

    from support.life_cycle import Installation

#: Each finds rows that break a promise. Sources that are being deleted are taken apart by the janitor in any order of
#: their parts, so most of them are about live ones.
BROKEN: Final = {
    "two active versions of one document": """
        SELECT document_id FROM document_versions WHERE is_active GROUP BY document_id HAVING count(*) > 1""",
    "an active version whose chunks are not all there": """
        SELECT v.id FROM document_versions v JOIN sources s ON s.id = v.source_id AND s.status = 'live'
        WHERE v.is_active AND v.chunk_count <> (
            SELECT count(*) FROM version_chunks vc JOIN chunks c ON c.id = vc.chunk_id WHERE vc.version_id = v.id)""",
    "a chunk of an active version without exactly one active object": """
        SELECT vc.chunk_id FROM document_versions v
        JOIN sources s ON s.id = v.source_id AND s.status = 'live' JOIN version_chunks vc ON vc.version_id = v.id
        WHERE v.is_active AND 1 <> (
            SELECT count(*) FROM objects o WHERE o.chunk_id = vc.chunk_id AND o.state = 'active')""",
    "an active object of what is not served": """
        SELECT o.object_id FROM objects o JOIN sources s ON s.id = o.source_id AND s.status = 'live'
        WHERE o.state = 'active' AND NOT EXISTS (
            SELECT 1 FROM version_chunks vc JOIN document_versions v ON v.id = vc.version_id
            WHERE vc.chunk_id = o.chunk_id AND v.is_active)""",
    "an object of a batch that is not verified is served": """
        SELECT o.object_id FROM objects o JOIN index_batches b ON b.batch_id = o.batch_id
        WHERE o.state IN ('active', 'superseded') AND b.state <> 'verified'""",
    "an object of a deleted source that is no tombstone": """
        SELECT o.object_id FROM objects o JOIN sources s ON s.id = o.source_id
        WHERE s.status = 'deleted' AND o.state <> 'deleting'""",
    "something of a deleted source": """
        SELECT s.id FROM sources s WHERE s.status = 'deleted' AND (s.deleted_at IS NULL
            OR EXISTS (SELECT 1 FROM chunks c WHERE c.source_id = s.id)
            OR EXISTS (SELECT 1 FROM document_versions v WHERE v.source_id = s.id)
            OR EXISTS (SELECT 1 FROM documents d WHERE d.source_id = s.id)
            OR EXISTS (SELECT 1 FROM failed_jobs f WHERE f.source_id = s.id)
            OR EXISTS (SELECT 1 FROM jobs j WHERE j.source_id = s.id AND j.status IN ('queued', 'running')))""",
    "open work of a source that is not live": """
        SELECT j.id FROM jobs j JOIN sources s ON s.id = j.source_id
        WHERE s.status <> 'live' AND j.status IN ('queued', 'running')""",
    "a document whose status is not what it serves": """
        SELECT d.id FROM documents d JOIN sources s ON s.id = d.source_id AND s.status = 'live'
        WHERE (d.status = 'active') <> EXISTS (
            SELECT 1 FROM document_versions v WHERE v.document_id = d.id AND v.is_active)""",
    "a failed unit of work without its replayable row": """
        SELECT j.id FROM jobs j JOIN sources s ON s.id = j.source_id AND s.status = 'live'
        LEFT JOIN failed_jobs f ON f.id = j.id
        WHERE j.status = 'failed' AND j.handler IS NOT NULL
          AND (f.id IS NULL OR f.payload <> j.payload OR f.payload = '{}' OR f.error = '' OR f.error_code <> j.error_code)""",
    "a row of failed work whose job has not failed": """
        SELECT f.id FROM failed_jobs f JOIN jobs j ON j.id = f.id WHERE j.status <> 'failed'""",
    "an open crawl without an open page, or a closed one with one": """
        SELECT r.id FROM jobs r JOIN sources s ON s.id = r.source_id AND s.status = 'live'
        WHERE r.type = 'crawler' AND (r.status IN ('queued', 'running')) <> EXISTS (
            SELECT 1 FROM jobs p WHERE p.parent_id = r.id AND p.status IN ('queued', 'running'))""",
    "a crawl whose counters are not its pages": """
        SELECT r.id FROM jobs r JOIN sources s ON s.id = r.source_id AND s.status = 'live'
        WHERE r.type = 'crawler' AND (r.total, r.succeeded, r.failed, r.skipped, r.cancelled) <> (
            SELECT count(*)::int, count(*) FILTER (WHERE p.status = 'succeeded')::int,
                count(*) FILTER (WHERE p.status = 'failed')::int, count(*) FILTER (WHERE p.status = 'skipped')::int,
                count(*) FILTER (WHERE p.status = 'cancelled')::int FROM jobs p WHERE p.parent_id = r.id)""",
    "two jobs of one crawl for one page": """
        SELECT root_id FROM jobs WHERE type = 'page' GROUP BY root_id, url_key HAVING count(*) > 1""",
    "a page whose fate is not that of its job": """
        SELECT p.url_key FROM crawl_pages p JOIN jobs j ON j.id = p.job_id
        JOIN sources s ON s.id = p.source_id AND s.status = 'live'
        WHERE j.status IN ('succeeded', 'failed', 'cancelled', 'skipped') AND p.fate <> j.status
          AND NOT (p.fate = 'skipped' AND p.reason = 'gone')""",
    "a job that is indexed without a staged version": """
        SELECT j.id FROM jobs j LEFT JOIN document_versions v ON v.id = j.version_id
        WHERE j.status = 'running' AND j.stage = 'indexing' AND v.id IS NULL""",
    "a job that indexes what another try of it has staged": """
        SELECT j.id FROM jobs j JOIN document_versions v ON v.id = j.version_id
        WHERE j.status = 'running' AND j.stage = 'indexing' AND j.handler IS NOT NULL
          AND (v.job_id, v.epoch) <> (j.id, j.epoch)""",
    "an owner of what nobody owns, or none of what somebody does": """
        SELECT id FROM jobs WHERE handler IS NOT NULL AND (status = 'running') <> (worker_id IS NOT NULL)""",
    "parts of a try that is over": """
        SELECT p.job_id FROM result_parts p JOIN jobs j ON j.id = p.job_id
        WHERE j.stage = 'indexing' AND j.epoch = p.epoch""",
}

HELD: Final = """
    SELECT tenant_id, root_id, host FROM jobs
    WHERE (status = 'queued' AND announced_at IS NOT NULL) OR (status = 'running' AND stage = 'claimed')"""

JOBS: Final = """
    SELECT id, seq, parent_id, type, handler, status, stage, epoch, attempt, retries, reclaims, max_attempts
    FROM jobs ORDER BY seq"""

#: Only these spend an attempt, and only these take rows of jobs away.
SPENDING: Final = frozenset({"store"})
REMOVING: Final = frozenset({"remove_source", "delete_run"})


@dataclass
class Checks:
    """Compares each state with what must always be true, and with the state before."""

    installation: Installation
    before: dict[UUID, asyncpg.Record] = field(default_factory=dict)
    sources: Counter[str] = field(default_factory=Counter)
    seen: set[UUID] = field(default_factory=set)

    async def after(self, step: str) -> None:
        """Look at everything.

        Raises:
            AssertionError: something is broken.
        """
        now = {row["id"]: row for row in await self.installation.rows(JOBS)}
        self.seen |= now.keys()
        self._transitions(now, step)
        self.before = now
        self.sources = Counter(
            row["status"] for row in await self.installation.rows("SELECT status FROM sources")
        )
        await self._ledger()
        await self._windows()
        await self._rows()
        await self._objects()

    async def _rows(self) -> None:
        parts = [
            f"SELECT {n} AS place, id::text FROM ({sql}) x (id)" for n, sql in enumerate(BROKEN.values())
        ]
        names = list(BROKEN)
        found = await self.installation.rows(" UNION ALL ".join(parts))
        assert not found, sorted({names[row["place"]] for row in found})

    def _transitions(self, now: dict[UUID, asyncpg.Record], step: str) -> None:
        retried = {
            row["parent_id"]
            for key, row in now.items()
            if key in self.before and row["retries"] > self.before[key]["retries"]
        }
        for key, old in self.before.items():
            new = now.get(key)
            if new is None:
                assert step in REMOVING, f"{_said(old)} vanished"
                continue
            move = f"{step}: {_said(old)} -> {_said(new)}"
            assert new["epoch"] >= old["epoch"], f"an epoch fell: {move}"
            if new["status"] == "queued" and old["status"] != "queued":
                assert new["epoch"] > old["epoch"], f"queued again at the same epoch: {move}"
            if old["status"] in TERMINAL and new["status"] != old["status"]:
                again = old["status"] == "failed" and new["retries"] == old["retries"] + 1
                assert again or (new["type"] == "crawler" and key in retried), f"it had ended: {move}"
            if new["retries"] == old["retries"] and new["attempt"] != old["attempt"]:
                assert step in SPENDING, f"an attempt was spent: {move}"
                assert new["attempt"] == old["attempt"] + 1 <= new["max_attempts"], move
            if step == "store" and new["handler"] and _state(new) != _state(old):
                assert (key, old["epoch"]) in self.installation.stored, f"by a result of another try: {move}"
            if old["stage"] == "indexing" and new["stage"] is None:
                assert new["status"] in TERMINAL, f"what is stored is done again: {move}"

    async def _ledger(self) -> None:
        (row,) = await self.installation.rows(queries("ledger")["imbalance"])
        assert row["imbalance"] == 0, "the ledger is not balanced"
        (row,) = await self.installation.rows(
            "SELECT coalesce(sum(accepted), 0)::int AS accepted FROM ledger"
        )
        assert row["accepted"] == len(self.seen), "accepted is not what was ever there"

    async def _windows(self) -> None:
        held = await self.installation.rows(HELD)
        assert len(held) <= LIMITS.in_all(SLOTS * WORKERS), "the window over all is exceeded"
        for name, most in (
            ("tenant_id", LIMITS.per_tenant),
            ("root_id", LIMITS.per_run),
            ("host", LIMITS.per_host),
        ):
            places: dict[Any, int] = {}
            for row in held:
                if row[name] is not None:
                    places[row[name]] = places.get(row[name], 0) + 1
            assert max(places.values(), default=0) <= most, f"the window by {name} is exceeded"

    async def _objects(self) -> None:
        """What search may return is in Weaviate, whole."""
        served = await self.installation.rows(
            "SELECT object_id FROM objects o JOIN sources s ON s.id = o.source_id"
            " WHERE o.state = 'active' AND s.status = 'live'"
        )
        ids = {row["object_id"] for row in served}
        there = await self.installation.vectors.vector_findable(COLLECTION, TENANT, ids)
        assert there == ids, "an active object is not in Weaviate"

    async def at_quiet(self) -> None:
        """Nothing is open, and Weaviate has what the rows say and nothing else (P4).

        Raises:
            AssertionError: something is stuck or off.
        """
        stuck = [_said(row) for row in self.before.values() if row["status"] not in TERMINAL]
        assert not stuck, f"still open: {stuck}"
        rows = await self.installation.rows("SELECT object_id, state FROM objects")
        assert {row["state"] for row in rows} <= {"active"}, "objects are left over"
        entries = await self.installation.vectors.scan(COLLECTION, TENANT, after=None, limit=1000)
        assert {entry.object_id for entry in entries} == {row["object_id"] for row in rows}
        deleting = await self.installation.rows("SELECT id FROM sources WHERE status = 'deleting'")
        assert not deleting, "a source is never removed"


def _state(row: asyncpg.Record) -> tuple[Any, ...]:
    return row["status"], row["stage"], row["epoch"], row["attempt"]


def _said(row: asyncpg.Record) -> str:
    return (
        f"{row['type']} {row['seq']} ({row['status']}/{row['stage']}, epoch {row['epoch']}, attempt"
        f" {row['attempt']}, retries {row['retries']})"
    )
