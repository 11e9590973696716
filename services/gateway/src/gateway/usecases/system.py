"""How the parts of the installation are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from shared.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from gateway.ports import Dependencies, OperationReader, QueueStats
    from shared.contracts.caller import Caller
    from shared.postgres.reads.records import ProcessRow
    from shared.queue.ports import TopicStats

Status = Literal["up", "degraded", "down"]

#: Parts that are processes, by the kind in table workers.
_PROCESSES: Final = {"workers": "ingest-worker", "consumers": "result-consumer", "janitor": "janitor"}
_SERVERS: Final = ("postgres", "nsqd", "weaviate")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Whether one part works; ``since`` is None where nobody saw it change."""

    status: Status
    detail: str
    since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The installation."""

    components: Mapping[str, Part]
    topics: Sequence[TopicStats]
    versions: Mapping[str, str]


class SystemView:
    """Looks at the installation; what is down is shown as down and fails nothing."""

    def __init__(
        self,
        *,
        dependencies: Dependencies,
        operations: OperationReader,
        queue: QueueStats,
        versions: Mapping[str, str],
    ) -> None:
        self._dependencies = dependencies
        self._operations = operations
        self._queue = queue
        self._versions = versions

    async def look(self, caller: Caller) -> Overview:
        """All parts, the queues, and what runs in which version."""
        states = self._dependencies.states()
        parts = {
            name: Part(status=states[name].status, detail=states[name].detail, since=states[name].since)
            for name in _SERVERS
        }
        versions = dict(self._versions)
        try:
            processes, versions["postgres"] = await self._operations.processes(caller.tenant_id)
            parts |= {name: part_of(processes, kind) for name, kind in _PROCESSES.items()}
        except DependencyError:
            unknown = Part(status="down", detail="unknown while Postgres does not answer", since=None)
            parts |= dict.fromkeys(_PROCESSES, unknown)
        return Overview(components=parts, topics=await self._topics(), versions=versions)

    async def _topics(self) -> Sequence[TopicStats]:
        try:
            return await self._queue.stats()
        except DependencyError:
            return ()

    def down(self) -> frozenset[str]:
        """Names of the servers that do not do their part now: they do not answer, or take no writes."""
        return frozenset(name for name, state in self._dependencies.states().items() if state.blocks)


def part_of(processes: Sequence[ProcessRow], kind: str) -> Part:
    """A part that consists of processes: up with all alive, degraded where one was lost a moment ago."""
    mine = [process for process in processes if process.kind == kind]
    alive = [process for process in mine if process.alive]
    if not alive:
        lost = max((process.lease_until for process in mine), default=None)
        return Part(status="down", detail="no process is alive", since=lost)
    missing = len(mine) - len(alive)
    detail = f"{len(alive)} alive" + (f", {missing} lost a moment ago" if missing else "")
    since = min(process.started_at for process in alive)
    return Part(status="degraded" if missing else "up", detail=detail, since=since)
