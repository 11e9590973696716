-- name: stage
-- In Postgres before they are sent: whatever dies, no object is unknown.
INSERT INTO objects (object_id, tenant_id, source_id, document_id, chunk_id, collection, batch_id)
SELECT k.object_id, $1, k.source_id, k.document_id, k.chunk_id, $2, $3
FROM unnest($4::uuid[], $5::uuid[], $6::uuid[], $7::uuid[]) AS k (object_id, source_id, document_id, chunk_id)
ON CONFLICT DO NOTHING;

-- name: stage_barrier
-- The barrier write of a batch: recorded as deleting before it is sent.
INSERT INTO objects (object_id, tenant_id, source_id, document_id, chunk_id, collection, batch_id, state)
VALUES ($1, $2, $3, $3, $3, $4, $5, 'deleting') ON CONFLICT DO NOTHING;

-- name: picks
-- For each chunk of these versions the object that will stand for it: one that is active, else one that was, else
-- a verified new one. In slices of ordinals from $3 to below $4: a version has a chunk once.
SELECT DISTINCT ON (vc.version_id, vc.chunk_id) vc.version_id, vc.chunk_id, o.object_id, o.state
FROM version_chunks vc
JOIN objects o ON o.chunk_id = vc.chunk_id AND o.collection = $2 AND o.state IN ('active', 'superseded', 'staged')
LEFT JOIN index_batches b ON b.batch_id = o.batch_id
WHERE vc.version_id = ANY ($1::uuid[]) AND vc.ordinal >= $3 AND vc.ordinal < $4
  AND (o.state <> 'staged' OR b.state = 'verified')
ORDER BY vc.version_id, vc.chunk_id, CASE o.state WHEN 'active' THEN 0 WHEN 'superseded' THEN 1 ELSE 2 END, o.object_id;

-- name: served
-- What these documents serve now, and for which chunks.
SELECT object_id, chunk_id FROM objects
WHERE source_id = ANY ($1::uuid[]) AND document_id = ANY ($2::uuid[]) AND state = 'active';

-- name: supersede
-- Naming both states keeps the planner on the primary key: it would walk the index of all that is active instead.
UPDATE objects SET state = 'superseded', superseded_at = now()
WHERE object_id = ANY ($1::uuid[]) AND state IN ('active', 'superseded');

-- name: activate
UPDATE objects SET state = 'active', activated_at = now(), superseded_at = NULL
WHERE object_id = ANY ($1::uuid[]) AND state IN ('staged', 'superseded') RETURNING object_id;

-- name: discard_batches
-- The objects of batches that were not verified: never used again.
UPDATE objects SET state = 'deleting' WHERE batch_id = ANY ($1::uuid[]) AND state = 'staged' RETURNING object_id;

-- name: discard_unused
-- Staged, and no open job can activate them: their try is over, or another object was taken, or their source goes.
UPDATE objects SET state = 'deleting' WHERE object_id IN (
    SELECT o.object_id FROM objects o
    LEFT JOIN index_batches b ON b.batch_id = o.batch_id LEFT JOIN sources s ON s.id = o.source_id
    WHERE o.state = 'staged' AND (b.batch_id IS NULL OR b.state <> 'open')
      AND (s.status IS DISTINCT FROM 'live' OR (
          o.created_at < now() - make_interval(secs => $1)
          AND NOT EXISTS (
              SELECT 1 FROM version_chunks vc JOIN jobs j ON j.version_id = vc.version_id
              WHERE vc.chunk_id = o.chunk_id AND j.status = 'running' AND j.stage = 'indexing')))
    LIMIT $2 FOR UPDATE OF o SKIP LOCKED)
RETURNING object_id;

-- name: discard_superseded
-- After the grace period; committed before Weaviate is touched, so that a roll back never takes one of these. None at
-- all while everything is being compared, or must be because this is another database than at the last look.
UPDATE objects SET state = 'deleting' WHERE object_id IN (
    SELECT object_id FROM objects WHERE state = 'superseded' AND superseded_at < now() - make_interval(secs => $1)
      AND NOT EXISTS (
          SELECT 1 FROM audit_watch w
          WHERE w.full_since IS NOT NULL OR w.database_identity <> quern_database_identity())
    ORDER BY superseded_at LIMIT $2 FOR UPDATE SKIP LOCKED)
RETURNING object_id;

