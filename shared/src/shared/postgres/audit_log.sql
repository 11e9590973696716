-- name: add
INSERT INTO audit_log (tenant_id, actor, action, target, outcome, detail) VALUES ($1, $2, $3, $4, $5, $6);
