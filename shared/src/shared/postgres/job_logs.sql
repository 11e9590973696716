-- name: add
INSERT INTO job_logs (tenant_id, job_id, root_id, level, message, fields)
SELECT j.tenant_id, j.id, j.root_id, k.level, k.message, k.fields
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::jsonb[]) WITH ORDINALITY AS k (job_id, level, message, fields, place)
JOIN jobs j ON j.id = k.job_id ORDER BY k.place;
