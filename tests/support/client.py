"""The product as its users have it: through HTTP and nothing else."""

from __future__ import annotations

import asyncio
import io
import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import aiohttp

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

Json = dict[str, Any]

TERMINAL: Final = frozenset({"succeeded", "failed", "cancelled", "skipped"})
REQUEST_SECONDS: Final = 30.0
CHANGE_SECONDS: Final = 60.0
POLL_SECONDS: Final = 0.05


async def until(
    condition: Callable[[], Awaitable[Any]], what: str, *, seconds: float = CHANGE_SECONDS
) -> Any:
    """Poll until the answer is truthy; that answer. Fails with ``what`` after so many seconds."""
    deadline = time.monotonic() + seconds
    while not (answer := await condition()):
        assert time.monotonic() < deadline, f"not so after {seconds:g} s: {what}"
        await asyncio.sleep(POLL_SECONDS)
    return answer


@dataclass(frozen=True)
class Answer:
    """A response: ``body`` is JSON where it is said to be, else text."""

    status: int
    headers: Mapping[str, str]
    body: Any


@dataclass
class Event:
    """A server-sent event."""

    name: str = "message"
    id: str = ""
    data: Any = None


@dataclass(frozen=True)
class Uploaded:
    """What was uploaded, and its run."""

    source_id: str
    run_id: str
    document_id: str
    answer: Json = field(repr=False)


