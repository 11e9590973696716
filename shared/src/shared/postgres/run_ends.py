"""Who is told that a run has ended: written in the very transaction in which it ends (a transactional outbox)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.sql import queries
from shared.states import RUN_TYPES

if TYPE_CHECKING:
    from collections.abc import Collection
    from uuid import UUID

    from shared.postgres.database import Connection


async def note_ends(connection: Connection, run_ids: Collection[UUID]) -> None:
    """Write one delivery for each of these runs that has ended, and each webhook that wants to know.

    Noted once more in the same transaction, a delivery shows the run as it is then. Jobs that are no runs, and runs
    that are open, are left out.
    """
    if run_ids:
        await connection.execute(queries("webhook_deliveries")["note_ends"], sorted(run_ids), list(RUN_TYPES))
