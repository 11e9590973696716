-- name: add
-- A document is made by the first result (or upload) that names it.
INSERT INTO documents (id, tenant_id, source_id, source_uri, title, url, content_type)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[])
ON CONFLICT DO NOTHING;

-- name: lock
-- Last in the lock order.
SELECT d.id, d.status, v.id AS version_id, v.content_hash, v.run_seq
FROM documents d LEFT JOIN document_versions v ON v.document_id = d.id AND v.is_active
WHERE d.id = ANY ($1::uuid[]) ORDER BY d.id FOR NO KEY UPDATE OF d;

-- name: activate
-- What may change without the chunks (title, URL …) is taken from the version that is served now.
UPDATE documents d SET
    status = 'active', source_uri = v.source_uri, title = v.title, url = v.url,
    content_type = v.content_type, language = v.language, updated_at = now()
FROM document_versions v
WHERE v.id = ANY ($1::uuid[]) AND d.id = v.document_id;

-- name: retire
UPDATE documents SET status = 'retired', updated_at = now() WHERE id = ANY ($1::uuid[]) AND status <> 'retired';

-- name: mark_failed
-- A document that never had anything to serve.
UPDATE documents SET status = 'failed', updated_at = now() WHERE id = ANY ($1::uuid[]) AND status = 'pending';

-- name: mark_pending
-- A retry, or a new upload, of one that had failed.
UPDATE documents SET status = 'pending', updated_at = now() WHERE id = ANY ($1::uuid[]) AND status = 'failed';

-- name: unreached
-- Served documents of a source that its complete run did not reach any more.
SELECT d.id FROM documents d
LEFT JOIN crawl_pages p ON p.source_id = d.source_id AND p.url_key = d.source_uri
WHERE d.source_id = $1 AND d.status = 'active' AND p.run_id IS DISTINCT FROM $2
ORDER BY d.id;

-- name: count_active
SELECT count(*) FROM documents WHERE source_id = $1 AND status = 'active';

-- name: drop_of_sources
DELETE FROM documents WHERE source_id = ANY ($1::uuid[]);

-- name: drop_of_source
DELETE FROM documents WHERE id IN (SELECT id FROM documents WHERE source_id = $1 LIMIT $2);
