"""What a running stack really holds, seen past its services: rows, objects, messages, metrics, logs."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from native.postgres_programs import execute, psql
from support.client import until

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    import aiohttp
    import asyncpg

    from support.stacks import StackUnderTest

TENANT: Final = "default"
DIMENSIONS: Final = 256
LISTED_AT_ONCE: Final = 500
ASKED_AT_ONCE: Final = 50
FOUND_AT_MOST: Final = 10_000
"""Hits of one search, by Weaviate's own limit (QUERY_MAXIMUM_RESULTS): no document of a test has more chunks."""
QUIET_SECONDS: Final = 60.0

EXPECTED: Final = """
    SELECT DISTINCT vc.chunk_id::text, v.source_id::text, v.document_id::text, o.object_id::text
    FROM document_versions v JOIN sources s ON s.id = v.source_id JOIN version_chunks vc ON vc.version_id = v.id
    JOIN tenants t ON t.id = v.tenant_id AND t.slug = $1
    LEFT JOIN objects o ON o.chunk_id = vc.chunk_id AND o.state = 'active'
    WHERE v.is_active AND s.status = 'live'"""

UNDER_WAY: Final = """
    SELECT state, count(*) FROM objects
    WHERE state IN ('staged', 'superseded') OR (state = 'deleting' AND deleted_at IS NULL) GROUP BY state"""

LEFT_OF_SOURCE: Final = """
    SELECT 'chunks' AS place, count(*) FROM chunks WHERE source_id = $1
    UNION ALL SELECT 'documents', count(*) FROM documents WHERE source_id = $1
    UNION ALL SELECT 'versions', count(*) FROM document_versions WHERE source_id = $1
    UNION ALL SELECT 'pages', count(*) FROM crawl_pages WHERE source_id = $1
    UNION ALL SELECT 'failures', count(*) FROM failed_jobs WHERE source_id = $1
    UNION ALL SELECT 'jobs', count(*) FROM jobs WHERE source_id = $1
    UNION ALL SELECT 'objects', count(*) FROM objects WHERE source_id = $1 AND state <> 'deleting'"""


