"""What a page of a test site answers: content, redirects, refusals, and the ways in which servers misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

Answer = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True)
class Page:
    """Content with validators; answers 304 where the client has it."""

    body: bytes
    content_type: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    etag: bool = True
    last_modified: datetime | None = None

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        headers = {"Content-Type": self.content_type, **self.headers}
        if self.etag:
            headers["ETag"] = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'
        if self.last_modified is not None:
            headers["Last-Modified"] = format_datetime(self.last_modified, usegmt=True)
        if self._is_known(request, headers):
            return web.Response(status=304, headers=headers)
        return web.Response(body=self.body, status=self.status, headers=headers)

    def _is_known(self, request: web.BaseRequest, headers: Mapping[str, str]) -> bool:
        known = request.headers.get("If-None-Match")
        if known is not None:
            return self.etag and known == headers["ETag"]
        since = request.headers.get("If-Modified-Since")
        return since is not None and since == headers.get("Last-Modified")


def redirect(target: str, status: int) -> Answer:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, headers={"Location": target})

    return answer


def refusal(status: int, headers: Mapping[str, str]) -> Answer:
    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=status, text=f"refused with {status}", headers=headers)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """Each answer once, the last one for ever."""
    waiting = list(answers)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        current = waiting.pop(0) if len(waiting) > 1 else waiting[0]
        return await current(request)

    return answer


def slow(seconds: float, then: Answer) -> Answer:
    """A server that has to think before it answers."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await asyncio.sleep(seconds)
        return await then(request)

    return answer


def held(release: asyncio.Event, then: Answer) -> Answer:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        await release.wait()
        return await then(request)

    return answer


def drip(piece: bytes, pause_seconds: float) -> Answer:
    """Pieces for ever, each just before a patient client would give up."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        await response.prepare(request)
        with contextlib.suppress(ConnectionError):  # the client has had enough
            while True:
                await response.write(piece)
                await asyncio.sleep(pause_seconds)
        return response

    return answer


def endless(piece: bytes) -> Answer:
    """As much as the client takes, without end."""
    return drip(piece, 0)


def gzip_bomb(megabytes: int) -> Answer:
    body = gzip.compress(b"\0" * (megabytes << 20), 9)

    async def answer(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(
            body=body, headers={"Content-Type": "text/html", "Content-Encoding": "gzip", "ETag": '"bomb"'}
        )

    return answer


def folder(root: Path, prefix: str) -> Answer:
    """The files of a folder, with ``index.html`` for each folder in it."""

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        path = (root / request.path.removeprefix(prefix).lstrip("/")).resolve()
        if path.is_dir():
            path /= "index.html"
        if not path.is_relative_to(root) or not path.is_file():
            return web.Response(status=404, text="not found")
        return web.FileResponse(path)

    return answer
