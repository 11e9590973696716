"""What is known of a message that could not be understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID


@dataclass(frozen=True, slots=True)
class KeptMessage:
    """A row of ``dead_messages``, and whether the message stands on ``ingest.dead`` as well."""

    key: UUID
    published: bool
