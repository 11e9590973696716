from __future__ import annotations

from typing import TYPE_CHECKING

from ingest_worker.core.robots import MAX_ROBOTS_BYTES, RobotsAnswer
from ingest_worker.usecases.robots_rules import RobotsRules
from shared.urls import parse_web_url

if TYPE_CHECKING:
    from shared.postgres.claims import KeptRobots


class Sites:
    """Every site has rules of the largest size; nothing is kept for other workers."""

    def __init__(self) -> None:
        self.asked = 0

    async def robots(self, origin: str) -> RobotsAnswer:
        self.asked += 1
        return RobotsAnswer(200, f"# {origin}\n".ljust(MAX_ROBOTS_BYTES, "#"))


class NothingKept:
    """The table of hosts, always empty."""

    async def robots(self, _key: str) -> KeptRobots | None:
        return None

    async def keep_robots(self, _key: str, _answer: KeptRobots, *, seconds: float) -> None:
        """Forgotten at once."""


async def test_rules_of_very_many_hosts_are_not_all_kept_in_memory() -> None:
    sites = Sites()
    rules = RobotsRules(
        hosts=NothingKept(),  # type: ignore[arg-type]  # as much of it as is used
        web=sites,  # type: ignore[arg-type]  # likewise
        clock=lambda: 0.0,
        keep_seconds=60,
        retry_seconds=1,
    )
    urls = [parse_web_url(f"http://h{number}.example/") for number in range(40)]
    for url in urls:
        await rules.check(url)
    assert sum(len(answer.body) for _, answer in rules._remembered.values()) <= 8_000_000
    await rules.check(urls[-1])
    assert sites.asked == len(urls), "the latest is still known"
