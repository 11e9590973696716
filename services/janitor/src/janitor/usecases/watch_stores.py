"""Looking whether Weaviate was started again, and whether Postgres or Weaviate went back in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from shared.postgres.upkeep_watch import Remembered
from shared.vectors.errors import VectorsReadOnlyError
from shared.vectors.port import Mark

if TYPE_CHECKING:
    from janitor.ports import Identity, WatchRows
    from shared.postgres.upkeep_watch import Watch

_log = structlog.get_logger(__name__)


class WatchStores:
    """One look at both, before anything is compared or deleted."""

    def __init__(self, *, rows: WatchRows, identity: Identity) -> None:
        self._rows = rows
        self._identity = identity

    async def look(self) -> Watch:
        """Look, note what follows in Postgres, and let Weaviate remember this state of Postgres.

        Weaviate is asked first: what it remembers was committed in Postgres before, unless Postgres was set back.

        Raises:
            DependencyUnavailableError: one of them does not answer; nothing is known then.
        """
        starts = await self._identity.starts()
        mark = await self._identity.read_mark()
        watch = await self._rows.look(
            remembered=None if mark is None else Remembered(history=mark.history, turn=mark.turn),
            starts=starts,
        )
        if watch.reason:
            _log.warning("full_audit_begins", reason=watch.reason)
        try:
            await self._identity.write_mark(Mark(history=watch.history, turn=watch.turn))
        except VectorsReadOnlyError as error:
            # The mark that is there is older, which hides nothing but the last turns.
            _log.debug("mark_not_written", detail=str(error))
        return watch
