"""The project's own documentation as a web site on 127.0.0.2, the one address that the demo may crawl."""

from __future__ import annotations

import html
import re
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, ClassVar, Final, Self

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

HOST: Final = "127.0.0.2"
#: A page that is refused until the site is repaired: how a failure looks, and its retry.
FLAKY: Final = "/forbidden.html"

_LINK: Final = re.compile(r'href="([^":]+)\.md(#[^"]*)?"')
_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><nav>{nav}</nav><main>{body}</main></body></html>
"""


def build(tree: Path) -> dict[str, str]:
    """Every Markdown page of the project as HTML, by path; ``/`` lists them."""
    files = sorted([*tree.glob("*.md"), *tree.glob("docs/**/*.md")])
    markdown = MarkdownIt("commonmark").enable("table")
    paths = {path: f"/{path.relative_to(tree).with_suffix('.html')}" for path in files}
    nav = "".join(f'<a href="{url}">{html.escape(url)}</a> ' for url in paths.values())
    pages = {}
    for path, url in paths.items():
        text = path.read_text(encoding="utf-8")
        title = next((line[2:] for line in text.splitlines() if line.startswith("# ")), path.stem)
        body = _LINK.sub(r'href="\1.html\2"', markdown.render(text))
        pages[url] = _PAGE.format(title=html.escape(title), nav=nav, body=body)
    links = "".join(f'<li><a href="{url}">{html.escape(url)}</a></li>' for url in paths.values())
    pages["/"] = _PAGE.format(title="Quern documentation", nav="", body=f"<h1>Quern</h1><ul>{links}</ul>")
    return pages


class DocumentationSite:
    """Serves the pages from a thread for as long as the ``with`` block lasts."""

    def __init__(self, pages: dict[str, str], *, port: int) -> None:
        self.forbidden = True

        class Handler(_Handler):
            site = self

        self.pages = pages
        self._server = ThreadingHTTPServer((HOST, port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://{HOST}:{self._server.server_port}"

    def page(self, path: str) -> str | None:
        """The HTML of a page."""
        if path == FLAKY:
            body = "<h1>Repaired</h1><p>The walrus page is open again: walruses rest on drift ice.</p>"
            return _PAGE.format(title="Repaired", nav="", body=body)
        return self.pages.get(path)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    site: ClassVar[DocumentationSite]

    def do_GET(self) -> None:
        """Answer a page, with an ETag that makes an unchanged one cheap."""
        path = self.path.partition("?")[0]
        if path == FLAKY and self.site.forbidden:
            self._answer(HTTPStatus.FORBIDDEN, "forbidden for now")
            return
        page = self.site.page(path)
        if page is None:
            self._answer(HTTPStatus.NOT_FOUND, "not found")
            return
        etag = f'"{hash(page) & 0xFFFFFFFFFFFF:x}"'
        if self.headers.get("If-None-Match") == etag:
            self._answer(HTTPStatus.NOT_MODIFIED, "", etag=etag)
            return
        self._answer(HTTPStatus.OK, page, etag=etag)

    def _answer(self, status: HTTPStatus, text: str, *, etag: str | None = None) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        if etag:
            self.send_header("ETag", etag)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (the base class's name)
        """The demo's output is the demo, not an access log."""
