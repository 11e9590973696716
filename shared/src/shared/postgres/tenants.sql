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
