"""Tenants as rows: made, listed, limited, marked as deleted."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from shared.clock import new_id
from shared.postgres.intake_errors import NotFoundError
from shared.postgres.reads.records import Slice
from shared.postgres.tenant_errors import OwnTenantError, TenantExistsError
from shared.postgres.tenants import PostgresTenants
from support.lost_answers import lose_first_answer
from support.pipeline import CALLER, DEFAULT_TENANT, Pipeline
from support.waiting import until_somebody_waits

if TYPE_CHECKING:
    from uuid import UUID


@pytest.fixture
def tenants(pipeline: Pipeline) -> PostgresTenants:
    return PostgresTenants(database=pipeline.gateway)


async def actions(pipeline: Pipeline, target: UUID) -> list[str]:
    rows = await pipeline.rows("SELECT action FROM audit_log WHERE target = $1 ORDER BY id", str(target))
    return [row["action"] for row in rows]


async def test_tenants_are_listed_with_what_they_have(pipeline: Pipeline, tenants: PostgresTenants) -> None:
    added = await tenants.add(caller=CALLER, slug="acme", name="Acme")
    await pipeline.upload("a.md", b"a")
    listed = await tenants.find(Slice(limit=10, offset=0))
    assert listed.total == 2
    newest, default = listed.items
    assert newest == added
    assert (newest.slug, newest.name, newest.sources, newest.in_flight, newest.limits) == (
        "acme",
        "Acme",
        0,
        0,
        {},
    )
    assert (default.id, default.sources, default.in_flight) == (DEFAULT_TENANT, 1, 1)
    assert (await tenants.find(Slice(limit=1, offset=1))).items == [default]
    assert await actions(pipeline, added.id) == ["tenant.add"]


async def test_a_slug_is_never_used_again(tenants: PostgresTenants) -> None:
    gone = await tenants.add(caller=CALLER, slug="acme", name="Acme")
    with pytest.raises(TenantExistsError):
        await tenants.add(caller=CALLER, slug="acme", name="Another")
    await tenants.remove(caller=CALLER, tenant_id=gone.id)
    with pytest.raises(TenantExistsError):
        await tenants.add(caller=CALLER, slug="acme", name="Another")


async def test_limits_are_set_and_taken_back_by_name(pipeline: Pipeline, tenants: PostgresTenants) -> None:
    tenant = (await tenants.add(caller=CALLER, slug="acme", name="Acme")).id
    await tenants.override(caller=CALLER, tenant_id=tenant, limits={"sources": 5, "jobs_in_flight": 2})
    changed = await tenants.override(caller=CALLER, tenant_id=tenant, limits={"sources": None})
    assert changed.limits == {"jobs_in_flight": 2}
    assert await actions(pipeline, tenant) == ["tenant.add", "tenant.limits", "tenant.limits"]
    with pytest.raises(NotFoundError):
        await tenants.override(caller=CALLER, tenant_id=new_id(), limits={})


async def test_a_tenant_is_removed_once(pipeline: Pipeline, tenants: PostgresTenants) -> None:
    tenant = (await tenants.add(caller=CALLER, slug="acme", name="Acme")).id
    assert await tenants.remove(caller=CALLER, tenant_id=tenant)
    assert not await tenants.remove(caller=CALLER, tenant_id=tenant)
    assert await actions(pipeline, tenant) == ["tenant.add", "tenant.delete"]
    assert [row.slug for row in (await tenants.find(Slice(limit=10, offset=0))).items] == ["default"]
    for change in (
        tenants.get(tenant),
        tenants.override(caller=CALLER, tenant_id=tenant, limits={"sources": 1}),
        tenants.remove(caller=CALLER, tenant_id=new_id()),
    ):
        with pytest.raises(NotFoundError):
            await change


async def test_operators_keep_their_own_tenant(tenants: PostgresTenants) -> None:
    with pytest.raises(OwnTenantError):
        await tenants.remove(caller=CALLER, tenant_id=DEFAULT_TENANT)


async def test_nothing_is_accepted_for_a_tenant_that_was_deleted(pipeline: Pipeline) -> None:
    await pipeline.rows("UPDATE tenants SET deleted_at = now() RETURNING id")
    with pytest.raises(NotFoundError):
        await pipeline.upload("a.md", b"a")
    with pytest.raises(NotFoundError):
        await pipeline.add_site()
    assert await pipeline.value("SELECT count(*) FROM sources") == 0
    await pipeline.assert_balanced()


async def test_a_removal_waits_for_what_is_being_accepted(
    pipeline: Pipeline, tenants: PostgresTenants
) -> None:
    tenant = (await tenants.add(caller=CALLER, slug="acme", name="Acme")).id
    async with pipeline.gateway.transaction("*") as accepting:
        await accepting.execute("SELECT 1 FROM tenants WHERE id = $1 FOR SHARE", tenant)
        removing = asyncio.create_task(tenants.remove(caller=CALLER, tenant_id=tenant))
        await until_somebody_waits(pipeline)
    assert await removing


async def test_what_was_done_is_not_done_twice_when_the_answer_is_lost(
    pipeline: Pipeline, tenants: PostgresTenants, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose_first_answer(pipeline.gateway, monkeypatch)
    tenant = (await tenants.add(caller=CALLER, slug="acme", name="Acme")).id
    lose_first_answer(pipeline.gateway, monkeypatch)
    assert await tenants.remove(caller=CALLER, tenant_id=tenant)
    assert (await actions(pipeline, tenant))[-1:] == ["tenant.delete"]
