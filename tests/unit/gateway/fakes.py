"""The gateway's ports without a world behind them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from multidict import CIMultiDict

from shared.errors import DependencyUnavailableError
from shared.net.resolver import HostVerdict
from shared.postgres.acceptance import AcceptedRun, AcceptedUpload
from shared.postgres.intake_errors import SourceExistsError
from shared.postgres.prune_decisions import Decided
from shared.postgres.steering import RetriedMany
from shared.states import PruneState
from unit.gateway.rows import an_id, job, source

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from shared.contracts.caller import Caller
    from shared.observability.readiness import DependencyState
    from shared.postgres.acceptance import Seed, UploadFacts
    from shared.postgres.reads.records import JobRow, LogRow, SourceRow


class FakeAnnouncer:
    """Counts wishes."""

    def __init__(self) -> None:
        self.wishes = 0

    def announce(self) -> None:
        self.wishes += 1


class FakeDeletes:
    """Remembers sources."""

    def __init__(self) -> None:
        self.sources: list[UUID] = []

    async def announce(self, *, caller: Caller, source_id: UUID) -> None:
        assert caller.request_id
        self.sources.append(source_id)


class FakeHosts:
    """Blocks what it is told to block."""

    def __init__(self, **verdicts: HostVerdict) -> None:
        self.verdicts = verdicts
        self.asked: list[str] = []

    async def check_host(self, host: str) -> HostVerdict:
        self.asked.append(host)
        return self.verdicts.get(host.replace(".", "_"), HostVerdict.ALLOWED)


@dataclass
class FakeIntake:
    """Remembers calls; answers or raises what it is told."""

    existing: dict[str, UUID] = field(default_factory=dict)
    upload_status: str = "queued"
    raises: Exception | None = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def _note(self, call: str, /, **arguments: Any) -> None:
        arguments.pop("caller")
        self.calls.append((call, arguments))
        if self.raises is not None:
            raise self.raises

    async def accept_web(self, *, seed: Seed, **rest: Any) -> AcceptedRun:
        self._note("accept_web", seed=seed, **rest)
        if seed.url_key in self.existing:
            raise SourceExistsError(self.existing[seed.url_key])
        return AcceptedRun(an_id(20), an_id(21))

    async def sync(self, **arguments: Any) -> UUID:
        self._note("sync", **arguments)
        return an_id(22)

    async def accept_upload(self, *, facts: UploadFacts, **rest: Any) -> AcceptedUpload:
        self._note("accept_upload", facts=facts, **rest)
        skipped = self.upload_status == "skipped"
        return AcceptedUpload(
            run_id=facts.run_id,
            status="skipped" if skipped else "queued",
            source_id=an_id(20),
            document_id=an_id(23),
            duplicate_of=an_id(23) if skipped else None,
        )

    async def update_source(self, **arguments: Any) -> None:
        self._note("update_source", **arguments)

    async def delete_source(self, **arguments: Any) -> None:
        self._note("delete_source", **arguments)

    async def cancel(self, **arguments: Any) -> None:
        self._note("cancel", **arguments)

    async def retry(self, *, job_id: UUID, **rest: Any) -> UUID:
        self._note("retry", job_id=job_id, **rest)
        return job_id

    async def retry_many(self, **arguments: Any) -> RetriedMany:
        self._note("retry_many", **arguments)
        return RetriedMany(3, 1)

    async def decide_prune(self, *, run_id: UUID, approve: bool, **rest: Any) -> Decided:
        self._note("decide_prune", run_id=run_id, approve=approve, **rest)
        return Decided(PruneState.APPROVED if approve else PruneState.REJECTED, 30, 30 if approve else 0)

    async def rerun(self, **arguments: Any) -> UUID:
        self._note("rerun", **arguments)
        return an_id(24)

    async def delete_job(self, **arguments: Any) -> None:
        self._note("delete_job", **arguments)

    async def activate(self, **arguments: Any) -> UUID:
        self._note("activate", **arguments)
        return an_id(25)


class FakeSources:
    """Sources by id."""

    def __init__(self, *rows: SourceRow) -> None:
        self.rows = {row.id: row for row in rows or (source(),)}

    async def get(self, _tenant_id: UUID, source_id: UUID) -> SourceRow | None:
        return self.rows.get(source_id)


class FakeJobs:
    """One run that goes through given states, a line or more at each; at the looks in ``outages`` Postgres is away."""

    def __init__(self, *states: JobRow, lines: Sequence[LogRow] = ()) -> None:
        self.states = list(states) or [job()]
        self.lines = list(lines)
        self.looks = 0
        self.outages: set[int] = set()

    async def get(self, _tenant_id: UUID, job_id: UUID) -> JobRow | None:
        return self.states[0] if self.states[0].id == job_id else None

    async def follow(
        self, _tenant_id: UUID, _run_id: UUID, after: int, limit: int
    ) -> tuple[JobRow, list[LogRow]] | None:
        if self.looks in self.outages:
            self.looks += 1
            raise DependencyUnavailableError("postgres", "gone")
        state = self.states[min(self.looks, len(self.states) - 1)]
        self.looks += 1
        return state, [line for line in self.lines if line.id > after][:limit]


class FakeDependencies:
    """What is up and what is not."""

    def __init__(self, **states: DependencyState) -> None:
        self._states = states

    @property
    def ready(self) -> bool:
        return all(state.status != "down" for state in self._states.values())

    def states(self) -> dict[str, DependencyState]:
        return dict(self._states)


@dataclass
class FakeWriter:
    """What aiohttp writes to."""

    output_size: int = 0
    written: bytes = b""

    async def write(self, data: bytes) -> None:
        self.written += data
        self.output_size += len(data)


class FakeRequest:
    """As much of a request as reading its body needs; a ``None`` among the chunks is silence."""

    def __init__(self, chunks: Sequence[bytes | None], **headers: str) -> None:
        self.headers = CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()})
        self.content_length = (
            int(self.headers["Content-Length"]) if "Content-Length" in self.headers else None
        )
        self.version = (1, 1)
        self.writer = FakeWriter()
        self.content = self
        self.reads = 0
        self._chunks = iter(chunks)

    async def readany(self) -> bytes:
        self.reads += 1
        chunk = next(self._chunks, b"")
        if chunk is None:
            await asyncio.Event().wait()
        return chunk or b""
