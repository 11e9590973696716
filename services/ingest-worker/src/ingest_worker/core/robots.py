"""What a site's robots.txt lets us do (RFC 9309), by the product token ``Quern``."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING

from protego import Protego

from shared.errors import ErrorCode, WorkError
from shared.urls import InvalidUrlError, join_url

if TYPE_CHECKING:
    from collections.abc import Iterator

PRODUCT_TOKEN = "Quern"  # noqa: S105  (a name, in User-Agent and robots.txt)
MAX_ROBOTS_BYTES = 500 * 1024
"""What is read of a robots.txt (RFC 9309, section 2.5)."""

LONGEST_CRAWL_DELAY_SECONDS = 60.0
"""A Crawl-delay beyond this counts as this: no site may put a crawl off for ever."""

_MAX_SITEMAPS = 100


@dataclass(frozen=True, slots=True)
class RobotsAnswer:
    """How a robots.txt was answered, as it is kept for a while.

    Attributes:
        status: of the answer; None where there was none.
        body: the text of a 2xx answer, up to ``MAX_ROBOTS_BYTES``.
        retry_after_seconds: what a refusal asked for.
    """

    status: int | None
    body: str = ""
    retry_after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class RobotsPolicy:
    """The rules for us.

    Attributes:
        available: False while the site's rules are not known (5xx or no answer): nothing may be fetched.
        sitemaps: addresses of its sitemaps, absolute.
        crawl_delay_seconds: the pause that the site asks for between two requests.
    """

    available: bool = True
    sitemaps: tuple[str, ...] = ()
    crawl_delay_seconds: float | None = None
    rules: Protego | None = None

    def allows(self, href: str) -> bool:
        """Whether the page may be fetched."""
        if not self.available:
            return False
        return self.rules is None or bool(self.rules.can_fetch(href, PRODUCT_TOKEN))


def robots_url(origin: str) -> str:
    """Where the rules of an origin (``WebUrl.origin``) are."""
    return f"{origin}/robots.txt"


def policy_of(answer: RobotsAnswer, origin: str) -> RobotsPolicy:
    """The policy that an answer means: 4xx allows everything, 5xx and silence nothing for now."""
    if answer.status is None or answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return RobotsPolicy(available=False)
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        return RobotsPolicy()
    return _parsed(answer.body, origin)


def disallowed_error(host: str) -> WorkError:
    """The site's rules forbid the page."""
    return WorkError(
        ErrorCode.ROBOTS_DISALLOWED,
        f"The robots.txt of {host} forbids this page. Turn respect_robots off if the site is yours.",
        retryable=False,
    )


def unavailable_error(host: str, answer: RobotsAnswer) -> WorkError:
    """The site's rules are not known; nothing is fetched until they are."""
    seen = f"answered {answer.status}" if answer.status else "did not answer"
    return WorkError(
        ErrorCode.ROBOTS_UNAVAILABLE,
        f"{host} {seen} when asked for its robots.txt, so nothing is crawled there for now.",
        retryable=True,
        http_status=answer.status,
        retry_after_seconds=answer.retry_after_seconds,
    )


@dataclass(frozen=True, slots=True)
class RobotsTag:
    """What an X-Robots-Tag header asks for."""

    noindex: bool = False
    nofollow: bool = False


def robots_tag(value: str) -> RobotsTag:
    """Read X-Robots-Tag, one header a line: directives for everybody, and those behind ``quern:``.

    A robot's name holds up to the next name or the end of its header.
    """
    directives: set[str] = set()
    for line in value.lower().splitlines():
        directives.update(_for_us(line))
    everything = "none" in directives
    return RobotsTag(everything or "noindex" in directives, everything or "nofollow" in directives)


def _for_us(line: str) -> Iterator[str]:
    ours = True
    for part in line.split(","):
        name, colon, rest = part.partition(":")
        if not colon or name.strip() in _VALUED:
            rest = part
        else:
            ours = name.strip() == PRODUCT_TOKEN.lower()
        if ours:
            yield rest.strip()


# Directives that hold a colon themselves, so that what stands before it is no robot's name.
_VALUED = frozenset({"unavailable_after", "max-snippet", "max-image-preview", "max-video-preview"})


@lru_cache(maxsize=16)  # pages ask for the same few policies; the largest take some 10 ms to read, and 10 MB
def _parsed(body: str, origin: str) -> RobotsPolicy:
    rules = Protego.parse(body.removeprefix("\ufeff"))
    delay = rules.crawl_delay(PRODUCT_TOKEN)
    return RobotsPolicy(
        sitemaps=_sitemaps(rules, origin),
        crawl_delay_seconds=None if delay is None else min(delay, LONGEST_CRAWL_DELAY_SECONDS),
        rules=rules,
    )


def _sitemaps(rules: Protego, origin: str) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for text in rules.sitemaps:
        try:
            found[join_url(origin + "/", text).href] = None
        except InvalidUrlError:
            continue
        if len(found) == _MAX_SITEMAPS:
            break
    return tuple(found)
