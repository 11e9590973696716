"""What the worker needs from outside."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from uuid import UUID

    from ingest_worker.core.discovered import Discovered
    from ingest_worker.core.fetching import Fetched, FetchRequest
    from ingest_worker.core.parse_request import ParseRequest
    from ingest_worker.core.robots import RobotsAnswer, RobotsPolicy
    from ingest_worker.core.scope import ScopeRules
    from shared.contracts.content import Parsed
    from shared.contracts.messages import ResultMessage
    from shared.postgres.claims import Claim, KeptRobots, Ticket


class Claims(Protocol):
    """The rows of the jobs that this worker does."""

    async def claim(self, tickets: Sequence[Ticket]) -> list[Claim]:
        """Take jobs; what does not come back is over or someone else's."""
        ...

    async def never_was(self, job_id: UUID, source_id: UUID | None) -> bool:
        """Whether there never was such a job."""
        ...

    async def delivered(self, tickets: Sequence[Ticket]) -> None:
        """The results are with nsqd."""
        ...

    async def hand_back(self, tickets: Sequence[Ticket], *, after_seconds: float) -> int:
        """Queue jobs again, due after so many seconds, without spending an attempt."""
        ...

    async def held(self) -> list[Ticket]:
        """What is claimed by this worker."""
        ...

    async def unstored(self) -> int:
        """Delivered results that nobody has stored yet."""
        ...


class Hosts(Protocol):
    """What workers know together of a host."""

    async def reserve_slot(self, host: str, delay_seconds: float) -> float:
        """Take the next slot; returns the seconds to wait for it."""
        ...

    async def robots(self, host: str) -> KeptRobots | None:
        """The kept robots.txt."""
        ...

    async def keep_robots(self, host: str, robots: KeptRobots, *, seconds: float) -> None:
        """Keep an answer."""
        ...


class Web(Protocol):
    """The door to the web."""

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch a page."""
        ...

    async def robots(self, origin: str) -> RobotsAnswer:
        """Fetch the rules of an origin."""
        ...

    async def discover(
        self,
        seed_url: str,
        *,
        scope: ScopeRules,
        robots: RobotsPolicy,
        headers: Mapping[str, str],
        headers_for: str,
        use_sitemap: bool,
        use_llms_txt: bool,
        max_links: int,
    ) -> Discovered:
        """Ask a site for its own lists of pages."""
        ...


class Parser(Protocol):
    """Turns bytes into Markdown and chunks, in processes of its own."""

    async def parse(self, request: ParseRequest, *, timeout_seconds: float) -> Parsed:
        """Parse a page or file."""
        ...


class Blobs(Protocol):
    """The originals of uploads."""

    async def path_for_reading(self, uri: str) -> Path:
        """Where the bytes lie."""
        ...


class Results(Protocol):
    """Where results go."""

    async def deliver(self, result: ResultMessage) -> None:
        """Publish a result, in parts where it is large; returns when nsqd has confirmed all of it."""
        ...


class Work(Protocol):
    """Does one kind of job."""

    async def do(self, claim: Claim) -> ResultMessage:
        """Do it.

        Raises:
            WorkError: the work failed.
            DependencyUnavailableError: one of our own servers is away: no attempt is spent.
        """
        ...
