-- name: hold_tenant
-- One request of a tenant at a time counts and adds: the limit holds whatever comes at once.
SELECT id FROM tenants WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE;

-- name: count
SELECT count(*)::integer FROM webhooks w WHERE w.tenant_id = $1 AND w.deleted_at IS NULL;

-- name: add
-- Nothing comes back where it is there: the request is repeated, because the answer to its commit was lost.
INSERT INTO webhooks (id, tenant_id, url, host, description, events, active, secret, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: page
-- GET /v1/webhooks, newest first (index webhooks_of_tenant).
SELECT w.id FROM webhooks w WHERE w.tenant_id = $1 AND w.deleted_at IS NULL
ORDER BY w.created_at DESC, w.id DESC LIMIT $2 OFFSET $3;

-- name: shown
-- Webhooks by id, in the order asked for; of a secret no more than when it was set.
SELECT w.id, w.url, w.description, w.events, w.active, w.paused_at, w.paused_reason, w.failing_since, w.secret_set_at,
       CASE WHEN w.previous_secret_until > now() THEN w.previous_secret_until END AS previous_secret_until,
       w.created_by, w.created_at, w.updated_at
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN webhooks w ON w.id = asked.id AND w.tenant_id = $1 AND w.deleted_at IS NULL
ORDER BY asked.place;

-- name: lock
SELECT w.active, w.paused_at FROM webhooks w
WHERE w.id = $2 AND w.tenant_id = $1 AND w.deleted_at IS NULL FOR NO KEY UPDATE;

-- name: change
-- What is null stays. Whoever says that it is to be active, or where it is now, ends its pause as well.
UPDATE webhooks SET url = coalesce($2, url), host = coalesce($3, host), description = coalesce($4, description),
    events = coalesce($5, events), active = coalesce($6, active), updated_at = now(),
    paused_at = CASE WHEN $6 OR $2 IS NOT NULL THEN NULL ELSE paused_at END,
    paused_reason = CASE WHEN $6 OR $2 IS NOT NULL THEN NULL ELSE paused_reason END,
    failing_since = CASE WHEN $6 OR $2 IS NOT NULL THEN NULL ELSE failing_since END
WHERE id = $1;

-- name: set_secret
-- The one before it signs along for $3 seconds, so that receivers can be changed one after the other.
-- A repetition of the same request changes nothing.
UPDATE webhooks SET secret = $2, secret_set_at = now(), updated_at = now(),
    previous_secret = CASE WHEN $3::double precision > 0 THEN secret END,
    previous_secret_until = CASE WHEN $3::double precision > 0 THEN now() + make_interval(secs => $3) END
WHERE id = $1 AND secret <> $2;

-- name: remove
-- Its secrets are gone at once.
UPDATE webhooks SET deleted_at = now(), updated_at = now(), active = false, secret = '', previous_secret = NULL,
    previous_secret_until = NULL
WHERE id = $1;

-- name: note_success
UPDATE webhooks SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL;

-- name: note_failure
-- Paused at once where its receiver says that it is gone for good ($2), else after $3 seconds without any success.
-- What comes back was paused now.
UPDATE webhooks w SET failing_since = coalesce(w.failing_since, now()),
    paused_at = CASE WHEN pausing.reason IS NOT NULL THEN now() END, paused_reason = pausing.reason
FROM (
    SELECT p.id, p.paused_at, CASE
        WHEN $2 THEN 'gone'
        WHEN p.failing_since < now() - make_interval(secs => $3) THEN 'failing' END AS reason
    FROM webhooks p WHERE p.id = $1 AND p.paused_at IS NULL FOR NO KEY UPDATE
) pausing
WHERE w.id = pausing.id AND (w.failing_since IS NULL OR pausing.reason IS NOT NULL)
RETURNING w.tenant_id, w.paused_reason;

-- name: forget
-- Deleted ones of which no delivery is left.
DELETE FROM webhooks WHERE id = ANY (ARRAY(
    SELECT w.id FROM webhooks w WHERE w.deleted_at IS NOT NULL
      AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.webhook_id = w.id)
    LIMIT $1));

-- name: paused
SELECT count(*)::integer FROM webhooks WHERE paused_at IS NOT NULL AND deleted_at IS NULL;
