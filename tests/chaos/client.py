"""A user with patience: asks again where the stack is away, and knows when an earlier answer may have been lost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from chaos.broken import BrokenPromiseError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AGAIN: Final = frozenset({429, 502, 503, 504})
TRY_SECONDS: Final = 15.0
PAUSE_SECONDS: Final = 0.5
POLL_SECONDS: Final = (0.3, 2.0)
OPEN: Final = ("queued", "running")


@dataclass(frozen=True, slots=True)
class Answer:
    """What the gateway said at last.

    Attributes:
        status: of HTTP.
        body: JSON.
        was_lost: an earlier try of the same request may have been carried out.
    """

    status: int
    body: Any
    was_lost: bool


class PatientClient:
    """Talks to all gateways in turn.

    Args:
        session: an open HTTP session.
        urls: of the gateways.
        deadline: of the whole run, by the monotonic clock.

    Attributes:
        waits: how often what had to be repeated.
        odd: answers that nobody should see, such as 500.
    """

    def __init__(self, session: aiohttp.ClientSession, urls: Sequence[str], *, deadline: float) -> None:
        self._session = session
        self._urls = list(urls)
        self._deadline = deadline
        self._turn = 0
        self.waits: Counter[str] = Counter()
        self.odd: Counter[str] = Counter()

    async def call(
        self, method: str, path: str, *, form: Callable[[], aiohttp.FormData] | None = None, **options: Any
    ) -> Answer:
        """A request, repeated until it is answered by something else than an outage."""
        was_lost = False
        while True:
            self._turn += 1
            url = self._urls[self._turn % len(self._urls)] + path
            if form is not None:
                options["data"] = form()
            try:
                status, body = await self._try(method, url, options)
            except (aiohttp.ClientConnectorError, ConnectionRefusedError):
                self.waits["refused"] += 1
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                self.waits[f"lost ({type(error).__name__})"] += 1
                was_lost = True
            else:
                if status == 500:
                    self.odd[f"{method} {path.partition('?')[0]}: 500"] += 1
                    was_lost = True
                elif status not in AGAIN:
                    return Answer(status, body, was_lost)
                else:
                    self.waits[f"status {status}"] += 1
                    was_lost = True
            self.check_time(f"{method} {path} is still not answered")
            await asyncio.sleep(PAUSE_SECONDS)

    async def _try(self, method: str, url: str, options: dict[str, Any]) -> tuple[int, Any]:
        timeout = aiohttp.ClientTimeout(total=TRY_SECONDS)
        async with self._session.request(method, url, timeout=timeout, **options) as response:
            is_json = response.content_type.endswith("json")
            return response.status, await (response.json(content_type=None) if is_json else response.text())

    def check_time(self, what: str) -> None:
        """Raise what is still waited for, once the time is over."""
        if time.monotonic() > self._deadline:
            raise BrokenPromiseError("P5", f"{what} at the end of the time")

    async def expect(self, method: str, path: str, *statuses: int, **options: Any) -> Answer:
        """A request whose answer has one of these statuses, or a promise is broken."""
        answer = await self.call(method, path, **options)
        if answer.status not in statuses:
            raise BrokenPromiseError("P1", f"{method} {path} answered {answer.status}: {answer.body}")
        return answer

    async def get(self, path: str, **query: Any) -> Any:
        """The body of a 200."""
        return (await self.expect("GET", path, 200, params=query)).body

    async def at_rest(self, source_id: str) -> None:
        """Wait until no run of a source is open."""
        pause, longest = POLL_SECONDS
        while await self._open_runs(source_id):
            self.check_time(f"source {source_id} has open runs")
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, longest)

    async def has_succeeded(self, run_id: str) -> None:
        """Check how a run has ended; one that failed pages have reopened had ended well before."""
        run = await self.get(f"/v1/ingestion-runs/{run_id}")
        if run["status"] not in {"succeeded", *OPEN}:
            fields = ("status", "reason", "error_code", "error", "source_id")
            seen = {name: run[name] for name in fields}
            raise BrokenPromiseError("P1", f"run {run_id} did not succeed: {seen}")

    async def _open_runs(self, source_id: str) -> bool:
        for status in OPEN:
            found = await self.get("/v1/ingestion-runs", source_id=source_id, status=status, limit=1)
            if found["total"]:
                return True
        return False
