"""Rebuilding the index: a translation and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.models.rebuilds import Rebuild
from shared.postgres.intake_errors import NotFoundError

if TYPE_CHECKING:
    from gateway.http.models.common import NoBody, NoQuery
    from gateway.http.models.rebuilds import RebuildInput
    from gateway.http.route import Call
    from gateway.ports import Rebuilds


class RebuildHandlers:
    """/v1/reindex."""

    def __init__(self, *, rebuilds: Rebuilds) -> None:
        self._rebuilds = rebuilds

    async def start(self, call: Call[NoQuery, RebuildInput]) -> Rebuild:
        """POST /v1/reindex."""
        asked = await self._rebuilds.ask(caller=call.caller, source_id=call.body.source_id)
        return Rebuild.model_validate(asked)

    async def get(self, call: Call[NoQuery, NoBody]) -> Rebuild:
        """GET /v1/reindex/{id}."""
        row = await self._rebuilds.get(call.caller.tenant_id, call.ids["rebuild_id"])
        if row is None:
            raise NotFoundError("rebuild")
        return Rebuild.model_validate(row)
