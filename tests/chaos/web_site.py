"""A web site of the work: what it shows at which moment, and what happens to it."""

from __future__ import annotations

import asyncio
import random
import time
from typing import TYPE_CHECKING, Final

from chaos import texts
from chaos.plan import DOCUMENTS, PagePlan, Role
from support import site_answers as answers
from support.sites import TestSite

if TYPE_CHECKING:
    from chaos.client import PatientClient
    from chaos.model import Served
    from chaos.pace import Pace
    from chaos.plan import SitePlan

START: Final = "/"
PAGES_PER_HUB: Final = 30
STUMBLES: Final = 2
MENDING_SECONDS: Final = 1.0
BAD: Final = 500
SLOWEST_SECONDS: Final = 1.5


class WebSite:
    """The site, and the user who has it crawled.

    Args:
        plan: its pages, and what happens when.
        seed: decides what is on them.
        port: where it is served.
        client: the user's.
        served: learns what may be found.
        pace: says when the steps are due.
    """

    def __init__(
        self, *, plan: SitePlan, seed: int, port: int, client: PatientClient, served: Served, pace: Pace
    ) -> None:
        self._plan = plan
        self._seed = seed
        self._client = client
        self._served = served
        self._pace = pace
        self.site = TestSite(host=plan.host, port=port)
        self._revisions = dict.fromkeys([START, *(page.path for page in plan.pages)], 1)
        self._roles = {page.path: page.role for page in plan.pages}
        self._phase = 0
        self.source_id = ""
        self._run_id = ""

    async def live(self) -> None:
        """All that happens to it, from its first crawl to its last."""
        begins = self._plan.begins
        await self._pace.until(begins)
        self._publish()
        await self._add()
        await self._at_rest(is_whole=True)
        await self._pace.until(begins + 0.15)
        self._change(Role.CHANGES, phase=1)
        await self._crawl()
        await self._at_rest(is_whole=True)
        if self._plan.is_cancelled:
            await self._pace.until(begins + 0.25)
            await self._cancel_a_crawl()
        if self._has(Role.LATE):
            await self._pace.until(begins + 0.35)
            await self._mend()
        if self._plan.is_deleted:
            await self._pace.until(begins + 0.4)
            await self._delete_and_add_again()
        await self._pace.until(0.9)
        self._change(Role.CHANGES, Role.STUMBLES)
        await self._crawl()
        await self._pace.until(1.0)
        await self._crawl()
        await self._at_rest(is_whole=True)

    # The user

    async def _add(self) -> None:
        crawl = {"max_depth": 4, "max_pages": 5000}
        body = {"type": "web", "url": self.site.url(START), "crawl": crawl}
        answer = await self._client.expect("POST", "/v1/sources", 201, 409, json=body)
        added = answer.status == 201
        self.source_id = answer.body["source"]["id"] if added else answer.body["source_id"]
        self._run_id = answer.body["run"]["id"] if added else ""

    async def _crawl(self) -> None:
        answer = await self._client.expect("POST", f"/v1/sources/{self.source_id}/sync", 202)
        self._run_id = answer.body["run_id"]

    async def _cancel_a_crawl(self) -> None:
        self._change(Role.CHANGES)
        await self._crawl()
        await self._client.expect("POST", f"/v1/jobs/{self._run_id}/cancel", 202, 409)
        await self._at_rest(is_whole=False)

    async def _mend(self) -> None:
        """Put right what failed so far, and have it done again, until nothing of it is listed as failed."""
        self._phase = 2
        self._publish()
        while late := await self._late_failures():
            self._client.check_time(f"{late} of {self.site.host} fail")
            await self._client.expect("POST", f"/v1/jobs/{late[0]}/retry", 202, 404, 409)
            await self._client.expect("POST", "/v1/jobs/failed/retry", 202, json={"error_code": "http_error"})
            await self._at_rest(is_whole=False)
            await asyncio.sleep(MENDING_SECONDS)

    async def _late_failures(self) -> list[str]:
        late = {self.site.url(path) for path, role in self._roles.items() if role is Role.LATE}
        found = await self._client.get("/v1/jobs/failed", error_code="http_error", limit=500)
        return [row["id"] for row in found["items"] if row["payload"].get("url") in late]

    async def _delete_and_add_again(self) -> None:
        """In the middle of a crawl; what comes after the delete has versions of its own."""
        await self._crawl()
        deleted = self.source_id
        for path in self._revisions:
            self._served.doubt(self._marker(path))
        await self._client.expect("DELETE", f"/v1/sources/{deleted}", 202, 404, params={"force": "true"})
        now = time.monotonic()
        self._served.deleted(deleted, at=now)
        for path in self._revisions:
            self._served.gone(self._marker(path), at=now)
        self._revisions = {path: revision + 100 for path, revision in self._revisions.items()}
        self._publish()
        await self._add()
        await self._at_rest(is_whole=True)

    async def _at_rest(self, *, is_whole: bool) -> None:
        """Wait for the end of its runs.

        Args:
            is_whole: the last one has seen the site as it is now.
        """
        shown = dict(self._revisions)
        await self._client.at_rest(self.source_id)
        if not is_whole:
            return
        if self._run_id:
            await self._client.has_succeeded(self._run_id)
        now = time.monotonic()
        for path, revision in shown.items():
            if self._is_served(path):
                self._served.confirm(self._marker(path), revision, at=now)
            elif self._roles.get(path) in {Role.GOES, Role.UNLINKED}:
                self._served.gone(self._marker(path), at=now)

    # The site

    def _has(self, role: Role) -> bool:
        return role in self._roles.values()

    def _change(self, *roles: Role, phase: int | None = None) -> None:
        """New content for all pages of these roles."""
        self._phase = max(self._phase, phase or 0)
        for path, role in self._roles.items():
            if role in roles:
                self._revisions[path] += 1
        self._publish()

    def _is_served(self, path: str) -> bool:
        role = self._roles.get(path, Role.PLAIN)
        hidden = {Role.COMES: self._phase < 1, Role.GOES: self._phase >= 1, Role.UNLINKED: self._phase >= 1}
        return role in DOCUMENTS and not hidden.get(role, False) and not self._is_late(path)

    def _is_late(self, path: str) -> bool:
        return self._roles.get(path) is Role.LATE and self._phase < 2

    def _publish(self) -> None:
        """Put everything as it is now on the site."""
        plain = [page.path for page in self._plan.pages if page.role is Role.PLAIN]
        hubs = plain[: 1 + len(self._plan.pages) // PAGES_PER_HUB]
        leaves = [page.path for page in self._plan.pages if page.path not in hubs and self._is_linked(page)]
        self._show(START, links=hubs)
        for number, hub in enumerate(hubs):
            self._show(hub, links=leaves[number :: len(hubs)])
        for page in self._plan.pages:
            if page.path not in hubs:
                self._show_leaf(page)

    def _is_linked(self, page: PagePlan) -> bool:
        return not (
            (page.role is Role.COMES and self._phase < 1) or (page.role is Role.UNLINKED and self._phase >= 1)
        )

    def _show_leaf(self, page: PagePlan) -> None:
        if page.role is Role.MISSING or (page.role is Role.GOES and self._phase >= 1):
            self._served.doubt(self._marker(page.path))
            self.site.refuse(page.path, 404)
        elif page.role is Role.BROKEN or self._is_late(page.path):
            self.site.refuse(page.path, BAD)
        else:
            if not self._is_linked(page):
                self._served.doubt(self._marker(page.path))
            self._show(page.path)

    def _show(self, path: str, links: list[str] | None = None) -> None:
        text = texts.text(self._seed, self._name(path), self._revisions[path])
        revision = self._revisions[path]
        if self._is_served(path):
            at = time.monotonic()
            self._served.give(text.document, self._name(path), text.version, revision, at=at)
        page = answers.Page(texts.page(text, links or ()).encode())
        stumbles = self._roles.get(path) is Role.STUMBLES and self._phase == 0
        refusal = answers.refusal(BAD, {})
        answer = answers.in_turn(*[refusal] * STUMBLES, page) if stumbles else page
        self.site.answer(path, answers.slow(self._thinks(path), answer))

    def _thinks(self, path: str) -> float:
        """Some pages take long, so that whoever is killed or frozen has work in hand."""
        dice = random.Random(f"pace {self._seed} {self._name(path)}")
        return SLOWEST_SECONDS * dice.random() ** 2

    def _name(self, path: str) -> str:
        return f"site {self._plan.number} {path}"

    def _marker(self, path: str) -> str:
        return texts.document_marker(self._seed, self._name(path))
