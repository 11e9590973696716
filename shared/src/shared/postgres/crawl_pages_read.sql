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
