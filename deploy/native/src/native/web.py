"""The few HTTP calls that the stack makes to its own servers, all on loopback."""

from __future__ import annotations

import http.client
from typing import Final

TIMEOUT_SECONDS: Final = 3.0


def status_of(
    port: int, path: str, *, method: str = "GET", timeout_seconds: float = TIMEOUT_SECONDS
) -> int | None:
    """The status of the answer, or None where there is no HTTP answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout_seconds)
    try:
        connection.request(method, path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def answers_ok(port: int, path: str) -> bool:
    """Whether the server answers 200."""
    return status_of(port, path) == http.client.OK
