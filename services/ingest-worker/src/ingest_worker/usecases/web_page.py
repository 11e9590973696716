"""Doing one page of a crawl: rules, pace, fetch, parse, links."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ingest_worker.core.fetching import FetchRequest
from ingest_worker.core.page_report import page_report
from ingest_worker.core.parse_request import ParseRequest
from ingest_worker.core.robots import RobotsPolicy, disallowed_error
from ingest_worker.core.scope import CrawlScope, ScopeRules
from shared.content_types import HEAD_BYTES, MEDIA_TYPES, DocumentType, detect_type
from shared.contracts.messages import ContentReport, FailureReport, LogLine, ResultMessage
from shared.errors import ErrorCode
from shared.states import Handler, Reason
from shared.urls import WebUrl, parse_web_url

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingest_worker.core.fetching import Fetched
    from ingest_worker.ports import Hosts, Parser, Web
    from ingest_worker.usecases.robots_rules import RobotsRules
    from shared.contracts.content import Parsed
    from shared.contracts.messages import PageReport
    from shared.postgres.claims import Claim

_READABLE = frozenset(MEDIA_TYPES.values()) | {
    "",
    "application/octet-stream",
    "application/xhtml+xml",
    "application/vnd.ms-excel",
}


def is_readable(content_type: str) -> bool:
    """Whether a body of this media type is worth reading; its bytes decide then."""
    return content_type in _READABLE or content_type.startswith("text/")


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLimits:
    """What one page may take: seconds, bytes and characters."""

    page_timeout_seconds: float
    page_max_bytes: int
    parse_timeout_seconds: float
    chunk_characters: int
    delay_seconds: float


class WebPage:
    """The work behind handler ``web``."""

    def __init__(
        self,
        *,
        web: Web,
        hosts: Hosts,
        robots: RobotsRules,
        parser: Parser,
        limits: PageLimits,
        clock: Callable[[], float],
    ) -> None:
        self._web = web
        self._hosts = hosts
        self._robots = robots
        self._parser = parser
        self._limits = limits
        self._clock = clock

    async def do(self, claim: Claim) -> ResultMessage:
        """Fetch and parse the page.

        Raises:
            WorkError: it could not be fetched or parsed, or may not be.
            DependencyUnavailableError: Postgres is away.
        """
        visit = _Visit(claim)
        policy = await self._robots.check(visit.url) if visit.respects_robots else None
        visit.policy = policy
        await self._keep_pace(visit, policy)
        fetched = await self._fetch(visit)
        visit.seconds["fetch"] = fetched.elapsed_seconds
        if fetched.refused_redirect is not None:
            return self._refused(visit, fetched)
        final = parse_web_url(fetched.final_url)
        if visit.respects_robots and final.href != visit.url.href:
            policy = await self._robots.check(final)
        if claim.is_seed:
            visit.move(fetched)
            await self._read_lists(visit, final, policy)
        if fetched.not_modified:
            return visit.result(page=page_report(fetched, rules=visit.rules, links=visit.listed))
        return await self._parsed(visit, fetched)

    async def _keep_pace(self, visit: _Visit, policy: RobotsPolicy | None) -> None:
        asked = (policy.crawl_delay_seconds if policy else None) or 0.0
        configured = visit.config.get("delay_ms")
        own = self._limits.delay_seconds if configured is None else configured / 1000
        delay = max(own, asked)
        # The seed says what the pace is; without one there is nothing to reserve.
        if delay > 0 or visit.claim.is_seed:
            await asyncio.sleep(await self._hosts.reserve_slot(visit.url.host_key, delay))

    async def _fetch(self, visit: _Visit) -> Fetched:
        claim = visit.claim
        return await self._web.fetch(
            FetchRequest(
                url=visit.url.href,
                timeout_seconds=self._limits.page_timeout_seconds,
                max_bytes=self._limits.page_max_bytes,
                headers=claim.secret_headers,
                headers_for=visit.source_url,
                etag=claim.etag,
                last_modified=claim.last_modified,
                accepts=is_readable,
                follows=visit.follows,
            )
        )

    def _refused(self, visit: _Visit, fetched: Fetched) -> ResultMessage:
        target = parse_web_url(fetched.refused_redirect or "")
        reason = visit.out_of_scope(target)
        if reason is None:
            raise disallowed_error(target.host)
        line = LogLine(level="info", message="redirect_not_followed", fields={"target": target.href})
        return visit.result(skipped=reason, logs=[line])

    async def _read_lists(self, visit: _Visit, final: WebUrl, policy: RobotsPolicy | None) -> None:
        """The seed's site is asked once for its own lists of pages."""
        use_sitemap, use_llms = visit.config.get("use_sitemap", True), visit.config.get("use_llms_txt", True)
        if not (use_sitemap or use_llms) or visit.config.get("max_depth", 2) < 1:
            return
        started = self._clock()
        found = await self._web.discover(
            final.href,
            scope=visit.rules,
            robots=policy or RobotsPolicy(),
            headers=visit.claim.secret_headers,
            headers_for=visit.source_url,
            use_sitemap=use_sitemap,
            use_llms_txt=use_llms,
            max_links=visit.config.get("max_pages", 1000),
        )
        visit.listed = list(found.links)
        visit.seconds["discover"] = self._clock() - started
        visit.logs.append(
            LogLine(
                level="info",
                message="site_lists_read",
                fields={"links": len(found.links), "notes": found.notes[:20]},
            )
        )

    async def _parsed(self, visit: _Visit, fetched: Fetched) -> ResultMessage:
        name = parse_web_url(fetched.final_url).path.rpartition("/")[2]
        kind = detect_type(name, fetched.content_type, fetched.body[:HEAD_BYTES])
        started = self._clock()
        parsed = await self._parser.parse(
            ParseRequest(
                kind=kind,
                body=fetched.body,
                url=fetched.final_url,
                filename=name or None,
                content_type_charset=fetched.charset,
                x_robots_tag=fetched.x_robots_tag or None,
                chunk_characters=self._limits.chunk_characters,
            ),
            timeout_seconds=self._limits.parse_timeout_seconds,
        )
        visit.seconds["parse"] = self._clock() - started
        links: list[str | WebUrl] = [*visit.listed, *([] if parsed.nofollow else parsed.links)]
        page = page_report(
            fetched, rules=visit.rules, links=links, canonical=parsed.canonical, noindex=parsed.noindex
        )
        if parsed.noindex:
            return visit.result(page=page)
        if not parsed.chunks:
            return visit.result(page=page, failure=_empty())
        return visit.result(page=page, content=_content(parsed, kind))


