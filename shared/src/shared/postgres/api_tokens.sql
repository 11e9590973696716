-- name: caller
-- Each request with a token (its unique hash). The lesser of two roles counts; runs for every tenant, for nobody is
-- known yet.
SELECT u.id AS user_id, u.tenant_id, t.slug AS tenant_slug, u.email,
       CASE WHEN k.role = 'admin' THEN u.role ELSE k.role END AS role,
       u.is_operator AND k.role = 'admin' AS is_operator,
       NULL::uuid AS session_id, k.id AS token_id,
       k.last_used_at IS NULL OR k.last_used_at < now() - interval '1 minute' AS is_note_due
FROM api_tokens k
JOIN users u ON u.id = k.user_id
JOIN tenants t ON t.id = u.tenant_id AND t.deleted_at IS NULL
WHERE k.secret_hash = $1 AND (k.expires_at IS NULL OR k.expires_at > now());

-- name: note_use
-- To the minute, and never waited for: a token that many use at once must not become a queue for one row.
UPDATE api_tokens SET last_used_at = now()
WHERE id = (SELECT id FROM api_tokens WHERE id = $1 FOR NO KEY UPDATE SKIP LOCKED);

-- name: parent
-- The token that makes another one, held until that is written (primary key).
SELECT k.expires_at FROM api_tokens k WHERE k.tenant_id = $1 AND k.id = $2 FOR KEY SHARE;

-- name: add
-- $1 is made by who asks, so that a repetition finds its own row. A token cannot outlive the one that made it.
INSERT INTO api_tokens (id, tenant_id, user_id, parent_id, name, secret_hash, role, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, least($8::timestamptz, $9::timestamptz))
ON CONFLICT (id) DO NOTHING;

-- name: count
SELECT count(*) FROM api_tokens k WHERE k.user_id = $1;

-- name: page
-- GET /v1/tokens: those of one user, or of the tenant.
SELECT k.id FROM api_tokens k WHERE k.tenant_id = $1 AND k.user_id = $2
ORDER BY k.created_at DESC, k.id DESC LIMIT $3 OFFSET $4;

-- name: total
SELECT count(*) FROM api_tokens k WHERE k.tenant_id = $1 AND k.user_id = $2;

-- name: page_of_tenant
SELECT k.id FROM api_tokens k WHERE k.tenant_id = $1 ORDER BY k.created_at DESC, k.id DESC LIMIT $2 OFFSET $3;

-- name: total_of_tenant
SELECT count(*) FROM api_tokens k WHERE k.tenant_id = $1;

-- name: shown
SELECT k.id, k.name, k.role, u.email AS owner, k.user_id, k.created_at, k.expires_at, k.last_used_at
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN api_tokens k ON k.id = asked.id AND k.tenant_id = $1
JOIN users u ON u.id = k.user_id
ORDER BY asked.place;

-- name: remove
-- With it go those that it made (api_tokens_of_parent). $3 is the owner, or NULL for an admin, who may remove any.
DELETE FROM api_tokens WHERE tenant_id = $1 AND id = $2 AND ($3::uuid IS NULL OR user_id = $3) RETURNING name, user_id;
