-- name: moment
-- T0 of a search: what became visible before it is seen, as a whole; what comes after it is not.
SELECT now();

-- name: visible
-- Which of these objects a search at T0 may show: active then, of a source that is live now, of this tenant,
-- which is not deleted.
-- The version is the one that was served at T0: a chunk that did not change belongs to several.
SELECT o.object_id, o.chunk_id, c.text, c.heading_path, d.title, d.url, d.language, o.source_id, o.document_id,
       served.version_id, served.ordinal
FROM unnest($2::uuid[]) AS hit (object_id)
JOIN objects o ON o.object_id = hit.object_id AND o.tenant_id = $1
JOIN sources s ON s.id = o.source_id AND s.tenant_id = $1 AND s.status = 'live'
JOIN chunks c ON c.id = o.chunk_id
JOIN LATERAL (
    SELECT vc.version_id, vc.ordinal, v.title, v.url, v.language
    FROM version_chunks vc JOIN document_versions v ON v.id = vc.version_id
    WHERE vc.chunk_id = o.chunk_id AND v.document_id = o.document_id AND v.activated_at <= $3
    ORDER BY v.activated_at DESC, v.seq DESC, vc.ordinal LIMIT 1
) served ON true
CROSS JOIN LATERAL (SELECT served.title, served.url, served.language) d
WHERE o.state IN ('active', 'superseded')
  AND EXISTS (SELECT 1 FROM tenants t WHERE t.id = $1 AND t.deleted_at IS NULL)
  AND o.activated_at <= $3 AND (o.superseded_at IS NULL OR o.superseded_at > $3)
  AND ($4::uuid[] IS NULL OR o.source_id = ANY ($4))
  AND ($5::uuid[] IS NULL OR o.document_id = ANY ($5))
  AND ($6::text[] IS NULL OR d.language = ANY ($6));

-- name: around
-- What stands around chunks that may be shown, by the primary key of version_chunks: each place is named, because a range
-- that is computed here would be looked at after row-level security, chunk by chunk of the whole version. A version that was served
-- stays as it is, so this is the text around the hit; of a source that has begun to go meanwhile nothing is told.
SELECT near.version_id, near.of, vc.chunk_id, vc.ordinal, c.text, c.heading_path, vc.page, vc.row
FROM unnest($2::uuid[], $3::int[], $4::int[]) AS near (version_id, of, ordinal)
JOIN document_versions v ON v.id = near.version_id AND v.tenant_id = $1 AND v.activated_at IS NOT NULL
JOIN documents d ON d.id = v.document_id
JOIN sources s ON s.id = d.source_id AND s.status = 'live'
JOIN version_chunks vc ON vc.version_id = near.version_id AND vc.ordinal = near.ordinal
JOIN chunks c ON c.id = vc.chunk_id
ORDER BY near.version_id, near.of, vc.ordinal;

-- name: has_content
-- Tells a tenant that has nothing yet from a Weaviate that lost everything.
SELECT EXISTS (SELECT 1 FROM document_versions v WHERE v.tenant_id = $1 AND v.is_active AND v.chunk_count > 0);
