-- name: begin
INSERT INTO sessions (id, tenant_id, user_id, expires_at) VALUES ($1, $2, $3, now() + $4::double precision * interval '1 second')
ON CONFLICT (id) DO UPDATE SET expires_at = EXCLUDED.expires_at
RETURNING expires_at;

-- name: caller
-- Each request of a browser (primary keys): the role as it is now, not as it was at signing in.
SELECT u.id AS user_id, u.tenant_id, t.slug AS tenant_slug, u.email, u.role, u.is_operator,
       s.id AS session_id, NULL::uuid AS token_id
FROM sessions s
JOIN users u ON u.id = s.user_id
JOIN tenants t ON t.id = u.tenant_id AND t.deleted_at IS NULL
WHERE s.id = $1 AND s.tenant_id = $2 AND s.expires_at > now();

-- name: end
DELETE FROM sessions WHERE id = $1 AND tenant_id = $2;

-- name: end_others
-- All of a user but one (sessions_of_user): after a change of the password.
DELETE FROM sessions WHERE user_id = $1 AND id IS DISTINCT FROM $2;

-- name: forget
-- Those that are over, some at a time (sessions_expired).
DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < now() ORDER BY expires_at LIMIT $1);
