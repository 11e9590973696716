"""Where a redirect leads, and what may be sent there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.errors import ErrorCode, WorkError
from shared.urls import InvalidUrlError, WebUrl, join_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingest_worker.core.fetching import Redirect

REDIRECTS = frozenset({301, 302, 303, 307, 308})
PERMANENT = frozenset({301, 308})  # RFC 9110, sections 15.4.2 and 15.4.9


def next_hop(
    url: WebUrl, status: int, location: str | None, *, hops: Sequence[Redirect], first: WebUrl, limit: int
) -> WebUrl:
    """The address that an answer with ``status`` sends us on to.

    A loop is an address that was asked before, letter by letter: a redirect from one spelling of a page to
    another one of the same page is a step forward.

    Raises:
        WorkError: no target or none that can be fetched (``http_error``); a loop or more than ``limit`` hops
            (``too_many_redirects``).
    """
    if not location:
        raise _unusable(url, status, "does not say where to.")
    try:
        target = join_url(url.href, location)
    except InvalidUrlError as error:
        raise _unusable(url, status, f"not to a web address: {error}") from None
    if target.href == first.href or any(target.href == hop.target for hop in hops):
        raise _endless(f"{first.host} redirects in a circle: {target.href} leads back to itself.")
    if len(hops) >= limit:
        raise _endless(f"{first.host} redirects more than {limit} times in a row.")
    return target


def permanent_target(redirects: Sequence[Redirect]) -> str | None:
    """How far the redirects are permanent, from the first on."""
    target = None
    for redirect in redirects:
        if redirect.status not in PERMANENT:
            break
        target = redirect.target
    return target


def may_receive(url: WebUrl, owner: WebUrl) -> bool:
    """Whether secrets that are meant for ``owner``'s origin may be sent to ``url``.

    The same origin (RFC 6454), or the same host by TLS on the default ports: that only raises secrecy.
    """
    if url.origin == owner.origin:
        return True
    return (
        url.host == owner.host
        and (owner.scheme, owner.port) == ("http", 80)
        and (url.scheme, url.port) == ("https", 443)
    )


def _unusable(url: WebUrl, status: int, why: str) -> WorkError:
    return WorkError(
        ErrorCode.HTTP_ERROR,
        f"{url.host} answered {status} (redirect), but {why}",
        retryable=False,
        http_status=status,
    )


def _endless(sentence: str) -> WorkError:
    return WorkError(ErrorCode.TOO_MANY_REDIRECTS, sentence, retryable=False)
