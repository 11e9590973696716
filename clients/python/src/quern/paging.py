"""Walking through lists page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from quern.models.common import Page

T = TypeVar("T")

LONGEST_PAGE = 500
FURTHEST_OFFSET = 10_000


async def walk(fetch: Callable[[int, int], Awaitable[Page[T]]]) -> AsyncIterator[T]:
    """All items of a list that the contract lets one reach: 10,500 at most, beyond that filter.

    Args:
        fetch: gives the page for a limit and an offset.
    """
    for offset in range(0, FURTHEST_OFFSET + 1, LONGEST_PAGE):
        page = await fetch(LONGEST_PAGE, offset)
        for item in page.items:
            yield item
        if offset + len(page.items) >= page.total or not page.items:
            return
