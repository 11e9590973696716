-- name: page
-- GET /v1/jobs/failed, newest first (indexes failed_jobs_listed, failed_jobs_by_code); not of sources being deleted.
SELECT f.id, f.source_id, f.handler, f.payload, f.error, f.error_code, f.retries, f.retryable, f.next_retry_at, f.created_at
FROM failed_jobs f
JOIN sources s ON s.id = f.source_id AND s.status = 'live'
WHERE f.tenant_id = $1
  AND ($2::text IS NULL OR f.handler = $2)
  AND ($3::text IS NULL OR f.error_code = $3)
ORDER BY f.created_at DESC, f.id DESC LIMIT $4 OFFSET $5;

-- name: total
-- How many there are of the same; keep the conditions equal to those of `page`.
SELECT count(*) FROM failed_jobs f
JOIN sources s ON s.id = f.source_id AND s.status = 'live'
WHERE f.tenant_id = $1
  AND ($2::text IS NULL OR f.handler = $2)
  AND ($3::text IS NULL OR f.error_code = $3);