class Client:
    """Calls the gateway; every method asserts the status that it expects.

    Args:
        session: an open HTTP session.
        url: of the gateway, without a slash at the end.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Any request; the answer whatever its status."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_SECONDS)
        async with self._session.request(method, self._url + path, timeout=timeout, **options) as response:
            is_json = response.content_type.endswith("json")
            body = await response.json(content_type=None) if is_json else await response.text()
            return Answer(response.status, dict(response.headers), body)

    async def get(self, path: str, **query: Any) -> Any:
        """GET; the body of a 200."""
        answer = await self.call("GET", path, params=query)
        assert answer.status == 200, answer
        return answer.body

    async def post(self, path: str, body: Json | None = None, *, status: int) -> Any:
        """POST; the body of an answer with this status."""
        answer = await self.call("POST", path, json=body or {})
        assert answer.status == status, answer
        return answer.body

    async def refused(self, method: str, path: str, *, status: int, code: str, **options: Any) -> Json:
        """A request that is refused, with a problem of RFC 9457 and a sentence for people."""
        answer = await self.call(method, path, **options)
        assert answer.status == status, answer
        assert answer.headers["Content-Type"].startswith("application/problem+json")
        assert answer.body["code"] == code, answer
        assert answer.body["status"] == status
        assert answer.body["title"]
        assert answer.body["detail"]
        assert answer.body["request_id"] == answer.headers["X-Request-ID"]
        problem: Json = answer.body
        return problem

    # Sources and uploads

    async def add_site(self, url: str, **crawl: Any) -> tuple[str, str]:
        """Point it at a site: ids of the source and of its first run."""
        added = await self.post("/v1/sources", {"type": "web", "url": url, "crawl": crawl}, status=201)
        return added["source"]["id"], added["run"]["id"]

    async def crawl(self, url: str, **crawl: Any) -> str:
        """Point it at a site and wait until it is searchable: the source's id."""
        source_id, run_id = await self.add_site(url, **crawl)
        await self.succeeded(run_id)
        return source_id

    async def sync(self, source_id: str) -> Json:
        """Crawl again and wait for the end: the run."""
        started = await self.post(f"/v1/sources/{source_id}/sync", status=202)
        return await self.succeeded(started["run_id"])

    async def send(self, name: str, body: bytes, **fields: str) -> Answer:
        """Upload a file; the answer whatever its status."""
        form = aiohttp.FormData()
        for key, value in fields.items():
            form.add_field(key, value)
        form.add_field("file", io.BytesIO(body), filename=name, content_type="application/octet-stream")
        return await self.call("POST", "/v1/ingest", data=form)

    async def upload(self, name: str, body: bytes, **fields: str) -> Uploaded:
        """Upload a file that is accepted."""
        answer = await self.send(name, body, **fields)
        assert answer.status == 202, answer
        accepted = answer.body
        return Uploaded(accepted["source_id"], accepted["run_id"], accepted["document_id"], accepted)

    async def ingest(self, name: str, body: bytes, **fields: str) -> Uploaded:
        """Upload a file and wait until it is searchable."""
        uploaded = await self.upload(name, body, **fields)
        await self.succeeded(uploaded.run_id)
        return uploaded

    async def delete(self, source_id: str, *, force: bool = False) -> None:
        """Delete a source."""
        answer = await self.call("DELETE", f"/v1/sources/{source_id}", params={"force": str(force).lower()})
        assert answer.status == 202, answer
        assert answer.body == {"id": source_id, "status": "deleting"}

    # Runs and jobs

    async def run(self, run_id: str) -> Json:
        """A run."""
        found: Json = await self.get(f"/v1/ingestion-runs/{run_id}")
        return found

    async def ended(self, run_id: str, *, seconds: float = CHANGE_SECONDS) -> Json:
        """Wait for the end of a run, however it ends."""
        run: Json = {}

        async def is_over() -> bool:
            run.update(await self.run(run_id))
            return run["status"] in TERMINAL

        try:
            await until(is_over, "the run has ended", seconds=seconds)
        except AssertionError as late:
            late.add_note(f"run: {run}")
            late.add_note(f"children: {await self.children(run_id)}")
            raise
        return run

    async def succeeded(self, run_id: str, *, seconds: float = CHANGE_SECONDS) -> Json:
        """Wait until a run has succeeded."""
        run = await self.ended(run_id, seconds=seconds)
        assert run["status"] == "succeeded", run
        return run

    async def failed(self, run_id: str, error_code: str) -> Json:
        """Wait until a run has failed so, with a sentence for people."""
        run = await self.ended(run_id)
        assert (run["status"], run["error_code"]) == ("failed", error_code), run
        assert run["error"].rstrip().endswith("."), run
        return run

    async def children(self, run_id: str) -> list[Json]:
        """The pages of a run."""
        found: list[Json] = (await self.get(f"/v1/jobs/{run_id}/children", limit=500))["items"]
        return found

    async def failures(self, source_id: str) -> list[Json]:
        """The rows of failed work of a source."""
        found = await self.get("/v1/jobs/failed", limit=500)
        return [row for row in found["items"] if row["source_id"] == source_id]

    async def events(self, run_id: str, *, after: str | None = None) -> AsyncIterator[Event]:
        """The events of a run until the server ends the stream."""
        headers = {} if after is None else {"Last-Event-ID": after}
        timeout = aiohttp.ClientTimeout(total=CHANGE_SECONDS)
        path = f"{self._url}/v1/ingestion-runs/{run_id}/events"
        async with self._session.get(path, headers=headers, timeout=timeout) as response:
            assert response.status == 200
            assert response.content_type == "text/event-stream"
            event = Event()
            async for raw in response.content:
                line = raw.decode().rstrip("\n")
                name, _, value = line.partition(": ")
                if name == "event":
                    event.name = value
                elif name == "id":
                    event.id = value
                elif name == "data":
                    event.data = json.loads(value)
                elif not line and event.data is not None:
                    yield event
                    event = Event()

    # What is found

    async def search(self, query: str, **more: Any) -> list[Json]:
        """Search; keyword arguments that end in ``_ids``, and types and languages, are filters."""
        narrow = {"types", "languages", *(name for name in more if name.endswith("_ids"))}
        filters = {name: more.pop(name) for name in list(more) if name in narrow}
        found = await self.post(
            "/v1/search", {"query": query, **more} | ({"filters": filters} if filters else {}), status=200
        )
        items: list[Json] = found["items"]
        return items

    async def documents(self, source_id: str, **query: Any) -> list[Json]:
        """The documents of a source."""
        found: list[Json] = (await self.get("/v1/documents", source_id=source_id, limit=500, **query))[
            "items"
        ]
        return found

    async def chunks(self, document_id: str) -> list[Json]:
        """The chunks of a document, all of them in reading order."""
        found: list[Json] = (await self.get(f"/v1/documents/{document_id}/chunks", limit=500))["items"]
        return found

    async def contents(self, source_id: str, root: str) -> dict[str, list[tuple[str, ...]]]:
        """All that is served of a site: the chunks of each page, as heading path and text, by path below ``root``."""
        return {
            document["source_uri"].removeprefix(root): [
                (*chunk["heading_path"], chunk["text"]) for chunk in await self.chunks(document["id"])
            ]
            for document in await self.documents(source_id)
        }
