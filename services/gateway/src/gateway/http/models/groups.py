"""Shapes of groups."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from gateway.http.models.common import Input, Name, Output, Page, Time


class GroupInput(Input):
    """What a group is called."""

    name: Name


ColumnNames = Annotated[list[Annotated[Name, Field(max_length=100)]], Field(max_length=2000)]


class PreferencesInput(Input):
    """What of a table's rows is embedded; names that a file does not have mean nothing for it."""

    columns: ColumnNames = Field(
        default_factory=list,
        description="Columns whose values make the text of a row. Empty: all, but those that stand above it.",
    )
    context_columns: ColumnNames = Field(
        default_factory=list,
        description="Columns whose values are carried along: they stand above each row's text, in its heading path.",
    )


class Preferences(Output):
    """What of a table's rows is embedded; applies to what is parsed from now on."""

    columns: list[str]
    context_columns: list[str]


class Group(Output):
    """A group of sources."""

    id: UUID
    name: str
    sources: int
    created_at: Time


class GroupList(Page[Group]):
    """Groups, newest first."""
