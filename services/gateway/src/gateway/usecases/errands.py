"""What people have the janitor do: cleanups, summaries, and making the index anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

from gateway.core.access import Access, require
from gateway.core.errors import InvalidRequestError
from shared.states import ErrandType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.ports import Intake
    from shared.contracts.caller import Caller

_DAY_SECONDS: Final = 86_400.0


class Errands:
    """Accepts errands; the janitor finds them in the rows, nobody has to be woken up."""

    def __init__(self, *, intake: Intake, cleanup_min_age_seconds: float) -> None:
        self._intake = intake
        self._cleanup_min_age_seconds = cleanup_min_age_seconds

    async def start(self, caller: Caller, kind: ErrandType, payload: dict[str, Any]) -> UUID:
        """Start one; the payload has the form that its type asks for.

        Raises:
            ForbiddenError: it is for admins.
            InvalidRequestError: a cleanup of jobs that are too young.
            NotFoundError: no such source or document.
        """
        may_start(caller, kind)
        if kind is ErrandType.CLEANUP:
            self._check_age(float(payload["age_threshold_days"]))
        if kind is ErrandType.REEMBED:
            ((_, run_id),) = await self._intake.reembed(
                caller=caller, source_ids=[UUID(payload["source_id"])]
            )
            return run_id
        return await self._intake.start_errand(caller=caller, kind=kind, payload=payload)

    async def reembed(self, caller: Caller, source_ids: Sequence[UUID]) -> list[tuple[UUID, UUID]]:
        """Have the index of sources made anew; sources with their runs.

        Raises:
            NotFoundError: one of them is no live source.
        """
        return await self._intake.reembed(caller=caller, source_ids=list(dict.fromkeys(source_ids)))

    def _check_age(self, days: float) -> None:
        least = self._cleanup_min_age_seconds / _DAY_SECONDS
        if days < least:
            raise InvalidRequestError.at(
                "body",
                "payload",
                "age_threshold_days",
                msg=f"must not be below {least:g} (QUERN_CLEANUP_MIN_AGE_SECONDS)",
            )


def may_start(caller: Caller, kind: str) -> None:
    """Check that somebody may start such a job: what removes the tenant's jobs is for admins.

    Raises:
        ForbiddenError: the caller is none.
    """
    if kind == ErrandType.CLEANUP:
        require(Access.ADMIN, caller)
