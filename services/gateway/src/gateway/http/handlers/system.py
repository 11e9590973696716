"""What operators look at: a translation and one call each."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from gateway.http.models.system import (
    Audit,
    Component,
    Components,
    DeadMessage,
    DeadMessageDetail,
    DeadMessageList,
    Dependency,
    Health,
    Ledger,
    Queue,
    Ready,
    Stats,
    System,
)
from gateway.http.paging import page, wanted
from shared.postgres.intake_errors import NotFoundError

if TYPE_CHECKING:
    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.models.system import DeadMessagesQuery
    from gateway.http.route import Call
    from gateway.ports import Dependencies, OperationReader
    from gateway.usecases.system import Overview, SystemView
    from shared.postgres.reads.records import DeadMessageRow


class SystemHandlers:
    """/v1/stats, /v1/system, /healthz and /readyz."""

    def __init__(
        self, *, system: SystemView, operations: OperationReader, dependencies: Dependencies
    ) -> None:
        self._system = system
        self._operations = operations
        self._dependencies = dependencies

    async def stats(self, call: Call[NoQuery, NoBody]) -> Stats:
        """GET /v1/stats."""
        return Stats.model_validate(await self._operations.stats(call.caller.tenant_id))

    async def system(self, call: Call[NoQuery, NoBody]) -> System:
        """GET /v1/system."""
        return shown(await self._system.look(call.caller))

    async def ledger(self, call: Call[NoQuery, NoBody]) -> Ledger:
        """GET /v1/system/ledger."""
        row = await self._operations.ledger(call.caller.tenant_id)
        audit = Audit.model_validate(row)
        figures = ("accepted", "succeeded", "failed", "cancelled", "skipped", "in_flight", "balanced")
        return Ledger(**{name: getattr(row, name) for name in figures}, audit=audit)

    async def dead_messages(self, call: Call[DeadMessagesQuery, NoBody]) -> DeadMessageList:
        """GET /v1/system/dead-messages."""
        query = call.query
        found = await self._operations.dead_messages(call.caller.tenant_id, query.topic, wanted(query))
        items = (DeadMessage(**_dead(row), preview=_preview(row)) for row in found.items)
        return page(DeadMessageList, query, items, found.total)

    async def dead_message(self, call: Call[NoQuery, NoBody]) -> DeadMessageDetail:
        """GET /v1/system/dead-messages/{id}."""
        row = await self._operations.dead_message(call.caller.tenant_id, call.ids["message_id"])
        if row is None:
            raise NotFoundError("message")
        body = b64encode(row.body).decode()
        return DeadMessageDetail(**_dead(row), preview=_preview(row), body_base64=body)

    async def healthz(self, _call: Call[NoQuery, NoBody]) -> Health:
        """GET /healthz."""
        return Health()

    async def readyz(self, _call: Call[NoQuery, NoBody]) -> web.Response:
        """GET /readyz."""
        states = self._dependencies.states()
        down = [f"{name}: {state.detail}" for name, state in states.items() if state.status != "up"]
        answer = Ready(
            status="up" if self._dependencies.ready else "down",
            reason="; ".join(down) or None,
            dependencies={name: Dependency.model_validate(state) for name, state in states.items()},
        )
        return web.Response(
            status=200 if self._dependencies.ready else 503,
            text=answer.model_dump_json(),
            content_type="application/json",
        )


_SAME: Final = ("id", "topic", "channel", "message_id", "reason", "size_bytes", "created_at")
_PREVIEW_CHARACTERS: Final = 500


def _dead(row: DeadMessageRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in _SAME}


def _preview(row: DeadMessageRow) -> str:
    return row.body.decode("utf-8", "replace")[:_PREVIEW_CHARACTERS]


def shown(overview: Overview) -> System:
    """The installation as an answer."""
    parts = {name: Component.model_validate(part) for name, part in overview.components.items()}
    queues = [Queue.model_validate(channel) for topic in overview.topics for channel in topic.channels]
    return System(components=Components(**parts), queues=queues, versions=dict(overview.versions))
