-- name: slug
SELECT slug FROM tenants WHERE id = $1;

-- name: live
-- Tenants that have content, for the audit and for making them in Weaviate.
SELECT id, slug FROM tenants WHERE deleted_at IS NULL ORDER BY id;

-- name: known
-- Those that may still have something in Weaviate: a tenant that is being removed loses it in its own order.
SELECT slug FROM tenants WHERE deleted_at IS NULL OR purged_at IS NULL;

-- name: add
-- Nothing comes back where the slug was ever used: it names the tenant in Weaviate as well. The same request again,
-- whose answer was lost, finds what it made.
INSERT INTO tenants AS t (id, slug, name) VALUES ($1, $2, $3)
ON CONFLICT (slug) DO UPDATE SET slug = excluded.slug WHERE t.id = excluded.id RETURNING t.id;

-- name: page
-- GET /v1/tenants, newest first (index tenants_listed).
SELECT t.id FROM tenants t WHERE t.deleted_at IS NULL ORDER BY t.created_at DESC, t.id DESC LIMIT $1 OFFSET $2;

-- name: total
SELECT count(*) FROM tenants t WHERE t.deleted_at IS NULL;

-- name: shown
-- Living tenants by id, in the order asked for, with what they have. Each count walks an index of that tenant alone.
SELECT t.id, t.slug, t.name, t.limits, t.created_at,
       (SELECT count(*) FROM sources s WHERE s.tenant_id = t.id AND s.status = 'live') AS sources,
       (SELECT count(*) FROM document_versions v WHERE v.tenant_id = t.id AND v.is_active) AS documents,
       (SELECT coalesce(sum(l.in_flight), 0)::bigint FROM ledger l WHERE l.tenant_id = t.id) AS in_flight,
       coalesce((SELECT u.stored_bytes FROM tenant_usage u WHERE u.tenant_id = t.id), 0) AS stored_bytes
FROM unnest($1::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN tenants t ON t.id = asked.id AND t.deleted_at IS NULL
ORDER BY asked.place;

-- name: hold
-- Whoever accepts something for the tenant at this moment is waited for.
SELECT id, slug, deleted_at FROM tenants WHERE id = $1 FOR NO KEY UPDATE;

-- name: hold_live
-- Taken after all other locks by whoever accepts something: a removal of the tenant waits, or has come before.
SELECT id FROM tenants WHERE id = $1 AND deleted_at IS NULL FOR SHARE;

-- name: mark_deleted
UPDATE tenants SET deleted_at = now() WHERE id = $1 AND deleted_at IS NULL;

-- name: override
-- Limits that an operator sets; null takes one back to what the settings say.
UPDATE tenants SET limits = jsonb_strip_nulls(limits || $2::jsonb) WHERE id = $1 AND deleted_at IS NULL RETURNING limits;

-- name: going
-- Deleted and not yet emptied, the oldest request first (index tenants_going).
SELECT id, slug FROM tenants WHERE deleted_at IS NOT NULL AND purged_at IS NULL ORDER BY deleted_at LIMIT $1;

-- name: hold_going
SELECT id FROM tenants WHERE id = $1 AND deleted_at IS NOT NULL AND purged_at IS NULL FOR NO KEY UPDATE;

-- name: live_sources
-- What nobody has begun to remove yet.
SELECT id FROM sources WHERE tenant_id = $1 AND status = 'live' ORDER BY id LIMIT $2;

-- name: is_held
-- Whether something of it may still be in Weaviate: sources on their way out, or objects whose tombstones must stay.
SELECT EXISTS (SELECT 1 FROM sources WHERE tenant_id = $1 AND status <> 'deleted')
    OR EXISTS (SELECT 1 FROM objects WHERE tenant_id = $1);

-- name: open_jobs
-- What is still open: of jobs without a source, and what was put there by hand.
SELECT id FROM jobs WHERE tenant_id = $1 AND status IN ('queued', 'running') ORDER BY id LIMIT $2;

-- name: drop_pages
-- Leaves first: runs are removed when nothing is below them.
DELETE FROM jobs WHERE id IN (
    SELECT j.id FROM jobs j WHERE j.tenant_id = $1 AND j.status NOT IN ('queued', 'running')
      AND NOT EXISTS (SELECT 1 FROM jobs c WHERE c.parent_id = j.id) LIMIT $2)
RETURNING status;

-- name: drop_result_parts
-- This and the next ones: rows of a tenant that is going, in slices. Once for each tenant, so that none has an index for it.
DELETE FROM result_parts WHERE ctid = ANY (ARRAY(SELECT ctid FROM result_parts WHERE tenant_id = $1 LIMIT $2));

-- name: drop_index_batches
DELETE FROM index_batches WHERE ctid = ANY (ARRAY(SELECT ctid FROM index_batches WHERE tenant_id = $1 LIMIT $2));

-- name: drop_repairs
DELETE FROM repairs WHERE ctid = ANY (ARRAY(SELECT ctid FROM repairs WHERE tenant_id = $1 LIMIT $2));

-- name: drop_rebuilds
DELETE FROM rebuilds WHERE ctid = ANY (ARRAY(SELECT ctid FROM rebuilds WHERE tenant_id = $1 LIMIT $2));

-- name: drop_audit_state
DELETE FROM audit_state WHERE ctid = ANY (ARRAY(SELECT ctid FROM audit_state WHERE tenant_id = $1 LIMIT $2));

-- name: drop_stored_uploads
DELETE FROM stored_uploads WHERE ctid = ANY (ARRAY(SELECT ctid FROM stored_uploads WHERE tenant_id = $1 LIMIT $2));

-- name: drop_tenant_usage
DELETE FROM tenant_usage WHERE tenant_id = $1 AND $2 > 0;

-- name: drop_tenant_turns
DELETE FROM tenant_turns WHERE tenant_id = $1 AND $2 > 0;

-- name: drop_webhook_deliveries
DELETE FROM webhook_deliveries WHERE ctid = ANY (ARRAY(SELECT ctid FROM webhook_deliveries WHERE tenant_id = $1 LIMIT $2));

-- name: drop_webhooks
DELETE FROM webhooks WHERE ctid = ANY (ARRAY(SELECT ctid FROM webhooks WHERE tenant_id = $1 LIMIT $2));

-- name: drop_sources
-- The rows that stay as receipts of a living tenant's sources.
DELETE FROM sources WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM sources WHERE tenant_id = $1 AND status = 'deleted' LIMIT $2));

-- name: drop_groups
DELETE FROM groups WHERE ctid = ANY (ARRAY(SELECT ctid FROM groups WHERE tenant_id = $1 LIMIT $2));

-- name: drop_sessions
DELETE FROM sessions WHERE ctid = ANY (ARRAY(SELECT ctid FROM sessions WHERE tenant_id = $1 LIMIT $2));

-- name: drop_api_tokens
DELETE FROM api_tokens WHERE ctid = ANY (ARRAY(SELECT ctid FROM api_tokens WHERE tenant_id = $1 LIMIT $2));

-- name: drop_users
DELETE FROM users WHERE ctid = ANY (ARRAY(SELECT ctid FROM users WHERE tenant_id = $1 LIMIT $2));

-- name: mark_purged
UPDATE tenants SET purged_at = now(), limits = '{}' WHERE id = $1;

-- name: asked_by
-- The tenant of the operator who asked for the removal: there the receipt is seen. Once for each tenant.
SELECT tenant_id FROM audit_log WHERE action = 'tenant.delete' AND target = $1 ORDER BY id DESC LIMIT 1;
