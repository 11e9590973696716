"""From a query string to a part of a list, and from there to the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel

from shared.postgres.reads.records import Slice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.http.models.common import PageQuery

P = TypeVar("P", bound=BaseModel)


def wanted(query: PageQuery) -> Slice:
    """Which part is wanted."""
    return Slice(limit=query.limit, offset=query.offset)


def page(model: type[P], query: PageQuery, items: Iterable[object], total: int) -> P:
    """The answer to a list: ``model`` is a ``Page`` of something that ``items`` have the attributes of."""
    return model.model_validate(
        {"items": list(items), "total": total, "limit": query.limit, "offset": query.offset}
    )
