-- name: lock
-- First in the lock order: every transaction that creates, requeues, finishes or activates anything.
SELECT id, tenant_id, group_id, type, status FROM sources WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: lock_live
-- One live source of the tenant, or nothing.
SELECT id, type, url, url_key, file_name, group_id, config, name
FROM sources WHERE id = $1 AND tenant_id = $2 AND status = 'live' FOR NO KEY UPDATE;

-- name: add_web
-- Nothing comes back where a live source has the URL.
INSERT INTO sources (id, tenant_id, group_id, type, name, url, url_key, config, secret_headers)
VALUES ($1, $2, $3, 'web', $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, url_key) WHERE status = 'live' AND type = 'web' DO NOTHING
RETURNING id;

-- name: live_web
-- The live source of a URL.
SELECT id FROM sources WHERE tenant_id = $1 AND url_key = $2 AND status = 'live' AND type = 'web';

-- name: add_upload
INSERT INTO sources (id, tenant_id, group_id, type, name, file_name)
VALUES ($1, $2, $3, 'upload', $4, $4)
ON CONFLICT (tenant_id, group_id, file_name) WHERE status = 'live' AND type = 'upload' DO NOTHING
RETURNING id;

-- name: lock_live_upload
SELECT id FROM sources
WHERE tenant_id = $1 AND group_id = $2 AND file_name = $3 AND status = 'live' AND type = 'upload'
FOR NO KEY UPDATE;

-- name: default_group
-- The tenant's group "default", made on first use.
-- One that another request has made since this query began is only seen by the insert.
WITH found AS (
    SELECT id FROM groups WHERE tenant_id = $1 AND name = 'default'
), made AS (
    INSERT INTO groups (tenant_id, name) SELECT $1, 'default' WHERE NOT EXISTS (SELECT FROM found)
    ON CONFLICT (tenant_id, name) DO UPDATE SET name = excluded.name RETURNING id
)
SELECT id FROM found UNION ALL SELECT id FROM made;

-- name: hold_group
-- The group must stay while a source is put into it.
SELECT id FROM groups WHERE id = $1 AND tenant_id = $2 FOR KEY SHARE;

-- name: update_settings
-- Only what is given changes.
UPDATE sources SET
    name = coalesce($3, name),
    group_id = coalesce($4, group_id),
    config = coalesce($5, config),
    secret_headers = coalesce($6, secret_headers),
    updated_at = now()
WHERE id = $1 AND tenant_id = $2;

-- name: mark_deleting
UPDATE sources SET status = 'deleting', deleting_at = now(), updated_at = now() WHERE id = $1 AND status = 'live';

-- name: drop_empty
-- A source that was made for bytes which another source has already: it never held anything.
UPDATE sources s SET status = 'deleted', deleted_at = now(), updated_at = now()
WHERE s.id = ANY ($1::uuid[]) AND s.status = 'live' AND s.type = 'upload'
  AND NOT EXISTS (SELECT 1 FROM document_versions v WHERE v.source_id = s.id)
  AND NOT EXISTS (SELECT 1 FROM failed_jobs f WHERE f.source_id = s.id)
  AND NOT EXISTS (
      SELECT 1 FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL AND j.status IN ('queued', 'running'))
RETURNING s.id;

-- name: deleting
-- Oldest request first.
SELECT s.id, s.tenant_id, t.slug FROM sources s JOIN tenants t ON t.id = s.tenant_id
WHERE s.status = 'deleting' ORDER BY s.deleting_at LIMIT $1;

-- name: is_deleting
SELECT s.id, s.tenant_id, t.slug FROM sources s JOIN tenants t ON t.id = s.tenant_id
WHERE s.id = $1 AND s.status = 'deleting';

-- name: mark_deleted
UPDATE sources SET status = 'deleted', deleted_at = now(), updated_at = now(), secret_headers = '{}'
WHERE id = $1 AND status = 'deleting';

-- name: exists
-- In whatever state: the row of a source that was deleted stays.
SELECT EXISTS (SELECT 1 FROM sources WHERE id = $1);

-- name: hold_deleting
-- Before its open work is counted: waits for whoever still holds the source for something that it has begun.
SELECT id FROM sources WHERE id = $1 AND status = 'deleting' FOR UPDATE;

-- name: hold_live
-- While an index batch for them is recorded. A key share keeps nobody waiting but hold_deleting, which shall wait.
SELECT id FROM sources WHERE id = ANY ($1::uuid[]) AND status = 'live' ORDER BY id FOR KEY SHARE;
