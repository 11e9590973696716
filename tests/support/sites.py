"""A web site under a test's control, in a thread of its own so that any test can use it.

From a test::

    with TestSite() as site:
        site.page("/", "<a href='/about'>About</a>")
        site.page("/about", "<h1>About</h1>")
        ...
        assert site.hits["/about"] == 1

As a process, for benchmarks::

    python tests/support/sites.py FOLDER --host 127.0.0.2 --port 19400
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from xml.sax.saxutils import escape

from aiohttp import web

if __name__ == "__main__":  # run as a file, this is its own package
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support import site_answers as answers

if TYPE_CHECKING:
    import ssl
    from collections.abc import Coroutine, Iterable, Mapping
    from datetime import datetime
    from types import TracebackType

    from support.site_answers import Answer

START_SECONDS = 10
KEPT_REQUESTS = 10_000


@dataclass(frozen=True)
class SeenRequest:
    """A request that the site received."""

    path: str
    headers: Mapping[str, str]
    at: float


class TestSite:
    """Pages, and the ways in which a site can misbehave; all of it may change while it serves.

    Args:
        host: an address of the loopback network; another one is another host.
        port: 0 takes a free one.
        tls: serve https with this context.

    Attributes:
        hits: how often each path was asked for, its query string included where there is one.
        requests: the latest ones, oldest first.
    """

    __test__ = False  # no test, whatever its name says to pytest

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> None:
        self.hits: Counter[str] = Counter()
        self.not_modified: Counter[str] = Counter()
        self.requests: deque[SeenRequest] = deque(maxlen=KEPT_REQUESTS)
        self._host, self._port, self._tls = host, port, tls
        self._answers: dict[str, Answer] = {}
        self._folders: dict[str, Answer] = {}
        self._held: dict[str, asyncio.Event] = {}
        self._changed = threading.Condition()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="site", daemon=True)
        self._runner: web.ServerRunner | None = None

    # Serving

    def __enter__(self) -> Self:
        self._thread.start()
        self._run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(START_SECONDS)
        self._loop.close()

    @property
    def host(self) -> str:
        """Host and port, as ``WebUrl.site`` has it."""
        return f"{self._host}:{self._port}"

    def url(self, path: str = "/") -> str:
        """The address of a path."""
        return f"{'https' if self._tls else 'http'}://{self.host}{path}"

    # What it serves

    def page(
        self,
        path: str,
        body: str | bytes,
        *,
        content_type: str = "text/html; charset=utf-8",
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        etag: bool = True,
        last_modified: datetime | None = None,
    ) -> None:
        """Content; called again, it has changed."""
        data = body.encode() if isinstance(body, str) else body
        self.answer(path, answers.Page(data, content_type, status, dict(headers or {}), etag, last_modified))

    def links(self, path: str, *targets: str, text: str = "") -> None:
        """A small page of ``text`` that links to ``targets``."""
        anchors = "".join(f'<p><a href="{escape(target)}">{escape(target)}</a></p>' for target in targets)
        title = text or f"Page {path}"
        self.page(
            path, f"<html><head><title>{title}</title></head><body><h1>{title}</h1>{anchors}</body></html>"
        )

    def robots(self, text: str) -> None:
        """The rules of the site."""
        self.page("/robots.txt", text, content_type="text/plain")

    def sitemap(self, locations: Iterable[str], path: str = "/sitemap.xml", *, index: bool = False) -> None:
        """A sitemap of absolute addresses, or an index of sitemaps."""
        outer, inner = ("sitemapindex", "sitemap") if index else ("urlset", "url")
        items = "".join(f"<{inner}><loc>{escape(loc)}</loc></{inner}>" for loc in locations)
        xmlns = "http://www.sitemaps.org/schemas/sitemap/0.9"
        self.page(path, f'<{outer} xmlns="{xmlns}">{items}</{outer}>', content_type="application/xml")

    def redirect(self, path: str, target: str, status: int = 302) -> None:
        """Send visitors on; ``target`` as it stands in the Location header."""
        self.answer(path, answers.redirect(target, status))

    def refuse(self, path: str, status: int, *, times: int | None = None, **headers: str) -> None:
        """Answer with ``status``, for ever or ``times`` times, then as before.

        Names of headers are written with underscores: ``Retry_After="2"``.
        """
        refusal = answers.refusal(status, {name.replace("_", "-"): value for name, value in headers.items()})
        before = self._answers.get(path, answers.refusal(404, {}))
        self.answer(path, refusal if times is None else answers.in_turn(*[refusal] * times, before))

    def drip(self, path: str, *, piece: bytes = b"<p>.</p>", pause_seconds: float = 0.05) -> None:
        """A body that never ends, a little at a time."""
        self.answer(path, answers.drip(piece, pause_seconds))

    def endless(self, path: str, *, piece: bytes = b"x" * 65536) -> None:
        """A body that never ends, as fast as the client takes it."""
        self.answer(path, answers.endless(piece))

    def gzip_bomb(self, path: str, *, megabytes: int = 100) -> None:
        """A small body that unpacks to a large one."""
        self.answer(path, answers.gzip_bomb(megabytes))

    def folder(self, root: Path, prefix: str = "/") -> None:
        """Real files, for every path below ``prefix`` that has no answer of its own."""
        self._folders[prefix] = answers.folder(root.resolve(), prefix)

    def answer(self, path: str, answer: Answer) -> None:
        """Any answer at all."""
        self._answers[path] = answer

    def remove(self, path: str) -> None:
        """The page is gone: 404."""
        del self._answers[path]

    def hold(self, path: str) -> None:
        """Keep visitors of ``path`` waiting until :meth:`release`."""
        self._held[path] = asyncio.Event()
        self.answer(path, answers.held(self._held[path], self._answers[path]))

    def release(self, path: str) -> None:
        """Answer all who wait for ``path``, and all who come."""
        self._loop.call_soon_threadsafe(self._held.pop(path).set)

    # What it has seen

    def wait_for_hits(self, path: str, count: int = 1, *, timeout_seconds: float = 30) -> None:
        """Block until ``path`` was asked for ``count`` times in all (in an async test: in a thread).

        Raises:
            TimeoutError: it was not.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self.hits[path] >= count, timeout_seconds):
                raise TimeoutError(f"{path} was asked for {self.hits[path]} times, not {count}")

    def _run(self, coroutine: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(START_SECONDS)

    async def _start(self) -> None:
        server = web.Server(self._handle)
        runner = web.ServerRunner(server, access_log=None, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, self._host, self._port, ssl_context=self._tls)
        await site.start()
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def _stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        asked = request.path_qs
        path = asked if asked in self._answers else request.rel_url.raw_path
        with self._changed:
            self.hits[asked] += 1
            self.requests.append(SeenRequest(asked, dict(request.headers), time.monotonic()))
            self._changed.notify_all()
        answer = self._answers.get(path) or self._folder(path) or answers.refusal(404, {})
        response = await answer(request)
        if response.status == 304:
            self.not_modified[asked] += 1
        return response

    def _folder(self, path: str) -> Answer | None:
        prefixes = [prefix for prefix in self._folders if path.startswith(prefix)]
        return self._folders[max(prefixes, key=len)] if prefixes else None


def main() -> None:
    """Serve a folder until interrupted."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--host", default="127.0.0.2")
    parser.add_argument("--port", type=int, default=0)
    arguments = parser.parse_args()
    with TestSite(host=arguments.host, port=arguments.port) as site:
        site.folder(arguments.folder)
        print(site.url(), flush=True)  # noqa: T201  (who started this reads the address)
        threading.Event().wait()


if __name__ == "__main__":
    main()
