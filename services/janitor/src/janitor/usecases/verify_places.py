"""Verifying objects of many places, where one that cannot be asked must not keep the others waiting for ever."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from shared.errors import DependencyError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from uuid import UUID

    from janitor.ports import StoreWatch
    from janitor.usecases.check_objects import CheckObjects
    from shared.postgres.upkeep_audit import Place

_log = structlog.get_logger(__name__)


class VerifyPlaces:
    """Verifies objects place by place; one that fails again and again is left to the rolling audit.

    The rolling audit looks at every object of every place once a round, in the same way, and comes back to a place
    that it had to pass over: what is skipped here is found later, not never.
    """

    def __init__(self, *, check: CheckObjects, watch: StoreWatch, tries: int) -> None:
        """``tries``: turns in a row that a place may fail before the others go on without it."""
        self._check = check
        self._watch = watch
        self._tries = tries
        self._failures: Counter[Place] = Counter()

    async def verify(self, parts: Iterable[tuple[Place, Sequence[UUID]]]) -> int:
        """Have those replaced that no search by vector finds; how many were noted.

        Raises:
            DependencyError: Postgres or Weaviate as a whole does not answer, or a place fails that may be tried again;
                all others have been looked at by then.
        """
        noted = 0
        failed: dict[Place, DependencyError] = {}
        for place, object_ids in parts:
            if place in failed:
                continue
            try:
                noted += (await self._check.verify(place, object_ids)).noted
                self._failures.pop(place, None)
            except DependencyError as error:
                # Where nothing answers, this raises: no place is to blame then.
                await self._watch.look()
                failed[place] = error
        self._pass_over(failed)
        return noted

    def _pass_over(self, failed: dict[Place, DependencyError]) -> None:
        for place in failed:
            self._failures[place] += 1
        for place, error in failed.items():
            if self._failures[place] < self._tries:
                raise error
        for place, error in failed.items():
            _log.warning(
                "place_passed_over", tenant=place.tenant, collection=place.collection, detail=str(error)
            )
