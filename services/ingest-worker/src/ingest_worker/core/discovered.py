"""What a site's own lists say about its pages, judged by the crawl's scope."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.urls import InvalidUrlError, WebUrl, join_url

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from ingest_worker.core.scope import ScopeRules
    from shared.states import Reason

LISTED_DEPTH = 1
"""Listed pages count as linked from the seed page."""


@dataclass(frozen=True, slots=True)
class Listing:
    """An address as a list has it.

    Attributes:
        url: as written.
        base: the address of the list.
        manifest: the list is a text manifest (llms.txt), no sitemap.
        lastmod: when the page last changed, where that is told.
    """

    url: str
    base: str
    manifest: bool = False
    lastmod: datetime | None = None


@dataclass(frozen=True, slots=True)
class Discovered:
    """What the site's lists gave.

    Attributes:
        links: pages to crawl, in order, each once; their depth is ``LISTED_DEPTH``.
        lastmod: by key, of those of which it is told.
        refused: pages that are not followed, up to a limit, with the reason.
        refused_counts: how many in all.
        notes: what went wrong or was left out, in sentences.
    """

    links: list[WebUrl] = field(default_factory=list)
    lastmod: dict[str, datetime] = field(default_factory=dict)
    refused: list[tuple[WebUrl, Reason]] = field(default_factory=list)
    refused_counts: Counter[Reason] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def judge(
    listings: Iterable[Listing], rules: ScopeRules, *, notes: Iterable[str], max_links: int, max_refused: int
) -> Discovered:
    """Sort what was listed into pages to follow and pages not to."""
    result = Discovered(notes=list(notes))
    seen: set[str] = set()
    broken = left_out = 0
    for listing in listings:
        try:
            url = join_url(listing.base, listing.url)
        except InvalidUrlError:
            broken += 1
            continue
        if url.key in seen:
            continue
        seen.add(url.key)
        reason = rules.verdict(url, depth=LISTED_DEPTH, listed=listing.manifest)
        if reason is not None:
            result.refused_counts[reason] += 1
            if len(result.refused) < max_refused:
                result.refused.append((url, reason))
        elif len(result.links) < max_links:
            result.links.append(url)
            if listing.lastmod is not None:
                result.lastmod[url.key] = listing.lastmod
        else:
            left_out += 1
    if broken:
        result.notes.append(f"{broken:,} listed addresses are no web addresses.")
    if left_out:
        result.notes.append(f"{left_out:,} listed pages are beyond the limit of {max_links:,}.")
    return result
