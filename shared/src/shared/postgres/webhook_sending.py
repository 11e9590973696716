"""The outbox of webhooks as the janitor has it: claimed under a lease, noted, forgotten."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from shared.clock import new_id
from shared.postgres.sql import queries
from shared.postgres.upkeep_support import ACTOR, affected

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from uuid import UUID

    from shared.postgres.database import Connection, Database

#: The latest tries of a delivery that are kept for people to see.
TRIES_KEPT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SendingLimits:
    """How much may be under way at once, by all janitors together, as far as rows tell; ``seconds`` is the lease."""

    per_host: int
    per_tenant: int
    in_all: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One message that is this janitor's to send until its lease ends.

    Attributes:
        attempts: tries before this one.
        secret: sealed, as is ``previous_secret``, which signs along where it is there.
    """

    id: UUID
    claim_id: UUID
    tenant_id: UUID
    webhook_id: UUID
    event: str
    payload: Mapping[str, Any]
    attempts: int
    url: str
    secret: bytes = field(repr=False)
    previous_secret: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookFigures:
    """How much waits, for how long the oldest of what is due, and how many webhooks are paused."""

    waiting: int
    oldest_seconds: float
    paused: int


class PostgresWebhookSending:
    """The table ``webhook_deliveries``, for every tenant; each method is one transaction."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def claim(self, limits: SendingLimits) -> list[Delivery]:
        """Take what is due and fits into the limits; whatever is not noted within the lease is due again."""
        claim_id = new_id()
        sql = queries("webhook_deliveries")

        async def work(connection: Connection) -> list[Delivery]:
            await connection.execute(sql["by_index"])
            due = await connection.fetch(sql["due"], limits.per_host, limits.per_tenant, limits.in_all)
            if not due:
                return []
            ids = [row["id"] for row in due]
            found = await connection.fetch(sql["claim"], ids, claim_id, limits.seconds)
            return [Delivery(claim_id=claim_id, **row) for row in found]

        return await self._database.run(work)

    async def hand_back(self, deliveries: Sequence[Delivery]) -> None:
        """They were not sent, or nobody will know: due at once."""

        async def work(connection: Connection) -> None:
            for claim_id in {one.claim_id for one in deliveries}:
                ids = [one.id for one in deliveries if one.claim_id == claim_id]
                await connection.execute(queries("webhook_deliveries")["hand_back"], ids, claim_id)

        await self._database.run(work)

    async def note_delivered(self, delivery: Delivery, facts: Mapping[str, Any]) -> bool:
        """It arrived; whether it was still ours to note."""

        async def work(connection: Connection) -> bool:
            noted = await connection.fetchval(
                queries("webhook_deliveries")["delivered"],
                delivery.id,
                delivery.claim_id,
                dict(facts),
                TRIES_KEPT,
            )
            if noted is not None:
                await connection.execute(queries("webhooks")["note_success"], delivery.webhook_id)
            return noted is not None

        return await self._database.run(work)

    async def note_failed(
        self,
        delivery: Delivery,
        facts: Mapping[str, Any],
        *,
        again_after_seconds: float | None,
        gone: bool,
        pause_after_seconds: float,
    ) -> str | None:
        """It did not arrive.

        Args:
            delivery: which.
            facts: of the try, as people see it.
            again_after_seconds: until it is due again; None where it is dead.
            gone: whether the receiver says that it will never take anything any more.
            pause_after_seconds: without any success, after which its webhook is paused.

        Returns:
            why its webhook was paused by that; None where it was not.
        """

        async def work(connection: Connection) -> str | None:
            noted = await connection.fetchval(
                queries("webhook_deliveries")["failed"],
                delivery.id,
                delivery.claim_id,
                dict(facts),
                again_after_seconds,
                TRIES_KEPT,
            )
            if noted is None:
                return None
            row = await connection.fetchrow(
                queries("webhooks")["note_failure"], delivery.webhook_id, gone, pause_after_seconds
            )
            if row is None or row["paused_reason"] is None:
                return None
            reason: str = row["paused_reason"]
            await connection.execute(
                queries("audit_log")["add"],
                row["tenant_id"],
                ACTOR,
                "webhook.pause",
                str(delivery.webhook_id),
                "paused",
                {"reason": reason},
            )
            return reason

        return await self._database.run(work)

    async def forget(self, *, after_seconds: float, at_most: int) -> int:
        """Forget what is older, and what is of deleted webhooks, which go with the last of it; how many deliveries."""
        sql = queries("webhook_deliveries")

        async def work(connection: Connection) -> int:
            old = affected(await connection.execute(sql["forget"], after_seconds, at_most))
            orphaned = affected(await connection.execute(sql["forget_of_deleted"], at_most))
            await connection.execute(queries("webhooks")["forget"], at_most)
            return old + orphaned

        return await self._database.run(work)

    async def figures(self) -> WebhookFigures:
        """For metrics."""

        async def work(connection: Connection) -> WebhookFigures:
            row = await connection.fetchrow(queries("webhook_deliveries")["figures"])
            paused = await connection.fetchval(queries("webhooks")["paused"])
            assert row is not None  # noqa: S101  (an aggregate has a row)
            return WebhookFigures(paused=paused, **row)

        return await self._database.run(work)
