"""Whether the daemons of NSQ answer: a connection that is open says nothing about a process that froze."""

from __future__ import annotations

import aiohttp

from shared.queue.errors import QueueUnavailableError


async def ping(url: str, *, timeout_seconds: float) -> None:
    """Ask a daemon (nsqd or nsqlookupd) over HTTP whether it is well.

    Args:
        url: its HTTP address.
        timeout_seconds: for all of it.

    Raises:
        QueueUnavailableError: no answer, or it says that it is not (nsqd does so when its disk takes no writes).
    """
    timeout = aiohttp.ClientTimeout(total=timeout_seconds)
    try:
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{url}/ping") as response:
            if response.ok:
                return
            told = (await response.text())[:200]
    except (aiohttp.ClientError, TimeoutError) as error:
        raise QueueUnavailableError(f"no answer from {url}: {str(error) or type(error).__name__}") from error
    raise QueueUnavailableError(f"{url} is not well: {told}")
