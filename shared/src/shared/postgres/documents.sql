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

-- name: count_missed
-- The next served documents of a source, and how many of them its run missed: it found that their page is gone (not
-- wanted, or leads to another document), or ($3: the run was complete) it did not reach them any more.
SELECT count(*)::integer AS served, max(d.source_uri) AS last, count(*) FILTER (WHERE CASE WHEN p.run_id = $2 THEN coalesce(p.job_id IS NOT NULL AND (
        (p.fate = 'skipped' AND p.reason = ANY ($4::text[]))
        OR (p.document_id <> d.id AND (p.fate = 'succeeded' OR p.reason = 'unchanged'))), false)
    ELSE $3 END)::integer AS missed
FROM (
    SELECT id, source_id, source_uri FROM documents
    WHERE source_id = $1 AND status = 'active' AND source_uri > $5 ORDER BY source_uri LIMIT $6
) d
LEFT JOIN crawl_pages p ON p.source_id = d.source_id AND p.url_key = d.source_uri;

-- name: missed
-- The same documents, where they are few. (`held_pages.hold` and `next` say it as well; test_pruning_conditions compares.)
SELECT d.id
FROM documents d LEFT JOIN crawl_pages p ON p.source_id = d.source_id AND p.url_key = d.source_uri
WHERE d.source_id = $1 AND d.status = 'active' AND d.source_uri > $5 AND d.source_uri <= $6
  AND CASE WHEN p.run_id = $2 THEN coalesce(p.job_id IS NOT NULL AND (
        (p.fate = 'skipped' AND p.reason = ANY ($4::text[]))
        OR (p.document_id <> d.id AND (p.fate = 'succeeded' OR p.reason = 'unchanged'))), false)
    ELSE $3 END
ORDER BY d.id;

-- name: drop_of_sources
DELETE FROM documents WHERE source_id = ANY ($1::uuid[]);

-- name: drop_of_source
DELETE FROM documents WHERE id IN (SELECT id FROM documents WHERE source_id = $1 LIMIT $2);
