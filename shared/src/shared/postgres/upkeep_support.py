"""Small things that the janitor's stores share."""

from __future__ import annotations

from typing import Final

#: Who acts, in the audit log.
ACTOR: Final = "janitor"


def affected(tag: str) -> int:
    """How many rows a command changed, from what Postgres answered to it (``DELETE 12``)."""
    return int(tag.rsplit(" ", 1)[-1])
