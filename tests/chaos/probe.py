"""Searches all along, and judges every answer (P3)."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

import aiohttp

from chaos.broken import BrokenPromiseError
from chaos.model import NEVER
from chaos.texts import WORDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chaos.model import Served

MODES: Final = ("keyword", "keyword", "hybrid", "vector")
FULL: Final = 50
PRYING_SHARE: Final = 0.05
PAUSE_SECONDS: Final = 0.15
AT_ONCE: Final = 8
TRY_SECONDS: Final = 8.0


class Probe:
    """Asks both gateways for words that stand in one document alone.

    Args:
        session: an open HTTP session.
        urls: of the gateways.
        served: what may be shown.
        theirs: a word that only another tenant may find.
        seed: decides what is asked for.

    Attributes:
        counts: searches by how they ended.
        shaken_at: when Weaviate was last made to lose something: what it lost may be missing until the audit has
            put it back, and is looked for at the end.
    """

    def __init__(
        self, session: aiohttp.ClientSession, urls: Sequence[str], *, served: Served, theirs: str, seed: int
    ) -> None:
        self._session = session
        self._urls = list(urls)
        self._served = served
        self._theirs = theirs
        self._dice = random.Random(f"probe {seed}")
        self._seen_at: dict[str, float] = {}
        self.counts: Counter[str] = Counter()
        self.shaken_at = -NEVER

    async def run(self) -> None:
        """Search until cancelled.

        Raises:
            BrokenPromiseError: P3.
        """
        while True:
            if self._dice.random() < PRYING_SHARE:
                await self._pry(self._dice.choice(MODES))
            elif self._served.documents:
                document = self._dice.choice(list(self._served.documents))
                await self.ask(document, self._dice.choice(MODES))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _pry(self, mode: str) -> None:
        """Ask for what another tenant has."""
        began = time.monotonic()
        hits = await self._search(self._theirs, mode)
        if hits is None:
            return
        self.counts["for what another tenant has"] += 1
        if wrong := self._served.wrong(hits, began=began, ended=time.monotonic()):
            raise BrokenPromiseError("P3", wrong[0], (f"{mode} search for {self._theirs!r}", *wrong[1:]))

    async def everything(self) -> None:
        """Look for each document once more, now that all is quiet: whoever is missing now is lost."""
        self.shaken_at = -NEVER
        for mode in dict.fromkeys(MODES):
            await self._pry(mode)
        documents = list(self._served.documents)
        for at in range(0, len(documents), AT_ONCE):
            await asyncio.gather(*map(self._ask_patiently, documents[at : at + AT_ONCE]))

    async def _ask_patiently(self, document: str) -> None:
        while not await self.ask(document, "keyword", patiently=True):  # noqa: ASYNC110  (it asks)
            await asyncio.sleep(PAUSE_SECONDS)

    async def ask(self, document: str, mode: str, *, patiently: bool = False) -> bool:
        """One search; whether it was answered.

        Raises:
            BrokenPromiseError: P3.
        """
        known = self._served.documents[document]
        words = document if mode == "keyword" else f"{document} {self._dice.choice(WORDS)}"
        began, served_since = time.monotonic(), known.served_since
        hits = await self._search(words, mode)
        ended = time.monotonic()
        if hits is None:
            return False
        self.counts[mode] += 1
        if wrong := self._served.wrong(hits, began=began, ended=ended):
            raise BrokenPromiseError("P3", wrong[0], (f"{mode} search for {words!r}", *wrong[1:]))
        if mode == "keyword":
            is_found = any(document in hit["text"] for hit in hits)
            must_be_found = served_since < began and known.served_since == served_since
            self._note(document, known.name, began, is_found=is_found, must=must_be_found, quiet=patiently)
        return True

    def _note(
        self, document: str, name: str, began: float, *, is_found: bool, must: bool, quiet: bool
    ) -> None:
        if is_found:
            self._seen_at[document] = began
        elif must and (quiet or self._seen_at.get(document, -NEVER) > self.shaken_at):
            raise BrokenPromiseError("P3", f"{name} is served, and no search finds it", (f"word {document}",))
        elif must:
            self.counts["missing while Weaviate is refilled"] += 1

    async def _search(self, words: str, mode: str) -> list[dict[str, Any]] | None:
        """The hits; None where nobody answers."""
        url = self._dice.choice(self._urls) + "/v1/search"
        asked = {"query": words, "mode": mode, "limit": FULL if mode == "keyword" else 20}
        timeout = aiohttp.ClientTimeout(total=TRY_SECONDS)
        try:
            async with self._session.post(url, json=asked, timeout=timeout) as answer:
                if answer.status == 503:
                    self.counts["503"] += 1
                    return None
                if answer.status != 200:
                    text = await answer.text()
                    raise BrokenPromiseError("P3", f"a search was answered by {answer.status}: {text[:300]}")
                items: list[dict[str, Any]] = (await answer.json())["items"]
                return items
        except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
            self.counts[f"no answer ({type(error).__name__})"] += 1
            return None
