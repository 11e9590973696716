-- name: page
-- GET /v1/documents of live sources, newest first (index documents_listed); retired ones only when asked for.
SELECT d.id FROM documents d
JOIN sources s ON s.id = d.source_id AND s.status = 'live'
WHERE d.tenant_id = $1
  AND ($2::uuid IS NULL OR d.source_id = $2)
  AND ($3::uuid IS NULL OR s.group_id = $3)
  AND CASE WHEN $4::text IS NULL THEN d.status <> 'retired' ELSE d.status = $4 END
  AND ($5::text IS NULL OR d.title ILIKE $5 OR d.url ILIKE $5 OR d.source_uri ILIKE $5)
ORDER BY d.created_at DESC, d.id DESC LIMIT $6 OFFSET $7;

-- name: total
-- How many there are of the same; keep the conditions equal to those of `page`.
SELECT count(*) FROM documents d
JOIN sources s ON s.id = d.source_id AND s.status = 'live'
WHERE d.tenant_id = $1
  AND ($2::uuid IS NULL OR d.source_id = $2)
  AND ($3::uuid IS NULL OR s.group_id = $3)
  AND CASE WHEN $4::text IS NULL THEN d.status <> 'retired' ELSE d.status = $4 END
  AND ($5::text IS NULL OR d.title ILIKE $5 OR d.url ILIKE $5 OR d.source_uri ILIKE $5);

-- name: shown
-- Documents of live sources by id, in the order asked for, with their active version.
SELECT d.id, d.source_id, d.source_uri, d.title, d.url, d.content_type, d.language, d.status,
       v.id AS active_version_id, coalesce(v.chunk_count, 0) AS chunks, d.created_at, d.updated_at
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN documents d ON d.id = asked.id AND d.tenant_id = $1
JOIN sources s ON s.id = d.source_id AND s.status = 'live'
LEFT JOIN document_versions v ON v.document_id = d.id AND v.is_active
ORDER BY asked.place;

-- name: versions
-- What was served once, newest first (index document_versions_of_document); a staged version is nobody's business.
SELECT v.id, v.version_label, v.content_hash, v.is_active, v.chunk_count AS chunks, v.created_at
FROM document_versions v
WHERE v.document_id = $2 AND v.tenant_id = $1 AND v.activated_at IS NOT NULL
ORDER BY v.seq DESC LIMIT $3;

-- name: content
SELECT v.markdown FROM document_versions v
JOIN documents d ON d.id = v.document_id
JOIN sources s ON s.id = d.source_id AND s.status = 'live'
WHERE v.document_id = $2 AND v.tenant_id = $1 AND v.is_active;

-- name: active_version
SELECT v.id, v.chunk_count FROM documents d
JOIN sources s ON s.id = d.source_id AND s.status = 'live'
LEFT JOIN document_versions v ON v.document_id = d.id AND v.is_active
WHERE d.id = $2 AND d.tenant_id = $1;

-- name: chunks
-- In reading order, along the primary key of version_chunks.
SELECT vc.chunk_id, vc.ordinal, c.text, c.heading_path, vc.page, vc.row
FROM version_chunks vc JOIN chunks c ON c.id = vc.chunk_id
WHERE vc.version_id = $2 AND vc.tenant_id = $1 AND vc.ordinal > $3
ORDER BY vc.ordinal LIMIT $4 OFFSET $5;
