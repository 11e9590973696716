"""The events of an upload's form, in the order in which they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class FileStart:
    """The file begins; its bytes follow as they come, until the form ends or another event comes."""

    file_name: str
    content_type: str


@dataclass(frozen=True, slots=True)
class TextField:
    """A whole text field."""

    name: str
    text: str


FormEvent = FileStart | TextField | bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What the user says about a file."""

    group_id: UUID | None = None
    title: str | None = None
    version_label: str | None = None
