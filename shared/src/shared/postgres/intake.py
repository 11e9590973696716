"""Everything that the gateway writes about sources and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.acceptance import PostgresAcceptance
from shared.postgres.prune_decisions import PostgresPruneDecisions
from shared.postgres.steering import RETRY_MANY_SECONDS, PostgresSteering

if TYPE_CHECKING:
    from shared.postgres.database import Database
    from shared.verdicts import PruneLimits


class PostgresIntake(PostgresAcceptance, PostgresSteering, PostgresPruneDecisions):
    """Accepts work and steers it: one object for the gateway to hold."""

    def __init__(
        self,
        *,
        database: Database,
        max_attempts: int,
        prune_limits: PruneLimits,
        retry_many_seconds: float = RETRY_MANY_SECONDS,
    ) -> None:
        """``retry_many_seconds`` is after how long a request to retry many begins no further slice."""
        PostgresAcceptance.__init__(self, database=database, max_attempts=max_attempts)
        PostgresSteering.__init__(
            self,
            database=database,
            max_attempts=max_attempts,
            prune_limits=prune_limits,
            retry_many_seconds=retry_many_seconds,
        )
