"""Groups: a translation and one call each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.http.models.groups import Group, GroupList
from gateway.http.paging import page, wanted

if TYPE_CHECKING:
    from gateway.http.models.common import NoBody, NoQuery, PageQuery
    from gateway.http.models.groups import GroupInput
    from gateway.http.route import Call
    from gateway.ports import GroupStore


class GroupHandlers:
    """Everything below /v1/groups."""

    def __init__(self, *, groups: GroupStore) -> None:
        self._groups = groups

    async def find(self, call: Call[PageQuery, NoBody]) -> GroupList:
        """GET /v1/groups."""
        found = await self._groups.find(call.caller.tenant_id, wanted(call.query))
        return page(GroupList, call.query, found.items, found.total)

    async def add(self, call: Call[NoQuery, GroupInput]) -> Group:
        """POST /v1/groups."""
        return Group.model_validate(await self._groups.add(call.caller.tenant_id, call.body.name))

    async def get(self, call: Call[NoQuery, NoBody]) -> Group:
        """GET /v1/groups/{id}."""
        return Group.model_validate(await self._groups.get(call.caller.tenant_id, call.ids["group_id"]))

    async def rename(self, call: Call[NoQuery, GroupInput]) -> Group:
        """PATCH /v1/groups/{id}."""
        tenant_id, group_id = call.caller.tenant_id, call.ids["group_id"]
        return Group.model_validate(await self._groups.rename(tenant_id, group_id, call.body.name))

    async def remove(self, call: Call[NoQuery, NoBody]) -> None:
        """DELETE /v1/groups/{id}."""
        await self._groups.remove(call.caller.tenant_id, call.ids["group_id"])
