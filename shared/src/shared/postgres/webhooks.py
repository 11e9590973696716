"""Webhooks as people have them: kept, changed, looked at. What is sent to them is in ``webhook_sending``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.clock import new_id
from shared.postgres.intake_errors import ConflictError, NotFoundError
from shared.postgres.intake_support import audit
from shared.postgres.reads.listing import page_of_ids, rows
from shared.postgres.reads.records import Listing, Slice
from shared.postgres.sql import queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from asyncpg import Record

    from shared.contracts.caller import Caller
    from shared.postgres.database import Connection, Database


class TooManyWebhooksError(ConflictError):
    """The tenant has as many webhooks as it may have."""

    code = "too_many_webhooks"


class WebhookInactiveError(ConflictError):
    """Nothing is sent to this webhook now."""

    code = "webhook_inactive"


class DeliveryInFlightError(ConflictError):
    """The delivery is being sent at this moment."""

    code = "delivery_in_flight"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookWish:
    """What a webhook shall be; None leaves it as it is. ``host`` belongs to ``url``."""

    url: str | None = None
    host: str | None = None
    description: str | None = None
    events: Sequence[str] | None = None
    active: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRow:
    """A webhook, without its secret."""

    id: UUID
    url: str
    description: str
    events: list[str]
    active: bool
    paused_at: datetime | None
    paused_reason: str | None
    failing_since: datetime | None
    secret_set_at: datetime
    previous_secret_until: datetime | None
    created_by: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    """One message to one webhook, with its latest tries; ``status`` is waiting, sending, delivered or dead."""

    id: UUID
    webhook_id: UUID
    event: str
    job_id: UUID | None
    status: str
    attempts: int
    redeliveries: int
    next_attempt_at: datetime | None
    tries: list[Mapping[str, Any]]
    payload: Mapping[str, Any]
    created_at: datetime
    finished_at: datetime | None


class PostgresWebhooks:
    """The tables ``webhooks`` and ``webhook_deliveries``, for one tenant at a time; each method is one transaction."""

    def __init__(self, *, database: Database, at_most: int) -> None:
        """``at_most`` is how many webhooks a tenant may have."""
        self._database = database
        self._at_most = at_most

    async def find(self, tenant_id: UUID, part: Slice) -> Listing[WebhookRow]:
        """Webhooks, newest first."""
        sql = queries("webhooks")

        async def work(connection: Connection) -> Listing[WebhookRow]:
            ids, total = await page_of_ids(connection, sql["page"], sql["count"], [tenant_id], part)
            return Listing(await rows(connection, WebhookRow, sql["shown"], tenant_id, ids), total)

        return await self._database.run(work, tenant_id)

    async def get(self, tenant_id: UUID, webhook_id: UUID) -> WebhookRow:
        """One webhook.

        Raises:
            NotFoundError: there is none.
        """
        return await self._database.run(
            lambda connection: _shown(connection, tenant_id, webhook_id), tenant_id
        )

    async def add(self, *, caller: Caller, webhook_id: UUID, wish: WebhookWish, secret: bytes) -> WebhookRow:
        """Make a webhook; ``secret`` is sealed.

        Raises:
            TooManyWebhooksError: the tenant has as many as it may have.
        """
        sql = queries("webhooks")

        async def work(connection: Connection) -> WebhookRow:
            if await connection.fetchval(sql["hold_tenant"], caller.tenant_id) is None:
                raise NotFoundError("tenant")
            found = await rows(connection, WebhookRow, sql["shown"], caller.tenant_id, [webhook_id])
            if found:  # the answer to the commit was lost
                return found[0]
            if await connection.fetchval(sql["count"], caller.tenant_id) >= self._at_most:
                raise TooManyWebhooksError(
                    f"This tenant has {self._at_most} webhooks, which is as many as it may have: delete one first."
                )
            await connection.execute(
                sql["add"],
                webhook_id,
                caller.tenant_id,
                wish.url,
                wish.host,
                wish.description or "",
                list(wish.events or ()),
                wish.active is not False,
                secret,
                caller.actor,
            )
            await audit(connection, caller, "webhook.add", webhook_id, events=list(wish.events or ()))
            return await _shown(connection, caller.tenant_id, webhook_id)

        return await self._database.run(work, caller.tenant_id)

    async def change(self, *, caller: Caller, webhook_id: UUID, wish: WebhookWish) -> WebhookRow:
        """Change what is given.

        Raises:
            NotFoundError: there is none.
        """

        async def work(connection: Connection) -> WebhookRow:
            await _lock(connection, caller.tenant_id, webhook_id)
            events = None if wish.events is None else list(wish.events)
            values = (wish.url, wish.host, wish.description, events, wish.active)
            await connection.execute(queries("webhooks")["change"], webhook_id, *values)
            names = ("url", "description", "events", "active")
            changed = [name for name in names if getattr(wish, name) is not None]
            await audit(connection, caller, "webhook.change", webhook_id, changed=changed)
            return await _shown(connection, caller.tenant_id, webhook_id)

        return await self._database.run(work, caller.tenant_id)

    async def set_secret(
        self, *, caller: Caller, webhook_id: UUID, secret: bytes, overlap_seconds: float
    ) -> WebhookRow:
        """Give it another (sealed) secret; the one before signs along for a while.

        Raises:
            NotFoundError: there is none.
        """

        async def work(connection: Connection) -> WebhookRow:
            await _lock(connection, caller.tenant_id, webhook_id)
            await connection.execute(queries("webhooks")["set_secret"], webhook_id, secret, overlap_seconds)
            await audit(connection, caller, "webhook.secret", webhook_id, overlap_seconds=overlap_seconds)
            return await _shown(connection, caller.tenant_id, webhook_id)

        return await self._database.run(work, caller.tenant_id)

    async def remove(self, *, caller: Caller, webhook_id: UUID) -> None:
        """Nothing is sent to it any more; what is kept about it is forgotten by the janitor.

        Raises:
            NotFoundError: there is none.
        """
        tried = False

        async def work(connection: Connection) -> None:
            nonlocal tried
            try:
                await _lock(connection, caller.tenant_id, webhook_id)
            except NotFoundError:
                if tried:
                    return
                raise
            await connection.execute(queries("webhooks")["remove"], webhook_id)
            await audit(connection, caller, "webhook.remove", webhook_id)
            tried = True

        await self._database.run(work, caller.tenant_id)

    async def ping(self, *, caller: Caller, webhook_id: UUID) -> DeliveryRow:
        """Have a ``webhook.ping`` sent to it.

        Raises:
            NotFoundError: there is none.
            WebhookInactiveError: nothing is sent to it now.
        """
        delivery_id = new_id()

        async def work(connection: Connection) -> DeliveryRow:
            _check_sends(await _lock(connection, caller.tenant_id, webhook_id))
            added = await connection.fetchval(
                queries("webhook_deliveries")["ping"], delivery_id, caller.tenant_id, webhook_id
            )
            if added is not None:
                await audit(connection, caller, "webhook.test", webhook_id)
            return await _delivery(connection, webhook_id, delivery_id)

        return await self._database.run(work, caller.tenant_id)

    async def deliveries(
        self, tenant_id: UUID, webhook_id: UUID, state: str | None, part: Slice
    ) -> Listing[DeliveryRow]:
        """What was and will be sent to it, newest first; of one state (waiting, delivered, dead) or all.

        Raises:
            NotFoundError: there is no such webhook.
        """
        sql = queries("webhook_deliveries")

        async def work(connection: Connection) -> Listing[DeliveryRow]:
            await _shown(connection, tenant_id, webhook_id)
            page, total, filters = sql["page"], sql["total"], [webhook_id, *([state] if state else [])]
            if state is not None:
                page, total = sql["page_of_state"], sql["total_of_state"]
            ids, count = await page_of_ids(connection, page, total, filters, part)
            return Listing(await rows(connection, DeliveryRow, sql["shown"], webhook_id, ids), count)

        return await self._database.run(work, tenant_id)

    async def delivery(self, tenant_id: UUID, webhook_id: UUID, delivery_id: UUID) -> DeliveryRow:
        """One of them.

        Raises:
            NotFoundError: there is none.
        """

        async def work(connection: Connection) -> DeliveryRow:
            await _shown(connection, tenant_id, webhook_id)
            return await _delivery(connection, webhook_id, delivery_id)

        return await self._database.run(work, tenant_id)

    async def redeliver(self, *, caller: Caller, webhook_id: UUID, delivery_id: UUID) -> DeliveryRow:
        """Have it sent now, whatever became of it; its id stays.

        Raises:
            NotFoundError: there is none.
            WebhookInactiveError: nothing is sent to its webhook now.
            DeliveryInFlightError: it is being sent.
        """

        async def work(connection: Connection) -> DeliveryRow:
            _check_sends(await _lock(connection, caller.tenant_id, webhook_id))
            again = await connection.fetchval(queries("webhook_deliveries")["again"], webhook_id, delivery_id)
            found = await _delivery(connection, webhook_id, delivery_id)
            if again is None:
                raise DeliveryInFlightError("This delivery is being sent: look at what becomes of it.")
            await audit(connection, caller, "webhook.redeliver", delivery_id, webhook_id=str(webhook_id))
            return found

        return await self._database.run(work, caller.tenant_id)


async def _shown(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> WebhookRow:
    found = await rows(connection, WebhookRow, queries("webhooks")["shown"], tenant_id, [webhook_id])
    if not found:
        raise NotFoundError("webhook")
    return found[0]


async def _lock(connection: Connection, tenant_id: UUID, webhook_id: UUID) -> Record:
    found = await connection.fetchrow(queries("webhooks")["lock"], tenant_id, webhook_id)
    if found is None:
        raise NotFoundError("webhook")
    return found


def _check_sends(webhook: Record) -> None:
    if not webhook["active"] or webhook["paused_at"] is not None:
        raise WebhookInactiveError("Nothing is sent to this webhook now: set `active` to true first.")


async def _delivery(connection: Connection, webhook_id: UUID, delivery_id: UUID) -> DeliveryRow:
    sql = queries("webhook_deliveries")["shown"]
    found = await rows(connection, DeliveryRow, sql, webhook_id, [delivery_id])
    if not found:
        raise NotFoundError("delivery")
    return found[0]
