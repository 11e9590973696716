"""The rules of sites, asked for once and shared by all workers."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from ingest_worker.core.robots import (
    RobotsAnswer,
    RobotsPolicy,
    disallowed_error,
    policy_of,
    unavailable_error,
)
from shared.postgres.claims import KeptRobots

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest_worker.ports import Hosts, Web
    from shared.urls import WebUrl

_REMEMBERED: Final = 256
_REMEMBERED_CHARACTERS: Final = 8_000_000


class RobotsRules:
    """robots.txt of every origin that this worker meets.

    Args:
        hosts: keeps the answers for all workers.
        web: fetches them.
        keep_seconds: how long an answer counts.
        retry_seconds: how long the lack of one counts.
        remember_seconds: how long this process does not even ask ``hosts`` again.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        *,
        hosts: Hosts,
        web: Web,
        clock: Callable[[], float],
        keep_seconds: float,
        retry_seconds: float,
        remember_seconds: float = 60.0,
    ) -> None:
        self._hosts = hosts
        self._web = web
        self._clock = clock
        self._keep_seconds = keep_seconds
        self._retry_seconds = retry_seconds
        self._remember_seconds = remember_seconds
        self._remembered: OrderedDict[str, tuple[float, RobotsAnswer]] = OrderedDict()
        self._turns: dict[str, asyncio.Lock] = {}

    async def check(self, url: WebUrl) -> RobotsPolicy:
        """The policy of ``url``'s origin, which allows ``url``.

        Raises:
            WorkError: ``robots_disallowed``; ``robots_unavailable`` while the rules are not known;
                ``blocked_address``, ``unreachable`` or ``tls_error`` where the whole site is out of reach.
        """
        answer = await self._answer(url)
        policy = policy_of(answer, url.origin)
        if not policy.available:
            raise unavailable_error(url.host, answer)
        if not policy.allows(url.href):
            raise disallowed_error(url.host)
        return policy

    async def _answer(self, url: WebUrl) -> RobotsAnswer:
        if (known := self._recall(url.origin)) is not None:
            return known
        # Pages of one site arrive together: one of them asks for the rules, the others wait for its answer.
        turn = self._turns.setdefault(url.origin, asyncio.Lock())
        try:
            async with turn:
                if (known := self._recall(url.origin)) is not None:
                    return known
                answer = await self._shared_answer(url)
                self._remember(url.origin, answer)
                return answer
        finally:
            if not turn.locked():
                self._turns.pop(url.origin, None)

    async def _shared_answer(self, url: WebUrl) -> RobotsAnswer:
        kept = await self._hosts.robots(url.host_key)
        if kept is not None:
            return RobotsAnswer(kept.status or None, kept.body)
        answer = await self._web.robots(url.origin)
        seconds = self._keep_seconds if policy_of(answer, url.origin).available else self._retry_seconds
        await self._hosts.keep_robots(
            url.host_key, KeptRobots(int(answer.status or 0), answer.body), seconds=seconds
        )
        return answer

    def _recall(self, origin: str) -> RobotsAnswer | None:
        until, answer = self._remembered.get(origin, (0.0, RobotsAnswer(None)))
        return answer if until > self._clock() else None

    def _remember(self, origin: str, answer: RobotsAnswer) -> None:
        available = policy_of(answer, origin).available
        seconds = self._remember_seconds if available else min(self._retry_seconds, self._remember_seconds)
        self._remembered[origin] = (self._clock() + seconds, answer)
        self._remembered.move_to_end(origin)
        while len(self._remembered) > _REMEMBERED or self._characters() > _REMEMBERED_CHARACTERS:
            self._remembered.popitem(last=False)

    def _characters(self) -> int:
        return sum(len(answer.body) for _, answer in self._remembered.values())
