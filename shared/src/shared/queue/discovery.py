"""Finds the nsqds that have a topic, by asking every nsqlookupd."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import aiohttp
import structlog

if TYPE_CHECKING:
    from collections.abc import Sequence

_log = structlog.get_logger(__name__)

_NOT_FOUND = 404


class Lookup:
    """Asks all nsqlookupds at once; those that do not answer are left out, and complained about once."""

    def __init__(self, *, urls: Sequence[str], timeout_seconds: float) -> None:
        self._urls = tuple(urls)
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._silent: set[str] = set()

    async def producers(self, topic: str) -> tuple[frozenset[str], bool]:
        """The addresses (host:port) of the nsqds that have the topic, and whether every nsqlookupd answered."""
        async with aiohttp.ClientSession(timeout=self._timeout) as session:
            answers = await asyncio.gather(*(self._ask(session, url, topic) for url in self._urls))
        found = frozenset(address for answer in answers if answer is not None for address in answer)
        return found, all(answer is not None for answer in answers)

    async def _ask(self, session: aiohttp.ClientSession, url: str, topic: str) -> list[str] | None:
        try:
            async with session.get(f"{url}/lookup", params={"topic": topic}) as response:
                if response.status == _NOT_FOUND:  # no nsqd has the topic yet
                    return self._heard(url, [])
                response.raise_for_status()
                answer = await response.json(content_type=None)
                addresses = [
                    f"{item['broadcast_address']}:{int(item['tcp_port'])}" for item in answer["producers"]
                ]
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            if url not in self._silent:
                self._silent.add(url)
                _log.warning("nsqlookupd_lost", url=url, reason=str(error) or type(error).__name__)
            return None
        return self._heard(url, addresses)

    def _heard(self, url: str, addresses: list[str]) -> list[str]:
        if url in self._silent:
            self._silent.remove(url)
            _log.info("nsqlookupd_back", url=url)
        return addresses
