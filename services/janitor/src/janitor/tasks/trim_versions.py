from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from janitor.ports import Content

_LEAST: Final = UUID(int=0)


class TrimVersions:
    """Lets go of versions that are more than the setting keeps; DropAbandoned removes them.

    Walks over the documents, some in each turn, because that needs no note of what has changed.
    """

    def __init__(self, *, content: Content, keep: int, grace_seconds: float, at_most: int) -> None:
        self._content = content
        self._keep = keep
        self._grace_seconds = grace_seconds
        self._at_most = at_most
        self._after = _LEAST

    async def run_once(self) -> dict[str, int]:
        """Look at the next documents."""
        found = await self._content.kept_versions(after=self._after, at_most=self._at_most)
        self._after = found[-1].document_id if len(found) == self._at_most else _LEAST
        too_many = [document for document in found if document.versions > self._keep]
        if not too_many:
            return {}
        let_go = await self._content.let_go(too_many, keep=self._keep, grace_seconds=self._grace_seconds)
        return {"versions": let_go}
