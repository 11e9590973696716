-- name: page
-- The coverage ledger of a source, last fetched first. A page that a job stands for is as far as that job is.
SELECT p.url, CASE WHEN p.fate = 'queued' THEN coalesce(j.status, p.fate) ELSE p.fate END AS status,
       p.reason, p.depth, p.http_status, p.content_hash, p.document_id, p.fetched_at
FROM crawl_pages p
LEFT JOIN jobs j ON j.id = p.job_id AND p.fate = 'queued'
WHERE p.source_id = $2 AND p.tenant_id = $1
  AND ($3::text IS NULL OR $3 = CASE WHEN p.fate = 'queued' THEN coalesce(j.status, p.fate) ELSE p.fate END)
ORDER BY p.fetched_at DESC NULLS LAST, p.url_key LIMIT $4 OFFSET $5;

-- name: total
-- How many there are of the same; keep the conditions equal to those of `page`.
SELECT count(*) FROM crawl_pages p
LEFT JOIN jobs j ON j.id = p.job_id AND p.fate = 'queued'
WHERE p.source_id = $2 AND p.tenant_id = $1
  AND ($3::text IS NULL OR $3 = CASE WHEN p.fate = 'queued' THEN coalesce(j.status, p.fate) ELSE p.fate END);

-- name: held
-- Pages of a source that seem to be gone and are kept until somebody decides (index prunes_of_source).
SELECT coalesce(p.url, d.url, d.source_uri) AS url, coalesce(p.fate, 'succeeded') AS status, p.reason,
       coalesce(p.depth, 0) AS depth, p.http_status, p.content_hash, d.id AS document_id, p.fetched_at
FROM prunes r
JOIN held_pages h ON h.run_id = r.run_id
JOIN documents d ON d.id = h.document_id
LEFT JOIN crawl_pages p ON p.source_id = d.source_id AND p.url_key = d.source_uri
WHERE r.source_id = $2 AND r.tenant_id = $1 AND r.state = 'held'
ORDER BY h.run_id, h.document_id LIMIT $3 OFFSET $4;

-- name: held_total
-- How many there are of the same.
SELECT count(*) FROM prunes r JOIN held_pages h ON h.run_id = r.run_id
WHERE r.source_id = $2 AND r.tenant_id = $1 AND r.state = 'held';
