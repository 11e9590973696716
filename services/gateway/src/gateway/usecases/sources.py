"""What people do with sources."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gateway.core.crawl import check_headers, check_patterns, default_name, read_url
from gateway.core.errors import BlockedUrlError, InvalidRequestError
from shared.net.resolver import HostVerdict
from shared.postgres.acceptance import Seed
from shared.postgres.intake_errors import NotFoundError, SourceExistsError
from shared.urls import parse_web_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from uuid import UUID

    from gateway.ports import Announcer, DeleteAnnouncer, HostJudge, Intake, SourceReader
    from shared.contracts.caller import Caller
    from shared.postgres.acceptance import AcceptedRun
    from shared.postgres.reads.records import SourceRow
    from shared.urls import WebUrl


@dataclass(frozen=True, slots=True, kw_only=True)
class CrawlWish:
    """How a site shall be crawled: settings by name, and headers (None: as they are)."""

    settings: Mapping[str, Any]
    headers: Mapping[str, str] | None = field(default=None, repr=False)

    def check(self) -> None:
        """Raises:
        InvalidRequestError: a pattern or a header cannot be used.
        """
        check_patterns({name: self.settings.get(name, ()) for name in ("include", "exclude")})
        check_headers(self.headers or {})


class Sources:
    """Adds, changes and removes sources, and starts their crawls."""

    def __init__(
        self,
        *,
        intake: Intake,
        reader: SourceReader,
        hosts: HostJudge,
        announcer: Announcer,
        deletes: DeleteAnnouncer,
        default_settings: Mapping[str, Any],
    ) -> None:
        self._intake = intake
        self._reader = reader
        self._hosts = hosts
        self._announcer = announcer
        self._deletes = deletes
        self._defaults = default_settings

    async def add(
        self, caller: Caller, *, url: str, name: str | None, group_id: UUID | None, wish: CrawlWish
    ) -> AcceptedRun:
        """Add a site and start its first crawl.

        Raises:
            InvalidRequestError: the URL, a pattern or a header cannot be used.
            BlockedUrlError: the address may not be crawled.
            NotFoundError: no such group.
            SourceExistsError: a live source has the URL.
        """
        parsed = read_url(url, ("body", "url"))
        wish.check()
        await self._judge(parsed)
        accepted = await self._intake.accept_web(
            caller=caller,
            seed=_seed(parsed),
            name=name or default_name(parsed),
            group_id=group_id,
            config=dict(wish.settings),
            secret_headers=dict(wish.headers or {}),
        )
        self._announcer.announce()
        return accepted

    async def change(
        self,
        caller: Caller,
        source_id: UUID,
        *,
        name: str | None,
        group_id: UUID | None,
        wish: CrawlWish | None,
    ) -> None:
        """Change what is given; the next crawl uses it.

        Raises:
            NotFoundError: no such live source, or no such group.
            InvalidRequestError: it is not crawled, or a pattern or a header cannot be used.
        """
        config = headers = None
        if wish is not None:
            source = await self._source(caller, source_id)
            if source.type != "web":
                raise InvalidRequestError.at("body", "crawl", msg="only web sources are crawled")
            wish.check()
            config = {**source.config, **wish.settings}
            headers = None if wish.headers is None else dict(wish.headers)
        await self._intake.update_source(
            caller=caller,
            source_id=source_id,
            name=name,
            group_id=group_id,
            config=config,
            secret_headers=headers,
        )

    async def sync(self, caller: Caller, source_id: UUID) -> UUID:
        """Crawl a site again.

        Raises:
            NotFoundError: no such live web source.
        """
        source = await self._source(caller, source_id)
        if source.url is None or source.row_status != "live":
            raise NotFoundError("web source")
        run_id = await self._intake.sync(
            caller=caller, source_id=source_id, host=parse_web_url(source.url).host_key
        )
        self._announcer.announce()
        return run_id

    async def crawl(
        self, caller: Caller, *, url: str, depth: int | None, settings: Mapping[str, Any] | None = None
    ) -> UUID:
        """Crawl a URL: a sync of the live source that has it, else a new source in the default group.

        Args:
            caller: on whose behalf.
            url: where it begins.
            depth: how many links from there; None: as the source has it.
            settings: instead of those of the source, whatever else a run noted among them left out.

        Raises:
            InvalidRequestError: the URL cannot be used.
            BlockedUrlError: the address may not be crawled.
        """
        parsed = read_url(url, ("body", "payload", "url"))
        await self._judge(parsed)
        wanted = {key: value for key, value in (settings or {}).items() if key in self._defaults}
        if depth is not None:
            wanted["max_depth"] = depth
        try:
            accepted = await self._intake.accept_web(
                caller=caller,
                seed=_seed(parsed),
                name=default_name(parsed),
                group_id=None,
                config={**self._defaults, **wanted},
                secret_headers={},
            )
            run_id = accepted.run_id
        except SourceExistsError as exists:
            run_id = await self._crawl_again(caller, exists.source_id, parsed, wanted)
        self._announcer.announce()
        return run_id

    async def _crawl_again(
        self, caller: Caller, source_id: UUID, url: WebUrl, wanted: Mapping[str, Any]
    ) -> UUID:
        config = None
        if wanted:
            config = {**(await self._source(caller, source_id)).config, **wanted}
        return await self._intake.sync(caller=caller, source_id=source_id, host=url.host_key, config=config)

    async def remove(self, caller: Caller, source_id: UUID, *, force: bool) -> None:
        """Hide a source at once and have it removed.

        Raises:
            NotFoundError: no such live source.
            IngestInProgressError: a run of it is active.
        """
        await self._intake.delete_source(caller=caller, source_id=source_id, force=force)
        await self._deletes.announce(caller=caller, source_id=source_id)

    async def _source(self, caller: Caller, source_id: UUID) -> SourceRow:
        source = await self._reader.get(caller.tenant_id, source_id)
        if source is None:
            raise NotFoundError("source")
        return source

    async def _judge(self, url: WebUrl) -> None:
        # A host that does not resolve is accepted: its run says so, and it may exist by then.
        if await self._hosts.check_host(url.host) is HostVerdict.BLOCKED:
            raise BlockedUrlError(
                f"{url.host} is an address inside a private or reserved network, which may not be crawled."
            )


def _seed(url: WebUrl) -> Seed:
    return Seed(url=url.href, url_key=url.key, host=url.host_key)
