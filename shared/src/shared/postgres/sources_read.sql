-- name: page
-- GET /v1/sources, newest first (index sources_listed). The status that people see is derived in `matches` of
-- each row only where it is asked for: OR stops at its first half.
SELECT s.id FROM sources s
WHERE s.tenant_id = $1 AND s.status <> 'deleted'
  AND ($2::text IS NULL OR s.type = $2)
  AND ($3::uuid IS NULL OR s.group_id = $3)
  AND ($4::text IS NULL OR s.name ILIKE $4 OR s.url ILIKE $4 OR s.file_name ILIKE $4)
  AND ($5::text IS NULL OR $5 = CASE
        WHEN s.status = 'deleting' THEN 'deleting'
        WHEN EXISTS (SELECT 1 FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL AND j.status = 'running') THEN 'ingesting'
        WHEN EXISTS (SELECT 1 FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL AND j.status = 'queued') THEN 'queued'
        WHEN 'failed' = (SELECT j.status FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL ORDER BY j.seq DESC LIMIT 1) THEN 'failed'
        ELSE 'idle' END)
ORDER BY s.created_at DESC, s.id DESC LIMIT $6 OFFSET $7;

-- name: total
-- How many there are of the same; keep the conditions equal to those of `page`.
SELECT count(*) FROM sources s
WHERE s.tenant_id = $1 AND s.status <> 'deleted'
  AND ($2::text IS NULL OR s.type = $2)
  AND ($3::uuid IS NULL OR s.group_id = $3)
  AND ($4::text IS NULL OR s.name ILIKE $4 OR s.url ILIKE $4 OR s.file_name ILIKE $4)
  AND ($5::text IS NULL OR $5 = CASE
        WHEN s.status = 'deleting' THEN 'deleting'
        WHEN EXISTS (SELECT 1 FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL AND j.status = 'running') THEN 'ingesting'
        WHEN EXISTS (SELECT 1 FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL AND j.status = 'queued') THEN 'queued'
        WHEN 'failed' = (SELECT j.status FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL ORDER BY j.seq DESC LIMIT 1) THEN 'failed'
        ELSE 'idle' END);

-- name: shown
-- Sources by id, in the order asked for, with what their status is derived from. Names of secret headers, never values.
SELECT s.id, s.type, s.name, s.url, s.file_name, s.group_id, s.schedule, s.config, s.created_at, s.updated_at,
       s.status AS row_status,
       ARRAY(SELECT jsonb_object_keys(s.secret_headers) ORDER BY 1) AS header_names,
       content.documents, content.chunks,
       last_run.id AS last_run_id, last_run.status AS last_run_status, last_run.finished_at AS last_run_finished_at,
       EXISTS (SELECT 1 FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL AND j.status = 'running') AS has_running,
       EXISTS (SELECT 1 FROM jobs j WHERE j.source_id = s.id AND j.parent_id IS NULL AND j.status = 'queued') AS has_queued
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN sources s ON s.id = asked.id AND s.tenant_id = $1 AND s.status <> 'deleted'
CROSS JOIN LATERAL (
    SELECT count(*) AS documents, coalesce(sum(v.chunk_count), 0)::bigint AS chunks
    FROM document_versions v WHERE v.source_id = s.id AND v.is_active
) content
LEFT JOIN LATERAL (
    SELECT j.id, j.status, j.finished_at FROM jobs j
    WHERE j.source_id = s.id AND j.parent_id IS NULL ORDER BY j.seq DESC LIMIT 1
) last_run ON true
ORDER BY asked.place;

-- name: exists
SELECT 1 FROM sources s WHERE s.id = $2 AND s.tenant_id = $1 AND s.status <> 'deleted';

-- name: columns
-- The columns of the tables that a source serves, each name once, in the order of the file.
SELECT c.value ->> 'name' AS name, c.value ->> 'type' AS type
FROM document_versions v
CROSS JOIN LATERAL jsonb_array_elements(v.columns) WITH ORDINALITY AS c (value, place)
WHERE v.source_id = $2 AND v.tenant_id = $1 AND v.is_active
ORDER BY v.seq, c.place;

-- name: live_of_groups
-- Where a search may look that names groups (index sources_of_group).
SELECT s.id FROM sources s
WHERE s.group_id = ANY ($2::uuid[]) AND s.tenant_id = $1 AND s.status = 'live' ORDER BY s.id;

-- name: deleting_for_search
-- What a search must not let crowd out live evidence (index sources_deleting).
SELECT s.id FROM sources s WHERE s.tenant_id = $1 AND s.status = 'deleting' ORDER BY s.deleting_at;
