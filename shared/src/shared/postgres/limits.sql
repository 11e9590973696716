-- name: overrides
-- What an operator allows this tenant instead of what the settings allow everybody.
SELECT limits FROM tenants WHERE id = $1;

-- name: used
-- GET /v1/limits: what a tenant has of what it may have only so much of. Jobs in flight are no more than its window.
SELECT (SELECT count(*) FROM sources s WHERE s.tenant_id = $1 AND s.status = 'live') AS sources,
       coalesce((SELECT u.stored_bytes FROM tenant_usage u WHERE u.tenant_id = $1), 0) AS stored_bytes,
       (SELECT count(*) FROM jobs j WHERE j.tenant_id = $1 AND j.status = 'queued' AND j.announced_at IS NOT NULL)
       + (SELECT count(*) FROM jobs j WHERE j.tenant_id = $1 AND j.status = 'running' AND j.stage = 'claimed')
       AS jobs_in_flight;

-- name: hold_usage
-- The last lock of whoever adds to what is limited: of several at once, each sees what those before it have added.
INSERT INTO tenant_usage (tenant_id) VALUES ($1)
ON CONFLICT (tenant_id) DO UPDATE SET stored_bytes = tenant_usage.stored_bytes RETURNING stored_bytes;

-- name: live_sources
-- Counted no further than $2.
SELECT count(*)::integer FROM (SELECT 1 FROM sources WHERE tenant_id = $1 AND status = 'live' LIMIT $2) counted;

-- name: store
-- An original is kept; under hold_usage. Again for the same run, it was counted already.
WITH kept AS (
    INSERT INTO stored_uploads (run_id, tenant_id, source_id, bytes) VALUES ($2, $1, $3, $4)
    ON CONFLICT (run_id) DO NOTHING RETURNING bytes
)
UPDATE tenant_usage SET stored_bytes = stored_bytes + kept.bytes FROM kept WHERE tenant_id = $1;

-- name: give_back_of_source
-- The originals of a source are gone, in slices: their tenant may store as much again.
WITH gone AS (
    DELETE FROM stored_uploads WHERE run_id IN (SELECT run_id FROM stored_uploads WHERE source_id = $1 LIMIT $2)
    RETURNING tenant_id, bytes
), sums AS (SELECT tenant_id, sum(bytes) AS bytes, count(*) AS uploads FROM gone GROUP BY tenant_id), given AS (
    UPDATE tenant_usage u SET stored_bytes = u.stored_bytes - s.bytes FROM sums s WHERE u.tenant_id = s.tenant_id
)
SELECT coalesce(sum(uploads), 0)::integer AS uploads FROM sums;

-- name: give_back
-- The same of single runs. Tenants in the order of ids, because there may be several.
WITH gone AS (
    DELETE FROM stored_uploads WHERE run_id = ANY ($1::uuid[]) RETURNING tenant_id, bytes
), sums AS (
    SELECT tenant_id, sum(bytes) AS bytes, count(*) AS uploads FROM gone GROUP BY tenant_id
), held AS (
    SELECT u.tenant_id, s.bytes FROM tenant_usage u JOIN sums s ON s.tenant_id = u.tenant_id
    ORDER BY u.tenant_id FOR NO KEY UPDATE OF u
), given AS (
    UPDATE tenant_usage u SET stored_bytes = u.stored_bytes - h.bytes FROM held h WHERE u.tenant_id = h.tenant_id
)
SELECT coalesce(sum(uploads), 0)::integer AS uploads FROM sums;
