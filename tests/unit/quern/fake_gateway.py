"""A gateway that follows the contract over rows in memory, on a thread of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from unit.quern import shapes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from unit.quern.shapes import Json


@dataclass(frozen=True)
class Seen:
    """A request that came in."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: Any


@dataclass
class FakeGateway:
    """The rows, and what tests script: refusals of coming requests, and how events behave."""

    url: str = ""
    seen: list[Seen] = field(default_factory=list)
    refusals: list[tuple[str, int, Json | str, dict[str, str]]] = field(default_factory=list)
    events: str = "full"
    sources: dict[str, Json] = field(default_factory=dict)
    runs: dict[str, Json] = field(default_factory=dict)
    groups: list[Json] = field(default_factory=list)
    failed: list[Json] = field(default_factory=list)
    hits: list[Json] = field(default_factory=list)
    uploads: list[Json] = field(default_factory=list)
    ends_as: Json = field(default_factory=lambda: {"status": "succeeded"})
    ready: Json = field(default_factory=lambda: {"status": "up", "reason": None, "dependencies": {}})
    ledger: Json = field(default_factory=shapes.ledger)
    system: Json = field(default_factory=shapes.system)
    prunes: list[Json] = field(default_factory=list)
    pages: list[Json] = field(default_factory=list)
    dead: list[Json] = field(default_factory=list)
    gone_after_reads: int = 0
    retries_at_once: int = 1000
    _meant: int = 0

    def refuse(self, path: str, status: int, body: Json | str, times: int = 1, **headers: str) -> None:
        """Answer the next requests of a path with this."""
        self.refusals += [(path, status, body, {k.replace("_", "-"): v for k, v in headers.items()})] * times

    def requests(self, method: str, path: str) -> list[Seen]:
        return [seen for seen in self.seen if (seen.method, seen.path) == (method, path)]

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[self._middleware])
        app.add_routes(
            [
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
                web.get("/v1/stats", self._stats),
                web.get("/v1/system", self._system),
                web.get("/v1/system/ledger", self._ledger),
                web.post("/v1/sources", self._add_source),
                web.get("/v1/sources", self._sources),
                web.get("/v1/sources/{id}", self._source),
                web.patch("/v1/sources/{id}", self._source),
                web.delete("/v1/sources/{id}", self._delete_source),
                web.post("/v1/sources/{id}/sync", self._sync),
                web.post("/v1/ingest", self._ingest),
                web.get("/v1/ingestion-runs", self._runs),
                web.get("/v1/ingestion-runs/{id}", self._run),
                web.post("/v1/ingestion-runs/{id}/prune", self._decide),
                web.get("/v1/prunes", self._prunes),
                web.get("/v1/sources/{id}/pages", self._pages),
                web.get("/v1/system/dead-messages", self._dead),
                web.get("/v1/ingestion-runs/{id}/events", self._events),
                web.get("/v1/jobs/failed", self._failed),
                web.post("/v1/jobs/failed/retry", self._retry_many),
                web.post("/v1/jobs/{id}/retry", self._retry),
                web.post("/v1/jobs/{id}/rerun", self._rerun),
                web.get("/v1/groups", self._groups),
                web.post("/v1/groups", self._add_group),
                web.post("/v1/search", self._search),
                web.post("/v1/reindex", self._reindex),
                web.get("/v1/reindex/{id}", self._reindexed),
            ]
        )
        return app

    @web.middleware
    async def _middleware(self, request: web.Request, handler: Any) -> web.StreamResponse:
        body = None
        if request.content_type == "application/json" and request.can_read_body:
            body = json.loads(await request.text())
        seen = Seen(request.method, request.path, dict(request.query), dict(request.headers), body)
        self.seen.append(seen)
        for index, (path, status, answer, headers) in enumerate(self.refusals):
            if path == request.path:
                del self.refusals[index]
                text = answer if isinstance(answer, str) else json.dumps(answer)
                kind = "text/html" if isinstance(answer, str) else "application/problem+json"
                return web.Response(status=status, text=text, content_type=kind, headers=headers)
        response: web.StreamResponse = await handler(request)
        return response

    async def _healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "up"})

    async def _readyz(self, _request: web.Request) -> web.Response:
        return web.json_response(self.ready, status=200 if self.ready["status"] == "up" else 503)

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(
            {"sources": len(self.sources), "documents": 7, "failed_jobs": len(self.failed)}
        )

    async def _system(self, _request: web.Request) -> web.Response:
        return web.json_response(self.system)

    async def _ledger(self, _request: web.Request) -> web.Response:
        return web.json_response(self.ledger)

    def add_source(self, type_: str = "web", **changes: Any) -> Json:
        """A source that is there already."""
        source = shapes.source(type_, **changes)
        self.sources[source["id"]] = source
        return source

    def add_run(self, source_id: str | None, status: str = "queued", **changes: Any) -> Json:
        """A run that is there already."""
        run = shapes.run(source_id, status, **changes)
        self.runs[run["id"]] = run
        return run

    async def _add_source(self, request: web.Request) -> web.Response:
        given = await request.json()
        for source in self.sources.values():
            if source["url"] == given["url"]:
                return _refusal(409, "source_exists", "The source exists.", source_id=source["id"])
        source = self.add_source(url=given["url"], name=given.get("name") or given["url"], status="queued")
        run = self.add_run(source["id"], type="crawler", handler=None)
        return web.json_response({"source": source, "run": run}, status=201)

    async def _sources(self, request: web.Request) -> web.Response:
        wanted = request.query.get("q", "").lower()
        found = [
            source
            for source in self.sources.values()
            if any(wanted in (source[name] or "").lower() for name in ("name", "url", "file_name"))
        ]
        return web.json_response(shapes.page(found, request.query))

    async def _source(self, request: web.Request) -> web.Response:
        source = self.sources.get(request.match_info["id"])
        if source is None:
            return _refusal(404, "not_found", "There is no such source.")
        if request.method == "GET" and source["status"] == "deleting":
            self.gone_after_reads -= 1
            if self.gone_after_reads < 0:
                del self.sources[source["id"]]
                return _refusal(404, "not_found", "There is no such source.")
        return web.json_response(source)

    async def _delete_source(self, request: web.Request) -> web.Response:
        source = self.sources.get(request.match_info["id"])
        if source is None:
            return _refusal(404, "not_found", "There is no such source.")
        if source["status"] == "ingesting" and request.query["force"] != "true":
            return _refusal(409, "ingest_in_progress", "A run of it is active.", run_id=shapes.new_id())
        source["status"] = "deleting"
        return web.json_response({"id": source["id"], "status": "deleting"}, status=202)

    async def _reindex(self, request: web.Request) -> web.Response:
        given = await request.json()
        return web.json_response(shapes.rebuild(given.get("source_id")), status=202)

    async def _reindexed(self, _request: web.Request) -> web.Response:
        return web.json_response(shapes.rebuild(None, done=7, finished_at=shapes.LATER))

    async def _sync(self, request: web.Request) -> web.Response:
        run = self.add_run(request.match_info["id"], type="crawler", handler=None)
        return web.json_response({"run_id": run["id"]}, status=202)

    async def _ingest(self, request: web.Request) -> web.Response:
        upload: Json = {"length": request.content_length, "digest": hashlib.sha256(), "size": 0}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name != "file":
                upload[part.name or ""] = await part.text()
                continue
            upload["file_name"] = part.filename
            while piece := await part.read_chunk(65536):
                upload["digest"].update(piece)
                upload["size"] += len(piece)
        upload["digest"] = upload["digest"].hexdigest()
        self.uploads.append(upload)
        return self._accepted(upload)

    def _accepted(self, upload: Json) -> web.Response:
        if not upload["size"]:
            return _refusal(400, "empty_file", "The file is empty.")
        source = self.add_source("upload", file_name=upload["file_name"], name=upload["file_name"])
        earlier = [known["digest"] for known in self.uploads[:-1]]
        skipped = upload["digest"] in earlier
        changes = {"reason": "duplicate", "duplicate_of": shapes.new_id()} if skipped else {}
        run = self.add_run(source["id"], "skipped" if skipped else "queued", **changes)
        answer = {
            "run_id": run["id"],
            "status": run["status"],
            "source_id": source["id"],
            "document_id": shapes.new_id(),
            **changes,
        }
        return web.json_response(answer, status=202)

    async def _runs(self, request: web.Request) -> web.Response:
        wanted = request.query.get("source_id")
        found = [run for run in self.runs.values() if wanted in {None, run["source_id"]}]
        return web.json_response(shapes.page(found[::-1], request.query))

    async def _prunes(self, request: web.Request) -> web.Response:
        found = [item for item in self.prunes if item["state"] == request.query["state"]]
        return web.json_response(shapes.page(found, request.query))

    async def _pages(self, request: web.Request) -> web.Response:
        assert request.query["status"] == "held"
        return web.json_response(shapes.page(self.pages, request.query))

    async def _dead(self, request: web.Request) -> web.Response:
        wanted = request.query.get("topic")
        found = [message for message in self.dead if wanted in {None, message["topic"]}]
        return web.json_response(shapes.page(found, request.query))

    async def _decide(self, request: web.Request) -> web.Response:
        run_id = request.match_info["id"]
        (item,) = [item for item in self.prunes if item["run_id"] == run_id]
        if item["state"] != "held":
            return _refusal(409, "already_decided", "Somebody has decided already.")
        approve = (await request.json())["decision"] == "approve"
        item |= {"state": "approved" if approve else "rejected", "retired": item["pages"] if approve else 0}
        answer = {name: item[name] for name in ("run_id", "state", "pages", "retired")}
        return web.json_response(answer, status=202)

    async def _run(self, request: web.Request) -> web.Response:
        run = self.runs.get(request.match_info["id"])
        if run is None:
            return _refusal(404, "not_found", "There is no such run.")
        return web.json_response(run)

    def end(self, run: Json) -> Json:
        """Let a run end as scripted."""
        ended = {"finished_at": shapes.LATER, "waiting_for": None, **self.ends_as}
        counts = {
            "succeeded": int(ended["status"] == "succeeded"),
            "failed": int(ended["status"] == "failed"),
        }
        run.update(ended, progress=shapes.progress(percent=100, **counts))
        return run

    async def _events(self, request: web.Request) -> web.StreamResponse:
        run = self.runs.get(request.match_info["id"])
        if run is None:
            return _refusal(404, "not_found", "There is no such run.")
        if self.events == "busy":
            self.end(run)
            return _refusal(503, "too_many_streams", "Too many follow already.")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in self._pieces(run, request.headers.get("Last-Event-ID", "0")):
            await response.write(piece)
            await asyncio.sleep(0)
        if self.events == "silent":
            self.end(run)
            await asyncio.sleep(30)
        return response

    def _pieces(self, run: Json, after: str) -> Iterator[bytes]:
        moving = {"status": "running", "progress": run["progress"], "waiting_for": "host"}
        line = {
            "id": 41,
            "job_id": run["id"],
            "ts": shapes.MOMENT,
            "level": "info",
            "message": "fetched",
            "fields": {"text": "a\u2028b"},
        }
        yield b": hello\n\n" + _event("progress", moving, "0")
        if after == "0":
            yield _event("log", line, "41")
        if self.events == "cut":
            self.events = "full"
            return
        if self.events == "full":
            yield _event("done", self.end(run), "41")

    async def _failed(self, request: web.Request) -> web.Response:
        code = request.query.get("error_code")
        return web.json_response(
            shapes.page([job for job in self.failed if code in {None, job["error_code"]}], request.query)
        )

    async def _retry(self, request: web.Request) -> web.Response:
        job_id = request.match_info["id"]
        if not self._take_failed(lambda job: job["id"] == job_id):
            return _refusal(409, "not_failed", "The job has not failed.")
        return web.json_response({"job_id": job_id}, status=202)

    async def _retry_many(self, request: web.Request) -> web.Response:
        given = await request.json()
        if "ids" in given:
            taken = self._take_failed(lambda job: job["id"] in given["ids"])
        elif "error_code" in given:
            taken = self._take_failed(lambda job: job["error_code"] == given["error_code"])
        else:
            taken = self._take_failed(lambda _job: given["all"] is True)
        return web.json_response({"retried": taken, "remaining": self._meant - taken}, status=202)

    def _take_failed(self, wanted: Any) -> int:
        meant = [job["id"] for job in self.failed if wanted(job)]
        self._meant = len(meant)
        taken = meant[: self.retries_at_once]
        self.failed = [job for job in self.failed if job["id"] not in taken]
        return len(taken)

    async def _rerun(self, request: web.Request) -> web.Response:
        run = self.add_run(self.runs[request.match_info["id"]]["source_id"])
        return web.json_response({"job_id": run["id"]}, status=201)

    async def _groups(self, request: web.Request) -> web.Response:
        return web.json_response(shapes.page(self.groups, request.query))

    async def _add_group(self, request: web.Request) -> web.Response:
        name = (await request.json())["name"]
        group = {"id": shapes.new_id(), "name": name, "sources": 0, "created_at": shapes.MOMENT}
        self.groups.append(group)
        return web.json_response(group, status=201)

    async def _search(self, request: web.Request) -> web.Response:
        limit = (await request.json())["limit"]
        return web.json_response({"items": self.hits[:limit], "took_ms": 12})


def _event(name: str, data: Json, event_id: str) -> bytes:
    return f"id: {event_id}\nevent: {name}\ndata: {json.dumps(data, ensure_ascii=False)}\n\n".encode()


def _refusal(status: int, code: str, detail: str, **members: Any) -> web.Response:
    body = json.dumps(shapes.problem(status, code, detail, **members))
    return web.Response(status=status, text=body, content_type="application/problem+json")


@contextmanager
def serving(fake: FakeGateway) -> Iterator[FakeGateway]:
    """Serve on a free port of loopback, in a thread: the CLI under test runs an event loop of its own."""
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        runner = web.AppRunner(fake.app(), access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        fake.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        started.set()
        await stop.wait()
        await runner.cleanup()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), name="fake-gateway")
    thread.start()
    assert started.wait(10)
    try:
        yield fake
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        loop.close()
