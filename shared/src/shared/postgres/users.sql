-- name: to_sign_in
-- Whoever may be meant by an address: in the tenant that is named, else in all (users_of_email). Tenants that are
-- being removed have no users any more. Runs for every tenant: nobody is known yet.
SELECT u.id, u.tenant_id, t.slug AS tenant_slug, t.name AS tenant_name, u.email, u.role, u.is_operator,
       u.password_hash, u.created_at
FROM users u JOIN tenants t ON t.id = u.tenant_id AND t.deleted_at IS NULL
WHERE u.email = $1 AND ($2::text IS NULL OR t.slug = $2)
LIMIT 2;

-- name: account
-- One user with what signing in needs (primary key).
SELECT u.id, u.tenant_id, t.slug AS tenant_slug, t.name AS tenant_name, u.email, u.role, u.is_operator,
       u.password_hash, u.created_at
FROM users u JOIN tenants t ON t.id = u.tenant_id AND t.deleted_at IS NULL
WHERE u.tenant_id = $1 AND u.id = $2;

-- name: add
-- Nothing comes back where the tenant has this address already. $1 is made by who asks, so that the repetition of a
-- request whose answer was lost finds its own row.
INSERT INTO users (id, tenant_id, email, password_hash, role) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT DO NOTHING RETURNING id;

-- name: add_operator
INSERT INTO users (id, tenant_id, email, password_hash, role, is_operator) VALUES ($1, $2, $3, $4, 'admin', true)
ON CONFLICT DO NOTHING RETURNING id;

-- name: page
SELECT u.id FROM users u WHERE u.tenant_id = $1 ORDER BY u.created_at DESC, u.id DESC LIMIT $2 OFFSET $3;

-- name: total
SELECT count(*) FROM users u WHERE u.tenant_id = $1;

-- name: shown
-- Users by id, in the order asked for (primary key).
SELECT u.id, u.email, u.role, u.is_operator, u.created_at, u.updated_at
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN users u ON u.id = asked.id AND u.tenant_id = $1
ORDER BY asked.place;

-- name: lock_admins
-- All admins of a tenant, so that the last one cannot go by two changes at once (users_listed).
SELECT u.id, u.is_operator FROM users u WHERE u.tenant_id = $1 AND u.role = 'admin' ORDER BY u.id FOR NO KEY UPDATE;

-- name: lock
SELECT u.id FROM users u WHERE u.tenant_id = $1 AND u.id = $2 FOR NO KEY UPDATE;

-- name: change
UPDATE users SET role = coalesce($3, role), password_hash = coalesce($4, password_hash), updated_at = now()
WHERE tenant_id = $1 AND id = $2;

-- name: rehash
-- The same password under newer parameters; unless it was changed meanwhile.
UPDATE users SET password_hash = $4 WHERE tenant_id = $1 AND id = $2 AND password_hash = $3;

-- name: remove
DELETE FROM users WHERE tenant_id = $1 AND id = $2;

-- name: any
-- Whether the installation has a user at all (primary key).
SELECT EXISTS (SELECT 1 FROM users);

-- name: alone
-- One at a time makes the first admin: released at the end of the transaction.
SELECT pg_advisory_xact_lock(hashtext('quern.first_admin'));

-- name: tenant_of_slug
-- The tenant that an operator names, held against its removal (unique slug); runs for every tenant.
SELECT t.id FROM tenants t WHERE t.slug = $1 AND t.deleted_at IS NULL FOR KEY SHARE;
