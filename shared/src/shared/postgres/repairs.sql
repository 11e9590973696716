-- name: note
-- Looked at again after Weaviate: only what is still served, of a live source. By kind, how many count as broken, and
-- how many of them were not noted before; one that was only to be rebuilt is broken now.
WITH broken AS (
    SELECT o.object_id, o.tenant_id, o.source_id, o.document_id, o.chunk_id, o.collection, k.kind
    FROM unnest($1::uuid[], $2::text[]) AS k (object_id, kind)
    JOIN objects o ON o.object_id = k.object_id JOIN sources s ON s.id = o.source_id
    WHERE o.state = 'active' AND s.status = 'live'
), noted AS (
    INSERT INTO repairs AS r (object_id, tenant_id, source_id, document_id, chunk_id, collection, kind)
    SELECT object_id, tenant_id, source_id, document_id, chunk_id, collection, kind FROM broken
    ON CONFLICT (object_id) DO UPDATE SET kind = excluded.kind WHERE r.kind = 'rebuild' RETURNING object_id
)
SELECT b.kind, count(*)::integer AS broken, count(n.object_id)::integer AS noted
FROM broken b LEFT JOIN noted n ON n.object_id = b.object_id GROUP BY b.kind;

-- name: next_of_tenant
-- What a rebuild of everything replaces next: served since before it was asked for ($4), by id.
SELECT o.document_id, o.object_id FROM objects o
WHERE o.tenant_id = $1 AND o.collection = $2 AND o.object_id > $3 AND o.state = 'active' AND o.created_at < $4
ORDER BY o.object_id LIMIT $5;

-- name: next_of_source
-- The same of one source, document by document: only the objects of the documents of a slice are read and sorted.
SELECT o.document_id, o.object_id FROM objects o
WHERE o.source_id = $1 AND o.collection = $2 AND o.document_id >= $6 AND (o.document_id, o.object_id) > ($6, $3)
  AND o.state = 'active' AND o.created_at < $4
ORDER BY o.document_id, o.object_id LIMIT $5;

-- name: note_rebuild
-- Broken ones are noted already.
INSERT INTO repairs (object_id, tenant_id, source_id, document_id, chunk_id, collection, kind, rebuild_id)
SELECT o.object_id, o.tenant_id, o.source_id, o.document_id, o.chunk_id, o.collection, 'rebuild', $1
FROM objects o JOIN sources s ON s.id = o.source_id AND s.status = 'live'
WHERE o.object_id = ANY ($2::uuid[]) AND o.state = 'active'
ON CONFLICT DO NOTHING;

-- name: drop_obsolete
-- The broken object is not served any more: nothing is left to repair.
DELETE FROM repairs r WHERE r.object_id = ANY ($1::uuid[]) AND NOT EXISTS (
    SELECT 1 FROM objects o JOIN sources s ON s.id = o.source_id
    WHERE o.object_id = r.object_id AND o.state = 'active' AND s.status = 'live')
RETURNING r.object_id;

-- name: take
-- The oldest that no living process works on, and this one's own. (An array is made once: behind IN the limit may hold
-- for each row anew.)
UPDATE repairs SET owner_id = $1 WHERE object_id = ANY (ARRAY(
    SELECT r.object_id FROM repairs r LEFT JOIN workers w ON w.id = r.owner_id
    WHERE r.collection = $2 AND (r.owner_id = $1 OR w.id IS NULL OR w.lease_until < now())
    ORDER BY r.noted_at LIMIT $3 FOR UPDATE OF r SKIP LOCKED))
RETURNING object_id;

-- name: postpone
UPDATE repairs SET noted_at = now(), owner_id = NULL WHERE chunk_id = ANY ($1::uuid[]) AND collection = $2;

-- name: chunks
-- What is indexed anew for them, by tenant and document.
SELECT c.id AS chunk_id, c.tenant_id, c.source_id, c.document_id, c.heading_path, c.text,
       s.type AS source_type, v.language
FROM repairs r
JOIN chunks c ON c.id = r.chunk_id
JOIN sources s ON s.id = r.source_id
LEFT JOIN document_versions v ON v.document_id = r.document_id AND v.is_active
WHERE r.object_id = ANY ($1::uuid[])
ORDER BY c.tenant_id, c.document_id, c.id;

-- name: ready
-- Objects that are still served, each with the verified new one that takes its place.
SELECT r.object_id AS old_id, n.object_id AS new_id, r.tenant_id, r.collection, r.kind, o.activated_at
FROM unnest($1::uuid[], $2::uuid[]) AS k (object_id, chunk_id)
JOIN objects n ON n.object_id = k.object_id AND n.state = 'staged'
JOIN index_batches b ON b.batch_id = n.batch_id AND b.state = 'verified'
JOIN repairs r ON r.chunk_id = k.chunk_id AND r.collection = n.collection
JOIN objects o ON o.object_id = r.object_id AND o.state = 'active'
JOIN sources s ON s.id = r.source_id AND s.status = 'live'
ORDER BY r.object_id;

-- name: retire_broken
-- Never superseded, which a roll back could choose: a broken object is not used again.
UPDATE objects SET state = 'deleting', superseded_at = now() WHERE object_id = ANY ($1::uuid[]) AND state = 'active'
RETURNING object_id;

-- name: retire_sound
UPDATE objects SET state = 'superseded', superseded_at = now() WHERE object_id = ANY ($1::uuid[]) AND state = 'active'
RETURNING object_id;

-- name: activate
-- For a broken one as if it had been there all along: a search that began before the repair may see it. For a sound
-- one (null) from now on: searches that began before see the old one.
UPDATE objects o SET state = 'active', activated_at = coalesce(k.activated_at, now()), superseded_at = NULL
FROM unnest($1::uuid[], $2::timestamptz[]) AS k (object_id, activated_at)
WHERE o.object_id = k.object_id AND o.state = 'staged' RETURNING o.object_id;

-- name: done
DELETE FROM repairs WHERE object_id = ANY ($1::uuid[]);
