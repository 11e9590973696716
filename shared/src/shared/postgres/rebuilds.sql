-- name: ask
-- A wish to have everything (null), or one source, indexed anew. One that is open already for the same, or for
-- everything, stands for it.
INSERT INTO rebuilds (id, tenant_id, source_id, total, collection)
SELECT $1, $2, $3, coalesce((
    SELECT sum(v.chunk_count) FROM sources s JOIN document_versions v ON v.source_id = s.id AND v.is_active
    WHERE s.tenant_id = $2 AND s.status = 'live' AND ($3::uuid IS NULL OR s.id = $3)), 0),
    (SELECT name FROM collections WHERE is_current)
WHERE NOT EXISTS (
    SELECT 1 FROM rebuilds r WHERE r.tenant_id = $2 AND (r.source_id IS NULL OR r.source_id = $3) AND r.finished_at IS NULL)
ON CONFLICT DO NOTHING RETURNING id;

-- name: open_for
SELECT r.id FROM rebuilds r
WHERE r.tenant_id = $1 AND (r.source_id IS NULL OR r.source_id = $2) AND r.finished_at IS NULL
ORDER BY r.source_id NULLS FIRST LIMIT 1;

-- name: get
-- How far one is: what was noted and does not wait any more is done.
SELECT r.id, r.source_id, r.requested_at, r.finished_at, r.reason, r.total,
       (r.noted - (SELECT count(*) FROM repairs p WHERE p.rebuild_id = r.id))::bigint AS done
FROM rebuilds r WHERE r.id = $1 AND r.tenant_id = $2;

-- name: open
SELECT id FROM rebuilds WHERE finished_at IS NULL ORDER BY requested_at;

-- name: hold
-- One that nobody else is at, and how many of its objects wait. Where another collection is written to than when it was
-- asked for, nobody takes what waits.
SELECT r.tenant_id, r.source_id, r.requested_at, r.noted_up_to, r.noted_in_document, r.collection,
       (SELECT count(*) FROM repairs p WHERE p.rebuild_id = r.id)::integer AS waiting,
       r.collection <> coalesce((SELECT c.name FROM collections c WHERE c.is_current), '') AS is_void
FROM rebuilds r WHERE r.id = $1 AND r.finished_at IS NULL FOR UPDATE OF r SKIP LOCKED;

-- name: advance
-- So many more were noted, up to this object (null: all of them) of this document.
UPDATE rebuilds SET noted = noted + $2, noted_up_to = $3, noted_in_document = coalesce($4, noted_in_document) WHERE id = $1;

-- name: finish
UPDATE rebuilds SET finished_at = now() WHERE id = $1;

-- name: end_void
-- The collection changed: what nobody has begun of it, or will, is dropped, and was not done. What was found broken
-- meanwhile stays noted.
WITH dropped AS (DELETE FROM repairs WHERE rebuild_id = $1 AND kind = 'rebuild' RETURNING object_id)
UPDATE rebuilds SET finished_at = now(), reason = 'collection_changed', noted = noted - (SELECT count(*) FROM dropped)
WHERE id = $1;

-- name: forget
-- Finished long ago.
DELETE FROM rebuilds WHERE finished_at < now() - make_interval(secs => $1);
