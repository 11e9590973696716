"""A folder of pages as a web site, from memory, in a process of its own: ``python -m bench.site FOLDER``.

The same process serves us and our peers, so that its share of the machine is the same for all.
"""

from __future__ import annotations

import argparse
import asyncio
import mimetypes
import subprocess
import sys
from dataclasses import dataclass
from email.utils import formatdate
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from aiohttp import web

if TYPE_CHECKING:
    from types import TracebackType

HOST: Final = "127.0.0.2"
_STOP_SECONDS: Final = 10


@dataclass(frozen=True, slots=True)
class _File:
    body: bytes
    headers: dict[str, str]


def _load(folder: Path) -> dict[str, _File]:
    files = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            body = path.read_bytes()
            kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
            headers = {
                "Content-Type": f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
                "ETag": f'"{sha256(body).hexdigest()[:32]}"',
                "Last-Modified": formatdate(path.stat().st_mtime, usegmt=True),
            }
            files["/" + path.relative_to(folder).as_posix()] = _File(body, headers)
    return files


async def _serve(folder: Path, host: str) -> None:
    files = _load(folder)

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        file = files.get(request.path)
        if file is None:
            return web.Response(status=404, text="There is no such page.")
        if request.headers.get("If-None-Match") == file.headers["ETag"]:
            return web.Response(status=304, headers=file.headers)
        return web.Response(body=file.body, headers=file.headers)

    runner = web.ServerRunner(web.Server(answer), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, 0).start()
    sys.stdout.write(f"http://{host}:{runner.addresses[0][1]}\n")
    sys.stdout.flush()
    # Whoever started this holds the other end: the site ends with it, however that ends.
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


class Site:
    """The process, as long as the context."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "bench.site", str(self._folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self._process.stdout is not None:
            self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError(f"the site of {self._folder} does not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None:
            self._process.communicate(timeout=_STOP_SECONDS)


if __name__ == "__main__":
    _parser = argparse.ArgumentParser()
    _parser.add_argument("folder", type=Path)
    _parser.add_argument("--host", default=HOST)
    _options = _parser.parse_args()
    asyncio.run(_serve(_options.folder, _options.host))
