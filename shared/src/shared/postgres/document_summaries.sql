-- name: count_of_source
-- How many documents of a source are served.
SELECT count(*) FROM document_versions v JOIN sources s ON s.id = v.source_id AND s.status = 'live'
WHERE v.source_id = $2 AND v.tenant_id = $1 AND v.is_active;

-- name: next_of_source
-- The next one by id: what is served of it, as far as it is read.
SELECT v.document_id, v.source_id, v.id AS version_id, v.title, v.language, left(v.markdown, $4) AS markdown
FROM document_versions v JOIN sources s ON s.id = v.source_id AND s.status = 'live'
WHERE v.source_id = $2 AND v.tenant_id = $1 AND v.is_active AND v.document_id > $3
ORDER BY v.document_id LIMIT 1;

-- name: next_of_list
-- The same of a list; one that is not served comes without a version.
SELECT k.id AS document_id, s.id AS source_id, v.id AS version_id, v.title, v.language, left(v.markdown, $4) AS markdown
FROM unnest($2::uuid[]) AS k (id)
LEFT JOIN documents d ON d.id = k.id AND d.tenant_id = $1
LEFT JOIN sources s ON s.id = d.source_id AND s.status = 'live'
LEFT JOIN document_versions v ON v.document_id = d.id AND v.is_active AND s.id IS NOT NULL
WHERE k.id > $3 ORDER BY k.id LIMIT 1;

-- name: put
-- Of a document that is still there, under its source's lock.
INSERT INTO document_summaries (document_id, tenant_id, version_id, job_id, method, model, summary)
SELECT d.id, d.tenant_id, $2, $3, $4, $5, $6
FROM documents d JOIN sources s ON s.id = d.source_id AND s.status = 'live' WHERE d.id = $1
ON CONFLICT (document_id) DO UPDATE SET version_id = excluded.version_id, job_id = excluded.job_id,
    method = excluded.method, model = excluded.model, summary = excluded.summary, created_at = now();

-- name: shown
SELECT m.summary AS text, m.method, m.model, m.version_id, m.created_at FROM document_summaries m
WHERE m.document_id = $2 AND m.tenant_id = $1;

-- name: unknown_documents
-- Of these the documents that the tenant does not have.
SELECT k.id FROM unnest($2::uuid[]) AS k (id)
WHERE NOT EXISTS (
    SELECT 1 FROM documents d JOIN sources s ON s.id = d.source_id AND s.status = 'live'
    WHERE d.id = k.id AND d.tenant_id = $1);
