"""Reading what people want to have crawled. Pure; whether a host may be reached is asked elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.errors import Fault, InvalidRequestError
from shared.net.headers import header_problem
from shared.patterns import InvalidPatternError, validate_pattern
from shared.urls import InvalidUrlError, WebUrl, parse_web_url

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_NAME_CHARS: Final = 200


def read_url(text: str, loc: tuple[str | int, ...]) -> WebUrl:
    """A web address, as it was given in the field ``loc``.

    Raises:
        InvalidRequestError: it is none.
    """
    try:
        return parse_web_url(text)
    except InvalidUrlError as error:
        raise InvalidRequestError([Fault(loc, str(error))]) from None


def default_name(url: WebUrl) -> str:
    """What a source is called until somebody gives it a name."""
    return f"{url.site}{url.path}".removesuffix("/")[:_NAME_CHARS]


def check_patterns(patterns: Mapping[str, Sequence[str]]) -> None:
    """Check the patterns of each field of ``crawl``.

    Raises:
        InvalidRequestError: with every one that cannot be used.
    """
    faults = [
        Fault(("body", "crawl", field, index), problem)
        for field, texts in patterns.items()
        for index, text in enumerate(texts)
        if (problem := _pattern_problem(text)) is not None
    ]
    if faults:
        raise InvalidRequestError(faults)


def check_headers(headers: Mapping[str, str]) -> None:
    """Check headers that are to be sent along.

    Raises:
        InvalidRequestError: with every one that cannot be sent.
    """
    faults = [
        Fault(("body", "crawl", "headers", name), problem)
        for name, value in headers.items()
        if (problem := header_problem(name, value)) is not None
    ]
    if faults:
        raise InvalidRequestError(faults)


def _pattern_problem(text: str) -> str | None:
    try:
        validate_pattern(text)
    except InvalidPatternError as error:
        return str(error)
    return None
