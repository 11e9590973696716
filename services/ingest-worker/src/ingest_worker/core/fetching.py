"""What is asked of the web, and what comes back: the shapes between handler and fetcher."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchRequest:
    """One page to fetch.

    Attributes:
        url: absolute, http or https; fetched as written.
        timeout_seconds: for everything: name lookup, connections, redirects and the whole body.
        max_bytes: of the body, as transferred and as decompressed.
        headers: secrets of the source. They are sent to the origin of ``headers_for`` alone.
        headers_for: whose secrets they are: the source's URL; by default ``url`` itself.
        etag: of the copy that is known (If-None-Match).
        last_modified: of the copy that is known, as received (If-Modified-Since).
        accepts: told the media type (lower case, ``""`` where there is none) before the body is read.
        follows: told each redirect's target, absolute, before it is asked.
        cut: hand out the first ``max_bytes`` of a larger body instead of failing.
    """

    url: str
    timeout_seconds: float
    max_bytes: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers_for: str = ""
    etag: str | None = None
    last_modified: str | None = None
    accepts: Callable[[str], bool] | None = None
    follows: Callable[[str], bool] | None = None
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Redirect:
    """One hop: ``status`` 301, 302, 303, 307 or 308, and where it led to."""

    status: int
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """A usable answer (2xx), or 304, or a redirect that ``FetchRequest.follows`` did not want followed.

    Attributes:
        url: what was asked for.
        final_url: what answered, after redirects.
        status: of the last answer.
        body: decompressed; empty where ``not_modified`` or ``refused_redirect``.
        content_type: lower case, without parameters; ``""`` where none was sent.
        charset: as declared in the header.
        etag: as received, for the next request.
        last_modified: as received, for the next request.
        x_robots_tag: one header a line; :func:`ingest_worker.core.robots.robots_tag` reads it.
        canonical: the target of ``Link: rel=canonical``, absolute.
        redirects: in order.
        permanent_redirect_target: where the redirects lead as far as they are permanent (301, 308) from the
            first on, or None.
        not_modified: the copy that is known is current (304).
        refused_redirect: the target that was not followed.
        truncated: the body went on.
        received_bytes: of the body, as transferred.
        elapsed_seconds: from the request to the end of the body.
    """

    url: str
    final_url: str
    status: int
    body: bytes = field(default=b"", repr=False)
    content_type: str = ""
    charset: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    x_robots_tag: str = ""
    canonical: str | None = None
    redirects: tuple[Redirect, ...] = ()
    permanent_redirect_target: str | None = None
    not_modified: bool = False
    refused_redirect: str | None = None
    truncated: bool = False
    received_bytes: int = 0
    elapsed_seconds: float = 0.0
