-- name: page
-- GET /v1/audit, newest first (audit_log_listed).
SELECT id, ts, actor, action, target, outcome, detail FROM audit_log
WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3;

-- name: total
SELECT count(*) FROM audit_log WHERE tenant_id = $1;

-- name: page_of_action
-- audit_log_of_action
SELECT id, ts, actor, action, target, outcome, detail FROM audit_log
WHERE tenant_id = $1 AND action = $2 AND ($3::text IS NULL OR actor = $3) ORDER BY id DESC LIMIT $4 OFFSET $5;

-- name: total_of_action
SELECT count(*) FROM audit_log WHERE tenant_id = $1 AND action = $2 AND ($3::text IS NULL OR actor = $3);

-- name: page_of_actor
-- audit_log_of_actor
SELECT id, ts, actor, action, target, outcome, detail FROM audit_log
WHERE tenant_id = $1 AND actor = $2 ORDER BY id DESC LIMIT $3 OFFSET $4;

-- name: total_of_actor
SELECT count(*) FROM audit_log WHERE tenant_id = $1 AND actor = $2;
