-- name: moment
-- T0 of a search: what became visible before it is seen, as a whole; what comes after it is not.
SELECT now();

-- name: visible
-- Which of these objects a search at T0 may show: active then, of a source that is live now, of this tenant.
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
  AND o.activated_at <= $3 AND (o.superseded_at IS NULL OR o.superseded_at > $3)
  AND ($4::uuid[] IS NULL OR o.source_id = ANY ($4))
  AND ($5::uuid[] IS NULL OR o.document_id = ANY ($5))
  AND ($6::text[] IS NULL OR d.language = ANY ($6));

-- name: has_content
-- Tells a tenant that has nothing yet from a Weaviate that lost everything.
SELECT EXISTS (SELECT 1 FROM document_versions v WHERE v.tenant_id = $1 AND v.is_active AND v.chunk_count > 0);
