"""Shapes of groups."""

from uuid import UUID

from gateway.http.models.common import Input, Name, Output, Page, Time


class GroupInput(Input):
    """What a group is called."""

    name: Name


class Group(Output):
    """A group of sources."""

    id: UUID
    name: str
    sources: int
    created_at: Time


class GroupList(Page[Group]):
    """Groups, newest first."""
