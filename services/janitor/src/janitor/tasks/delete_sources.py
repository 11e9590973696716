from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from janitor.ports import Removal
from shared.errors import DependencyUnavailableError
from shared.vectors.errors import VectorsReadOnlyError

if TYPE_CHECKING:
    from janitor.ports import SourceRemover, SourceRows

_log = structlog.get_logger(__name__)


class DeleteSources:
    """Removes sources that are to be deleted, the oldest request first; messages only make it quicker."""

    def __init__(self, *, rows: SourceRows, remover: SourceRemover, at_most: int) -> None:
        self._rows = rows
        self._remover = remover
        self._at_most = at_most

    async def run_once(self) -> dict[str, int]:
        """Remove what can be removed now.

        Raises:
            DependencyUnavailableError: something is down; the sources stay deleting.
        """
        deleted = 0
        refused: DependencyUnavailableError | None = None
        for source in await self._rows.deleting(at_most=self._at_most):
            try:
                outcome = await self._remover.remove(source.source_id)
            except VectorsReadOnlyError as error:
                refused = error  # one tenant's shard: others may be written to
            except DependencyUnavailableError:
                raise
            except Exception:  # noqa: BLE001  (one source that cannot be removed must not keep the others)
                _log.exception("source_not_removed", source_id=str(source.source_id))
            else:
                deleted += outcome is Removal.DELETED
        if refused is not None:
            raise refused
        return {"deleted": deleted}
