"""Assistants: the official client of the Model Context Protocol, and its messages by hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

from mcp.client import Client as McpClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import mcp_types as types

#: With a handshake (revisions until 2025-11-25), and without (from 2026-07-28 on).
MODES: Final = ("legacy", "auto")
HEADERS: Final = {
    "Accept": "application/json, text/event-stream",
    "Content-Type": "application/json",
    "MCP-Protocol-Version": "2025-11-25",
}
ANSWER_SECONDS: Final = 40.0
"""The first request of a gateway loads the SDK, which takes long on a busy machine."""


@asynccontextmanager
async def assistant(url: str, mode: str = "auto") -> AsyncIterator[McpClient]:
    """An assistant that is connected with a gateway."""
    async with McpClient(f"{url}/mcp", mode=mode, read_timeout_seconds=ANSWER_SECONDS) as client:
        yield client


def message(method: str, **params: Any) -> dict[str, Any]:
    """A request, as it goes over the wire."""
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def call(tool: str, **arguments: Any) -> dict[str, Any]:
    """A call of a tool, as it goes over the wire."""
    return message("tools/call", name=tool, arguments=arguments)


def told(result: types.CallToolResult) -> str:
    """The one text of an answer."""
    (content,) = result.content
    assert content.type == "text", content
    return content.text


def answered(result: types.CallToolResult) -> Any:
    """The structure of an answer that is none of an error."""
    assert not result.is_error, told(result)
    return result.structured_content