def _empty() -> FailureReport:
    return FailureReport(
        code=ErrorCode.EMPTY_CONTENT,
        sentence="The page holds no text that could be found again; its links were followed.",
        retryable=False,
    )


def _content(parsed: Parsed, kind: DocumentType) -> ContentReport:
    return ContentReport(
        title=parsed.title,
        content_type=MEDIA_TYPES[kind],
        content_hash=parsed.content_hash,
        language=parsed.language,
        markdown=parsed.markdown,
        columns=parsed.columns,
        pages=parsed.pages,
        chunk_count=len(parsed.chunks),
        chunks=parsed.chunks,
    )


class _Visit:
    """One page while it is being done."""

    def __init__(self, claim: Claim) -> None:
        self.claim = claim
        self.config: dict[str, Any] = claim.config
        self.url = parse_web_url(str(claim.payload["url"]))
        self.respects_robots = bool(self.config.get("respect_robots", True))
        self.source_url = claim.source_url or self.url.href
        self.rules = self._rules(self.config.get("scope_url") or self.source_url)
        self.policy: RobotsPolicy | None = None
        self.listed: list[WebUrl] = []
        self.seconds: dict[str, float] = {}
        self.logs: list[LogLine] = []

    def _rules(self, scope_url: str) -> ScopeRules:
        config = self.config
        return ScopeRules(
            CrawlScope(
                sites=frozenset({parse_web_url(scope_url).site}),
                max_depth=config.get("max_depth", 2),
                include=tuple(config.get("include") or ()),
                exclude=tuple(config.get("exclude") or ()),
                same_host=config.get("same_host", True),
                path_prefix=config.get("path_prefix") or "",
            )
        )

    def move(self, fetched: Fetched) -> None:
        """A permanent redirect of the seed moves the scope to its target's host."""
        if fetched.permanent_redirect_target is not None:
            self.rules = self._rules(fetched.permanent_redirect_target)

    def follows(self, target: str) -> bool:
        """Whether a redirect stays inside the scope and, on the page's own site, inside what robots.txt allows."""
        url = parse_web_url(target)
        if self.policy is not None and url.origin == self.url.origin and not self.policy.allows(url.href):
            return False
        return self.out_of_scope(url) is None

    def out_of_scope(self, target: WebUrl) -> Reason | None:
        """Why a redirect leaves the scope, if it does; the seed's own decide where the scope is."""
        return None if self.claim.is_seed else self.rules.verdict(target, depth=0)

    def result(
        self,
        *,
        page: PageReport | None = None,
        content: ContentReport | None = None,
        failure: FailureReport | None = None,
        skipped: Reason | None = None,
        logs: list[LogLine] | None = None,
    ) -> ResultMessage:
        """The result of this try."""
        ticket = self.claim.ticket
        return ResultMessage(
            job_id=ticket.job_id,
            epoch=ticket.epoch,
            tenant_id=self.claim.tenant_id,
            handler=Handler.WEB,
            request_id=self.claim.request_id,
            payload=self.claim.payload,
            page=page,
            content=content,
            failure=failure,
            skipped=skipped.value if skipped else None,
            seconds={name: round(value, 4) for name, value in self.seconds.items()},
            logs=self.logs + (logs or []),
        )
