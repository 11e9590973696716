"""What a fetched and parsed page tells about its run: where it really is, and where it leads to."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from shared.contracts.messages import FoundLink, PageReport, RefusedLink
from shared.urls import InvalidUrlError, WebUrl, parse_web_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingest_worker.core.fetching import Fetched
    from ingest_worker.core.scope import ScopeRules

#: Links of one page that are named although they are not followed.
REFUSED_NAMED: Final = 200


def sort_links(
    links: Iterable[str | WebUrl], rules: ScopeRules
) -> tuple[list[FoundLink], list[RefusedLink], Counter[str]]:
    """Links in scope, each once, and the others with the reason. Their depth is the consumer's to judge."""
    found: dict[str, FoundLink] = {}
    refused: dict[str, RefusedLink] = {}
    counts: Counter[str] = Counter()
    for link in links:
        try:
            url = parse_web_url(link) if isinstance(link, str) else link
        except InvalidUrlError:
            counts["invalid"] += 1
            continue
        if url.key in found or url.key in refused:
            continue
        reason = rules.verdict(url, depth=0)
        if reason is None:
            found[url.key] = FoundLink(url.href, url.key, url.host_key)
        else:
            counts[reason.value] += 1
            refused[url.key] = RefusedLink(url.href, url.key, reason.value)
    return list(found.values()), list(refused.values())[:REFUSED_NAMED], counts


def canonical_of(declared: str | None, final: WebUrl, rules: ScopeRules) -> WebUrl | None:
    """The page that this one declares itself to be, if it is another one of the same site and in scope."""
    if not declared:
        return None
    try:
        url = parse_web_url(declared)
    except InvalidUrlError:
        return None
    if url.key == final.key or url.site != final.site or rules.verdict(url, depth=0) is not None:
        return None
    return url


def page_report(
    fetched: Fetched,
    *,
    rules: ScopeRules,
    links: Sequence[str | WebUrl] = (),
    canonical: str | None = None,
    noindex: bool = False,
) -> PageReport:
    """The report of a page; of one that was not modified, ``links`` are those of the site's lists alone."""
    final = parse_web_url(fetched.final_url)
    found, refused, counts = sort_links(links, rules)
    same_as = canonical_of(canonical or fetched.canonical, final, rules)
    return PageReport(
        asked_key=parse_web_url(fetched.url).key,
        final_url=final.href,
        final_key=final.key,
        moved_permanently=fetched.permanent_redirect_target is not None,
        http_status=fetched.status,
        not_modified=fetched.not_modified,
        noindex=noindex,
        canonical_key=same_as.key if same_as else None,
        canonical_url=same_as.href if same_as else None,
        etag=fetched.etag,
        last_modified=fetched.last_modified,
        links=found,
        refused=refused,
        refused_counts=dict(counts),
    )
