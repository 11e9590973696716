"""Why a change of a group is refused."""

from __future__ import annotations

from shared.errors import QuernError


class GroupExistsError(QuernError):
    """Another group of the tenant has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is a group with the name {name!r} already.")


class GroupInUseError(QuernError):
    """The group cannot be removed; the message says what keeps it."""
