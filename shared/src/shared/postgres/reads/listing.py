"""How a list is read: ids of one page, then the rows of these ids, then how many there are in all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from shared.postgres.reads.records import Listing, Slice

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from shared.postgres.database import Connection

R = TypeVar("R")


def like(text: str | None) -> str | None:
    """A pattern for ILIKE that finds ``text`` anywhere, each of its characters meaning itself."""
    if text is None:
        return None
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{escaped}%"


async def rows(connection: Connection, record: type[R], query: str, *arguments: Any) -> list[R]:
    """All rows of a query as records."""
    return [record(**row) for row in await connection.fetch(query, *arguments)]


async def page_of_ids(
    connection: Connection, page: str, total: str, filters: Sequence[Any], part: Slice
) -> tuple[list[UUID], int]:
    """Ids of one page, and how many there are of the same filters."""
    ids = [row["id"] for row in await connection.fetch(page, *filters, part.limit, part.offset)]
    if ids and len(ids) < part.limit:
        return ids, part.offset + len(ids)
    return ids, await connection.fetchval(total, *filters)


async def page_of_rows(
    connection: Connection, record: type[R], page: str, total: str, filters: Sequence[Any], part: Slice
) -> Listing[R]:
    """One page of rows that need no second look."""
    items = await rows(connection, record, page, *filters, part.limit, part.offset)
    if items and len(items) < part.limit:
        return Listing(items, part.offset + len(items))
    return Listing(items, await connection.fetchval(total, *filters))
