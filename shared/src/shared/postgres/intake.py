"""Everything that the gateway writes about sources and jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.postgres.acceptance import PostgresAcceptance
from shared.postgres.prune_decisions import PostgresPruneDecisions
from shared.postgres.steering import PostgresSteering
from shared.verdicts import USUAL_PRUNE_LIMITS

if TYPE_CHECKING:
    from shared.postgres.database import Database
    from shared.verdicts import PruneLimits


class PostgresIntake(PostgresAcceptance, PostgresSteering, PostgresPruneDecisions):
    """Accepts work and steers it: one object for the gateway to hold."""

    def __init__(
        self, *, database: Database, max_attempts: int, prune_limits: PruneLimits = USUAL_PRUNE_LIMITS
    ) -> None:
        PostgresAcceptance.__init__(self, database=database, max_attempts=max_attempts)
        PostgresSteering.__init__(
            self, database=database, max_attempts=max_attempts, prune_limits=prune_limits
        )
