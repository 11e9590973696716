-- name: hold
-- What the run missed of a slice of the source's documents.
INSERT INTO held_pages (run_id, document_id, tenant_id, source_id, seen_in)
SELECT $2, d.id, d.tenant_id, d.source_id, p.run_id
FROM documents d LEFT JOIN crawl_pages p ON p.source_id = d.source_id AND p.url_key = d.source_uri
WHERE d.source_id = $1 AND d.status = 'active' AND d.source_uri > $5 AND d.source_uri <= $6
  AND CASE WHEN p.run_id = $2 THEN coalesce(p.job_id IS NOT NULL AND (
        (p.fate = 'skipped' AND p.reason = ANY ($4::text[]))
        OR (p.document_id <> d.id AND (p.fate = 'succeeded' OR p.reason = 'unchanged'))), false)
    ELSE $3 END;

-- name: next
-- The next held documents of a run, and whether they are still missed: no other run has taken the page since, and in
-- this one it was not found when it was tried again.
SELECT h.document_id, coalesce(v.chunk_count, 0) AS chunks,
       d.status = 'active' AND p.run_id IS NOT DISTINCT FROM h.seen_in AND CASE WHEN p.run_id = h.run_id
           THEN (p.fate = 'skipped' AND p.reason = ANY ($3::text[]))
               OR (p.document_id <> d.id AND (p.fate = 'succeeded' OR p.reason = 'unchanged'))
           ELSE true END AS missed
FROM (SELECT run_id, document_id, seen_in FROM held_pages WHERE run_id = $1 LIMIT $2) h
LEFT JOIN documents d ON d.id = h.document_id
LEFT JOIN crawl_pages p ON p.source_id = d.source_id AND p.url_key = d.source_uri
LEFT JOIN document_versions v ON v.document_id = d.id AND v.is_active
ORDER BY h.document_id;

-- name: drop
DELETE FROM held_pages WHERE run_id = $1 AND document_id = ANY ($2::uuid[]);

-- name: drop_of_runs
-- Decided, or the run is removed.
DELETE FROM held_pages WHERE run_id = ANY ($1::uuid[]);

-- name: drop_of_source
DELETE FROM held_pages WHERE (run_id, document_id) IN (
    SELECT h.run_id, h.document_id FROM prunes p JOIN held_pages h ON h.run_id = p.run_id
    WHERE p.source_id = $1 LIMIT $2);
