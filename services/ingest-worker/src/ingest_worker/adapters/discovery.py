"""Finds pages by the lists that a site keeps of them: sitemaps and llms.txt, asked once per crawl."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest_worker.core.discovered import Discovered, Listing, judge
from ingest_worker.core.fetching import Fetched, FetchRequest
from ingest_worker.core.manifests import looks_like_manifest, manifest_links
from ingest_worker.core.sitemap import InvalidSitemapError, Sitemap, parse_sitemap
from shared.errors import WorkError
from shared.urls import InvalidUrlError, WebUrl, join_url, parse_web_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingest_worker.adapters.fetcher import Fetcher
    from ingest_worker.core.robots import RobotsPolicy
    from ingest_worker.core.scope import ScopeRules


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveryLimits:
    """How much is asked and read.

    Attributes:
        timeout_seconds: for all of it.
        request_timeout_seconds: for one list.
        pause_seconds: between two requests.
        max_lists: files that are fetched.
        max_list_bytes: of one file, as transferred.
        max_index_depth: sitemap indexes inside one another.
        max_links: pages that are taken.
        max_refused: pages not followed that are named.
    """

    timeout_seconds: float = 60.0
    request_timeout_seconds: float = 20.0
    pause_seconds: float = 0.0
    max_lists: int = 50
    max_list_bytes: int = 10 * 1024 * 1024
    max_index_depth: int = 2
    max_links: int = 50_000
    max_refused: int = 1_000


async def discover(
    seed_url: str,
    *,
    scope: ScopeRules,
    robots: RobotsPolicy,
    fetcher: Fetcher,
    limits: DiscoveryLimits,
    headers: Mapping[str, str] | None = None,
    headers_for: str = "",
    use_sitemap: bool = True,
    use_llms_txt: bool = True,
) -> Discovered:
    """Ask the seed's site for its lists of pages.

    Whatever goes wrong with a list is a note: a site without them, or with broken ones, is crawled by its
    links. Secret ``headers`` are sent to the origin of ``headers_for`` alone, by default the seed's: a seed that
    was redirected may lie elsewhere than the source. Reading and judging up to ``max_links`` addresses happens in a thread, as the event loop keeps
    leases alive meanwhile.

    Raises:
        InvalidUrlError: ``seed_url`` is no web address.
    """
    probe = _Probe(
        parse_web_url(seed_url), fetcher, robots, limits, headers=headers or {}, headers_for=headers_for
    )
    try:
        async with asyncio.timeout(limits.timeout_seconds):
            if use_llms_txt:
                await probe.read_manifest()
            if use_sitemap:
                await probe.read_sitemaps()
    except TimeoutError:
        probe.notes.append(f"The site's lists took longer than {limits.timeout_seconds:g} seconds to read.")
    return await asyncio.to_thread(
        judge,
        probe.listings,
        scope,
        notes=probe.notes,
        max_links=limits.max_links,
        max_refused=limits.max_refused,
    )


class _Probe:
    """Collects what the lists say."""

    def __init__(
        self,
        seed: WebUrl,
        fetcher: Fetcher,
        robots: RobotsPolicy,
        limits: DiscoveryLimits,
        *,
        headers: Mapping[str, str],
        headers_for: str,
    ) -> None:
        self.listings: list[Listing] = []
        self.notes: list[str] = []
        self._seed = seed
        self._fetcher = fetcher
        self._robots = robots
        self._limits = limits
        self._headers = headers
        self._headers_for = headers_for or seed.href
        self._requests = 0

    async def read_manifest(self) -> None:
        fetched = await self._guess("/llms.txt")
        if fetched is None:
            return
        text = fetched.body.decode("utf-8", "replace")
        if not looks_like_manifest(fetched.content_type, text):
            self.notes.append(f"{fetched.final_url} is no text manifest.")
            return
        links = await asyncio.to_thread(manifest_links, text, fetched.final_url, limit=self._limits.max_links)
        self.listings += [Listing(link.href, fetched.final_url, manifest=True) for link in links]

    async def read_sitemaps(self) -> None:
        """Breadth first: those of robots.txt, the usual place, then what indexes list."""
        waiting = deque((url, 0) for url in self._robots.sitemaps)
        usual = join_url(self._seed.href, "/sitemap.xml").href
        if self._robots.allows(usual):
            waiting.append((usual, 0))
        seen: set[str] = set()
        while waiting:
            url, depth = waiting.popleft()
            if url in seen:
                continue
            if len(seen) == self._limits.max_lists:
                self.notes.append(f"Only the first {self._limits.max_lists} sitemaps were read.")
                return
            seen.add(url)
            sitemap, base = await self._sitemap(url)
            self.listings += [Listing(page.url, base, lastmod=page.lastmod) for page in sitemap.pages]
            waiting += self._nested(sitemap, base, depth)
            if len(self.listings) >= self._limits.max_links:
                self.notes.append(f"The sitemaps list {self._limits.max_links:,} pages or more.")
                return

    def _nested(self, sitemap: Sitemap, base: str, depth: int) -> list[tuple[str, int]]:
        if depth >= self._limits.max_index_depth:
            return []
        found: list[tuple[str, int]] = []
        for entry in sitemap.sitemaps[: self._limits.max_lists]:
            try:
                found.append((join_url(base, entry.url).href, depth + 1))
            except InvalidUrlError:
                self.notes.append(f"{base} lists a sitemap whose address is no web address.")
        return found

    async def _sitemap(self, url: str) -> tuple[Sitemap, str]:
        """What ``url`` lists, and the address that it has after redirects."""
        fetched = await self._fetch(url)
        if fetched is None:
            return Sitemap(), url
        try:
            found = await asyncio.to_thread(parse_sitemap, fetched.body, max_urls=self._limits.max_links)
        except InvalidSitemapError as error:
            found = Sitemap(problem=str(error))
        if found.problem:
            self.notes.append(f"{fetched.final_url} was not read as a sitemap to its end: {found.problem}.")
        return found, fetched.final_url

    async def _guess(self, path: str) -> Fetched | None:
        url = join_url(self._seed.href, path).href
        return await self._fetch(url) if self._robots.allows(url) else None

    async def _fetch(self, url: str) -> Fetched | None:
        if self._requests and self._limits.pause_seconds:
            await asyncio.sleep(self._limits.pause_seconds)
        self._requests += 1
        request = FetchRequest(
            url=url,
            timeout_seconds=self._limits.request_timeout_seconds,
            max_bytes=self._limits.max_list_bytes,
            headers=self._headers,
            headers_for=self._headers_for,
        )
        try:
            return await self._fetcher.fetch(request)
        except WorkError as error:
            self.notes.append(f"{url} could not be read: {error.sentence}")
            return None
