"""What Postgres does for a query that the product runs: its plan, the rows it looks at and the pages it reads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from shared.postgres.database import Database


@dataclass(frozen=True, slots=True)
class Plan:
    """One query as it was executed.

    Attributes:
        query: its text.
        root: the plan, as EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) tells it.
        milliseconds: how long it took; for figures, never for assertions.
    """

    query: str
    root: dict[str, Any]
    milliseconds: float

    @property
    def name(self) -> str:
        """What the query is called in its file."""
        return self.query.partition("*/")[0].strip("/* ") or self.query[:40]

    @property
    def pages(self) -> int:
        """Pages of 8 KiB, from memory or not."""
        return int(self.root["Shared Hit Blocks"] + self.root["Shared Read Blocks"])

    @property
    def rows(self) -> int:
        """Rows that its scans looked at, kept or not; a bitmap's entries are looked at in the table."""
        scans = [node for node in self.nodes() if node["Node Type"].endswith("Scan")]
        return round(sum(_looked_at(node) for node in scans if node["Node Type"] != "Bitmap Index Scan"))

    @property
    def indexes(self) -> set[str]:
        """The indexes that it used."""
        return {node["Index Name"] for node in self.nodes() if "Index Name" in node}

    @property
    def read_whole(self) -> set[str]:
        """Tables that it read from beginning to end."""
        return {node["Relation Name"] for node in self.nodes() if node["Node Type"].endswith("Seq Scan")}

    def nodes(self) -> Iterator[dict[str, Any]]:
        """Every node of the plan."""
        waiting = [self.root]
        while waiting:
            node = waiting.pop()
            yield node
            waiting += node.get("Plans", ())


def _looked_at(node: dict[str, Any]) -> float:
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return float((node["Actual Rows"] + removed) * node["Actual Loops"])


@dataclass
class Explained:
    """Stands for a database: every query is explained with its own arguments, then run.

    A query with its arguments is planned for them, as ``Database.run`` asks for where filters differ each time.
    """

    database: Database
    plans: list[Plan] = field(default_factory=list)
    options: list[dict[str, Any]] = field(default_factory=list)

    async def run(self, work: Callable[[Any], Awaitable[Any]], *principal: Any, **options: Any) -> Any:
        """As ``Database.run``."""

        self.options.append(options)

        async def explained(connection: Any) -> Any:
            return await work(_Connection(connection, self.plans))

        return await self.database.run(explained, *principal, **options)


class _Connection:
    def __init__(self, connection: Any, plans: list[Plan]) -> None:
        self._connection = connection
        self._plans = plans

    async def fetch(self, query: str, *arguments: Any) -> Any:
        await self._explain(query, arguments)
        return await self._connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> Any:
        await self._explain(query, arguments)
        return await self._connection.fetchrow(query, *arguments)

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        await self._explain(query, arguments)
        return await self._connection.fetchval(query, *arguments)

    async def _explain(self, query: str, arguments: tuple[Any, ...]) -> None:
        if "SHOW " in query:
            return
        told = await self._connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {query}", *arguments)
        [whole] = json.loads(told) if isinstance(told, str) else told
        self._plans.append(Plan(query, whole["Plan"], whole["Execution Time"]))
