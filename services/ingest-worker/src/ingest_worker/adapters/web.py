"""The web as the worker sees it: pages, rules, lists of pages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from ingest_worker.adapters.discovery import DiscoveryLimits, discover
from ingest_worker.adapters.http_robots import fetch_robots

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest_worker.adapters.fetcher import Fetcher
    from ingest_worker.core.discovered import Discovered
    from ingest_worker.core.fetching import Fetched, FetchRequest
    from ingest_worker.core.robots import RobotsAnswer, RobotsPolicy
    from ingest_worker.core.scope import ScopeRules


class GuardedWeb:
    """As ``ingest_worker.ports.Web``, over the guarded fetcher."""

    def __init__(self, *, fetcher: Fetcher, timeout_seconds: float, discovery: DiscoveryLimits) -> None:
        self._fetcher = fetcher
        self._timeout_seconds = timeout_seconds
        self._discovery = discovery

    async def fetch(self, request: FetchRequest) -> Fetched:
        """Fetch a page."""
        return await self._fetcher.fetch(request)

    async def robots(self, origin: str) -> RobotsAnswer:
        """Fetch the rules of an origin."""
        return await fetch_robots(origin, fetcher=self._fetcher, timeout_seconds=self._timeout_seconds)

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
        return await discover(
            seed_url,
            scope=scope,
            robots=robots,
            fetcher=self._fetcher,
            limits=replace(self._discovery, max_links=min(max_links, self._discovery.max_links)),
            headers=headers,
            headers_for=headers_for,
            use_sitemap=use_sitemap,
            use_llms_txt=use_llms_txt,
        )