class Truth:
    """Looks at the servers of a stack directly, as its owner; at the objects of one tenant."""

    def __init__(
        self,
        *,
        stack: StackUnderTest,
        session: aiohttp.ClientSession,
        postgres: asyncpg.Pool,
        tenant: str = TENANT,
    ) -> None:
        self.stack = stack
        self._session = session
        self._postgres = postgres
        self._tenant = tenant

    # Postgres

    async def rows(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Rows of a query."""
        return list(await self._postgres.fetch(sql, *arguments))

    async def at_once(self, queries: Iterable[str]) -> list[list[asyncpg.Record]]:
        """Rows of several queries, all of one moment."""
        async with (
            self._postgres.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return [list(await connection.fetch(sql)) for sql in queries]

    async def value(self, sql: str, *arguments: object) -> Any:
        """The first value of a query."""
        return await self._postgres.fetchval(sql, *arguments)

    async def owner_of(self, url: str) -> str | None:
        """The name of the process that works on the page of this URL now."""
        name: str | None = await self.value(
            "SELECT w.instance FROM jobs j JOIN workers w ON w.id = j.worker_id"
            " WHERE j.status = 'running' AND j.stage = 'claimed' AND j.payload ->> 'url' = $1",
            url,
        )
        return name

    async def left_of(self, source_id: str) -> dict[str, int]:
        """How many rows of a source are left, by table; tables without any are left out."""
        return {
            row["place"]: row["count"] for row in await self.rows(LEFT_OF_SOURCE, source_id) if row["count"]
        }

    async def dump(self) -> str:
        """A backup, as ``pg_dump`` writes it."""
        url = self.stack.file.database_url
        return await asyncio.to_thread(execute, "pg_dump", ["--clean", "--if-exists", f"--dbname={url}"], {})

    async def restore(self, backup: str) -> None:
        """Bring the database back to a backup while everybody is at work, in one transaction."""
        url = self.stack.file.database_url
        await asyncio.to_thread(psql, url, f"BEGIN;\n{backup}\nCOMMIT;")

    # Weaviate

    async def objects(self, **where: str) -> list[dict[str, Any]]:
        """All objects of the tenant, with their properties; found by a scan, without any index."""
        found: list[dict[str, Any]] = []
        after = ""
        while True:
            page = await self._weaviate(
                "GET",
                "/v1/objects",
                params={
                    "class": "Chunks",
                    "tenant": self._tenant,
                    "limit": str(LISTED_AT_ONCE),
                    "after": after,
                },
            )
            found += [{"id": item["id"], **item["properties"]} for item in page["objects"]]
            if len(page["objects"]) < LISTED_AT_ONCE:
                return [item for item in found if where.items() <= item.items()]
            after = found[-1]["id"]

    async def near(self, object_ids: Mapping[str, str]) -> dict[str, set[str]]:
        """For each document, with the id of one of its objects: the ids that a search by that one's vector finds in it.

        Weaviate compares all vectors of so few objects; one that lost its vector is not among them.
        """
        name = await self._collection()
        found: dict[str, set[str]] = {}
        keys = list(object_ids)
        for documents in (keys[at : at + ASKED_AT_ONCE] for at in range(0, len(keys), ASKED_AT_ONCE)):
            queries = [
                f'd{n}: {name}(tenant: "{self._tenant}", limit: {FOUND_AT_MOST}, nearObject: {{id: "{object_ids[key]}"}},'
                f' where: {{path: ["document_id"], operator: Equal, valueText: "{key}"}}) {{ _additional {{ id }} }}'
                for n, key in enumerate(documents)
            ]
            query = f"{{ Get {{ {' '.join(queries)} }} }}"
            answer = await self._weaviate("POST", "/v1/graphql", json={"query": query})
            assert not answer.get("errors"), answer["errors"]
            for n, key in enumerate(documents):
                found[key] = {hit["_additional"]["id"] for hit in answer["data"]["Get"][f"d{n}"]}
        return found

    async def take_object(self, object_id: str) -> None:
        """Remove an object behind everybody's back."""
        await self._weaviate(
            "DELETE", f"/v1/objects/{await self._collection()}/{object_id}?tenant={self._tenant}"
        )

    async def plant_object(self, properties: dict[str, str]) -> None:
        """Add an object that nobody knows, with a vector that is as good as any."""
        vector = [1.0] + [0.0] * (DIMENSIONS - 1)
        planted = {"class": await self._collection(), "tenant": self._tenant, "properties": properties}
        await self._weaviate("POST", "/v1/objects", json=planted | {"vectors": {"content": vector}})

    async def set_shard(self, status: str) -> None:
        """Make the tenant's shard READONLY, as a full disk does, or READY again."""
        path = f"/v1/schema/{await self._collection()}/shards/{TENANT}"
        await self._weaviate("PUT", path, json={"status": status})

    async def change_object(self, object_id: str, properties: dict[str, str]) -> None:
        """Change properties of an object behind everybody's back."""
        name = await self._collection()
        changed = {"class": name, "tenant": TENANT, "id": object_id, "properties": properties}
        await self._weaviate("PATCH", f"/v1/objects/{name}/{object_id}", json=changed)

    async def lose(self, what: str) -> None:
        """Take the ``collection``, the ``tenant`` or the ``alias`` away."""
        name = await self._collection()
        if what == "tenant":
            await self._weaviate("DELETE", f"/v1/schema/{name}/tenants", json=[TENANT])
        else:
            path = f"/v1/schema/{name}" if what == "collection" else "/v1/aliases/Chunks"
            await self._weaviate("DELETE", path)

    async def _collection(self) -> str:
        """What the alias stands for: not everywhere does Weaviate take the alias itself."""
        name: str = (await self._weaviate("GET", "/v1/aliases/Chunks"))["class"]
        return name

    async def _is_provided(self) -> bool:
        """Whether collection, alias and tenant are there; an empty Weaviate has none of them."""
        alias = await self._ask("GET", "/v1/aliases/Chunks")
        if alias is None or await self._ask("GET", f"/v1/schema/{alias['class']}") is None:
            return False
        return await self._ask("GET", f"/v1/schema/{alias['class']}/tenants/{self._tenant}") is not None

    async def _weaviate(self, method: str, path: str, **options: Any) -> Any:
        body = await self._ask(method, path, **options)
        assert body is not None, f"Weaviate has no {path}"
        return body

    async def _ask(self, method: str, path: str, **options: Any) -> Any:
        """Ask Weaviate; None for what is not there."""
        file = self.stack.file
        headers = {"Authorization": f"Bearer {file.weaviate_api_key}"}
        url = file.weaviate_url + path
        async with self._session.request(method, url, headers=headers, **options) as response:
            if response.status == HTTPStatus.NOT_FOUND:
                return None
            assert response.ok, await response.text()
            return await response.json() if response.content_type == "application/json" else {}

    # NSQ

    async def publish(self, topic: str, body: bytes) -> None:
        """Put a message on a topic, whatever it says."""
        url = f"{self.stack.file.nsqd_http}/pub"
        async with self._session.post(url, params={"topic": topic}, data=body) as response:
            assert response.status == 200, await response.text()

    async def messages(self, topic: str) -> int:
        """How many messages a topic has taken since nsqd started."""
        return sum(entry["message_count"] for entry in await self._topics() if entry["topic_name"] == topic)

    async def waiting(self) -> int:
        """How many messages wait in a channel, or are being worked on."""
        return sum(
            channel["depth"] + channel["in_flight_count"] + channel["deferred_count"]
            for topic in await self._topics()
            for channel in topic["channels"]
        )

    async def _topics(self) -> list[dict[str, Any]]:
        url = f"{self.stack.file.nsqd_http}/stats"
        async with self._session.get(url, params={"format": "json"}) as response:
            found: list[dict[str, Any]] = (await response.json(content_type=None))["topics"]
            return found

    # Processes and files

    def blobs(self) -> set[Path]:
        """The originals of uploads."""
        return {path for path in self.stack.layout.blobs.rglob("*") if path.is_file()}

    async def kill9(self, name: str) -> None:
        """Kill a process and wait until its successor is there."""
        await asyncio.to_thread(self.stack.wait_replaced, name, self.stack.kill9(name))

    async def wipe(self, name: str) -> None:
        """Take a server's data away under it, and kill it; the supervisor starts it with nothing."""
        await asyncio.to_thread(self.stack.pause, name)
        for path in (self.stack.layout.root / name).iterdir():
            await asyncio.to_thread(shutil.rmtree if path.is_dir() else type(path).unlink, path)
        await self.kill9(name)

    async def metric(self, name: str, *, of: str) -> float:
        """A metric, summed over its labels and over all processes whose name begins with ``of``."""
        total = 0.0
        for process in self.stack.file.processes:
            if not process.name.startswith(of):
                continue
            async with self._session.get(f"http://127.0.0.1:{process.admin_port}/metrics") as response:
                text = await response.text()
            for line in text.splitlines():
                series, _, value = line.rpartition(" ")
                if series.partition("{")[0] == name:
                    total += float(value)
        return total

    def log_lines(self, name: str, **fields: object) -> list[dict[str, Any]]:
        """Lines of a process's log that have these fields; every line of a service is JSON."""
        lines = [json.loads(line) for line in self.stack.log(name).splitlines() if line.strip()]
        return [line for line in lines if fields.items() <= line.items()]

    def exit_words(self, name: str) -> list[str]:
        """How supervisord saw a process end: one line each time."""
        log = (self.stack.layout.logs / "supervisord.log").read_text()
        words = (f"stopped: {name} (", f"exited: {name} (")
        return [line for line in log.splitlines() if any(word in line for word in words)]

    # The promises

    async def converged(self) -> None:
        """P1 and P4: nothing is open, the ledger balances, Weaviate has what the rows say, all of it findable."""
        last: list[str] = ["nothing was looked at"]

        async def nothing_wrong() -> bool:
            last[:] = await self._wrong()
            return not last

        try:
            await until(nothing_wrong, "the system is quiet and nothing is wrong", seconds=QUIET_SECONDS)
        except AssertionError as late:
            for problem in last:
                late.add_note(problem)
            raise

    async def _wrong(self) -> list[str]:
        async with self._session.get(f"{self.stack.gateway_url}/v1/system/ledger") as response:
            ledger = await response.json()
        if not ledger["balanced"] or ledger["in_flight"]:
            return [f"ledger: {ledger}"]
        if rows := await self.rows(UNDER_WAY):
            return [f"objects on their way in or out: {[tuple(row) for row in rows]}"]
        if not await self._is_provided():
            return ["Weaviate has no place for objects"]
        expected = {row["chunk_id"]: row for row in await self.rows(EXPECTED, self._tenant)}
        objects = await self.objects()
        present = Counter(item["chunk_id"] for item in objects)
        problems = [
            *_listed("chunks without an object", expected.keys() - present.keys()),
            *_listed("objects without a served chunk", present.keys() - expected.keys()),
            *_listed("chunks with several objects", [key for key, count in present.items() if count > 1]),
            *_listed("objects that are not what the rows say of their chunk", _foreign(objects, expected)),
        ]
        return problems or await self._not_found(objects)

    async def _not_found(self, objects: Sequence[dict[str, Any]]) -> list[str]:
        members: dict[str, set[str]] = {}
        for item in objects:
            members.setdefault(item["document_id"], set()).add(item["id"])
        found = await self.near({key: min(ids) for key, ids in members.items()})
        lost = [lost for key, ids in members.items() for lost in ids ^ found[key]]
        return _listed("objects that a search by vector does not find", lost)


_SAME: Final = ("object_id", "source_id", "document_id")


def _foreign(objects: Iterable[dict[str, Any]], expected: dict[str, asyncpg.Record]) -> list[str]:
    return [
        item["id"]
        for item in objects
        if (row := expected.get(item["chunk_id"])) is not None
        and tuple(row[name] for name in _SAME) != (item["id"], item["source_id"], item["document_id"])
    ]


def _listed(what: str, ids: Iterable[str]) -> list[str]:
    some = sorted(ids)
    return [f"{len(some)} {what}: {', '.join(some[:5])}"] if some else []
