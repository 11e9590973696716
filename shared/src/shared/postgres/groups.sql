-- name: page
-- GET /v1/groups, newest first; a tenant has few.
SELECT g.id FROM groups g WHERE g.tenant_id = $1 ORDER BY g.created_at DESC, g.id DESC LIMIT $2 OFFSET $3;

-- name: total
SELECT count(*) FROM groups g WHERE g.tenant_id = $1;

-- name: shown
-- Groups by id, in the order asked for, with how many sources are in them (index sources_of_group).
SELECT g.id, g.name, g.created_at,
       (SELECT count(*) FROM sources s WHERE s.group_id = g.id AND s.status <> 'deleted') AS sources
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN groups g ON g.id = asked.id AND g.tenant_id = $1
ORDER BY asked.place;

-- name: add
-- Nothing comes back where the name is taken.
INSERT INTO groups (tenant_id, name) VALUES ($1, $2) ON CONFLICT (tenant_id, name) DO NOTHING RETURNING id;

-- name: lock
-- Nobody can put a source into it meanwhile (that asks for a key share lock).
SELECT g.id, g.name FROM groups g WHERE g.id = $2 AND g.tenant_id = $1 FOR UPDATE;

-- name: name_taken
SELECT 1 FROM groups g WHERE g.tenant_id = $1 AND g.name = $3 AND g.id <> $2;

-- name: rename
UPDATE groups SET name = $3 WHERE id = $2 AND tenant_id = $1;

-- name: sources_in
SELECT count(*) FROM sources s WHERE s.group_id = $1 AND s.status <> 'deleted';

-- name: move_receipts
-- Rows of deleted sources remain as receipts and need some group.
UPDATE sources SET group_id = $2 WHERE group_id = $1 AND status = 'deleted';

-- name: drop
DELETE FROM groups WHERE id = $2 AND tenant_id = $1;
