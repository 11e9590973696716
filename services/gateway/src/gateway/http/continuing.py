"""``Expect: 100-continue`` (RFC 9110, section 10.1.1): the client waits to hear that its body is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import HttpVersion11

if TYPE_CHECKING:
    from aiohttp import web


async def continue_reading(request: web.BaseRequest) -> None:
    """Say so, after everything that can be refused by the headers alone has been refused."""
    if request.version == HttpVersion11 and request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        # The final answer has not begun: aiohttp would take these bytes for a part of it.
        request.writer.output_size = 0
