"""From what people call things to their ids."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from quern.cli.running import UsageError
from quern.errors import ProblemError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from quern.client import Client
    from quern.models.sources import Source

NOT_FOUND = 404
MOST_LISTED = 10


def as_id(text: str) -> UUID | None:
    """The id that a text is, if it is one."""
    try:
        return UUID(text)
    except ValueError:
        return None


async def find_source(client: Client, text: str) -> Source:
    """The source with this id, URL, file name or name.

    Raises:
        UsageError: there is none, or more than one.
    """
    source_id = as_id(text)
    if source_id is not None:
        return await client.sources.get(source_id)
    found = [
        source
        async for source in client.sources.walk(q=text)
        if text in (source.url, source.file_name, source.name)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"There is no source with the id, URL, file name or name {text}.")
    ids = "; ".join(f"{source.id} {source.address}" for source in found[:MOST_LISTED])
    raise UsageError(f"{len(found)} sources are called {text}, so name one by its id: {ids}.")


async def find_or_make_group(client: Client, text: str) -> tuple[UUID, bool]:
    """The group with this id or name, and whether it had to be made."""
    group_id = as_id(text)
    if group_id is not None:
        return group_id, False
    found = await find_group(client, text)
    if found is not None:
        return found, False
    return (await client.groups.add(text)).id, True


async def find_group(client: Client, text: str) -> UUID | None:
    """The group with this id or name."""
    group_id = as_id(text)
    if group_id is not None:
        return group_id
    async for group in client.groups.walk():
        if group.name == text:
            return group.id
    return None


async def addresses(client: Client, source_ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """URLs or file names of sources; those that are gone meanwhile are left out."""
    found = {}
    for source_id in {source_id for source_id in source_ids if source_id is not None}:
        try:
            found[source_id] = (await client.sources.get(source_id)).address
        except ProblemError as error:
            if error.status != NOT_FOUND:
                raise
    return found
