"""Everything that the gateway writes about sources and jobs."""

from __future__ import annotations

from shared.postgres.acceptance import PostgresAcceptance
from shared.postgres.steering import PostgresSteering


class PostgresIntake(PostgresAcceptance, PostgresSteering):
    """Accepts work and steers it: one object for the gateway to hold."""
