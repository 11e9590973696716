-- name: ask
-- A wish to have everything (null), or one source, indexed anew. One that is open already for the same, or for
-- everything, stands for it.
INSERT INTO rebuilds (id, tenant_id, source_id, total)
SELECT $1, $2, $3, coalesce((
    SELECT sum(v.chunk_count) FROM sources s JOIN document_versions v ON v.source_id = s.id AND v.is_active
    WHERE s.tenant_id = $2 AND s.status = 'live' AND ($3::uuid IS NULL OR s.id = $3)), 0)
WHERE NOT EXISTS (
    SELECT 1 FROM rebuilds r WHERE r.tenant_id = $2 AND (r.source_id IS NULL OR r.source_id = $3) AND r.finished_at IS NULL)
ON CONFLICT DO NOTHING RETURNING id;

-- name: open_for
SELECT r.id FROM rebuilds r
WHERE r.tenant_id = $1 AND (r.source_id IS NULL OR r.source_id = $2) AND r.finished_at IS NULL
ORDER BY r.source_id NULLS FIRST LIMIT 1;

-- name: get
-- How far one is: what was noted and does not wait any more is done.
SELECT r.id, r.source_id, r.requested_at, r.finished_at, r.total,
       (r.noted - (SELECT count(*) FROM repairs p WHERE p.rebuild_id = r.id))::bigint AS done
FROM rebuilds r WHERE r.id = $1 AND r.tenant_id = $2;

-- name: open
SELECT id FROM rebuilds WHERE finished_at IS NULL ORDER BY requested_at;

-- name: hold
-- One that nobody else is at, and how many of its objects wait.
SELECT r.tenant_id, r.source_id, r.requested_at, r.noted_up_to, (SELECT count(*) FROM repairs p WHERE p.rebuild_id = r.id)::integer AS waiting
FROM rebuilds r WHERE r.id = $1 AND r.finished_at IS NULL FOR UPDATE SKIP LOCKED;

-- name: advance
-- So many more were noted, up to this object (null: all of them).
UPDATE rebuilds SET noted = noted + $2, noted_up_to = $3 WHERE id = $1;

-- name: finish
UPDATE rebuilds SET finished_at = now() WHERE id = $1;

-- name: forget
-- Finished long ago.
DELETE FROM rebuilds WHERE finished_at < now() - make_interval(secs => $1);