-- name: discard_of_source
-- Everything of a source that is being removed, in slices; how many, and how many of them were surely written.
WITH found AS (
    SELECT o.object_id, (o.state <> 'staged' OR b.state = 'verified') AS written
    FROM objects o LEFT JOIN index_batches b ON b.batch_id = o.batch_id
    WHERE o.source_id = $1 AND o.state <> 'deleting' LIMIT $2 FOR UPDATE OF o
), discarded AS (
    UPDATE objects o SET state = 'deleting' FROM found WHERE o.object_id = found.object_id RETURNING found.written
)
SELECT count(*)::integer AS objects, count(*) FILTER (WHERE written)::integer AS written FROM discarded;

-- name: to_delete
-- Tombstones that Weaviate has not been told about, in the order of ids; not those of an open batch, which may still
-- be sent.
SELECT o.object_id, o.collection, t.slug FROM objects o
JOIN tenants t ON t.id = o.tenant_id
LEFT JOIN index_batches b ON b.batch_id = o.batch_id
WHERE o.state = 'deleting' AND o.deleted_at IS NULL AND o.object_id > $1 AND (b.batch_id IS NULL OR b.state <> 'open')
ORDER BY o.object_id LIMIT $2;

-- name: to_delete_of_source
-- Those of them that no filter may find: their batch was never verified.
SELECT o.object_id, o.collection FROM objects o JOIN index_batches b ON b.batch_id = o.batch_id
WHERE o.source_id = $1 AND o.state = 'deleting' AND o.deleted_at IS NULL AND b.state <> 'verified'
  AND o.object_id > $2
ORDER BY o.object_id LIMIT $3;

-- name: mark_deleted
UPDATE objects SET deleted_at = now(), purge_at = now() + make_interval(secs => $2)
WHERE object_id = ANY ($1::uuid[]) AND state = 'deleting';

-- name: to_purge
SELECT o.object_id, o.collection, t.slug FROM objects o JOIN tenants t ON t.id = o.tenant_id
WHERE o.state = 'deleting' AND o.deleted_at IS NOT NULL AND o.purge_at < now() AND o.object_id > $1
ORDER BY o.object_id LIMIT $2;

-- name: purge
DELETE FROM objects WHERE object_id = ANY ($1::uuid[]) AND state = 'deleting';

-- name: known
-- Which of the objects that Weaviate has in this place belong there: the others were planted, or should be gone.
SELECT object_id FROM objects WHERE object_id = ANY ($1::uuid[]) AND tenant_id = $2 AND collection = $3
  AND (state <> 'deleting' OR deleted_at IS NULL);

-- name: mark_source_deleted
-- Weaviate has nothing of the source any more: the tombstones stay until they are deleted once more.
UPDATE objects SET deleted_at = now(), purge_at = now() + make_interval(secs => $2)
WHERE object_id IN (
    SELECT object_id FROM objects WHERE source_id = $1 AND state = 'deleting' AND deleted_at IS NULL LIMIT $3);

-- name: walk_in_order
-- Before a walk over objects by id. The planner takes row-level security for 200 times as selective as it is, and would
-- read and sort all of a tenant for each slice.
SELECT set_config('enable_sort', 'off', true);

-- name: active_after
-- What is active in this place, in the order of ids, with what each object must say of itself; Weaviate must have
-- those of live sources. The limit comes before the join, or all of the tenant would be sorted for each slice.
SELECT o.object_id, o.chunk_id, o.source_id, o.document_id, o.batch_id, coalesce(s.type, '') AS type,
       coalesce(s.status = 'live', false) AS is_live
FROM (
    SELECT object_id, chunk_id, source_id, document_id, batch_id FROM objects
    WHERE tenant_id = $1 AND collection = $2 AND object_id > $3 AND state = 'active'
    ORDER BY object_id LIMIT $4
) o LEFT JOIN sources s ON s.id = o.source_id ORDER BY o.object_id;

-- name: active_of_documents
-- What these documents serve, and where it lies.
SELECT o.object_id, o.tenant_id, t.slug, o.collection FROM objects o
JOIN sources s ON s.id = o.source_id AND s.status = 'live' JOIN tenants t ON t.id = o.tenant_id
WHERE o.source_id = ANY ($1::uuid[]) AND o.document_id = ANY ($2::uuid[]) AND o.state = 'active';

-- name: active_of_batch
SELECT o.object_id FROM objects o JOIN sources s ON s.id = o.source_id
WHERE o.batch_id = $1 AND o.state = 'active' AND s.status = 'live';

-- name: left_of_source
-- Whether anything of a source may still be in Weaviate.
SELECT EXISTS (SELECT 1 FROM objects WHERE source_id = $1 AND (state <> 'deleting' OR deleted_at IS NULL));
