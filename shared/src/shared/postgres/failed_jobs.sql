-- name: add
-- Every failed unit of ingestion work, with the payload that replays it.
INSERT INTO failed_jobs (
    id, tenant_id, root_id, source_id, handler, payload, error, error_code, retryable, attempts, retries, next_retry_at)
SELECT j.id, j.tenant_id, j.root_id, j.source_id, j.handler, j.payload, coalesce(j.error, ''), coalesce(j.error_code, 'internal_error'),
       k.retryable, j.attempt, j.retries, now() + make_interval(secs => k.dead_retry_after)
FROM jobs j JOIN unnest($1::uuid[], $2::boolean[], $3::double precision[]) AS k (id, retryable, dead_retry_after) ON k.id = j.id
WHERE j.status = 'failed' AND j.handler IS NOT NULL
ON CONFLICT (id) DO UPDATE SET
    error = excluded.error, error_code = excluded.error_code, retryable = excluded.retryable,
    attempts = excluded.attempts, retries = excluded.retries, next_retry_at = excluded.next_retry_at, created_at = now();

-- name: drop
DELETE FROM failed_jobs WHERE id = ANY ($1::uuid[]);

-- name: meant
-- A slice of the dead jobs that a request for many means, oldest first, behind the last one seen; what fails after it
-- was asked is not meant. What may not run (its run was cancelled, its source goes) is passed over.
SELECT f.id, f.created_at, coalesce($4::timestamptz, now()) AS asked_at
FROM failed_jobs f
JOIN sources s ON s.id = f.source_id AND s.status = 'live'
JOIN jobs r ON r.id = f.root_id AND r.status <> 'cancelled'
WHERE f.tenant_id = $1 AND ($2::uuid[] IS NULL OR f.id = ANY ($2)) AND ($3::text IS NULL OR f.error_code = $3)
  AND f.created_at <= coalesce($4, now())
  AND (f.created_at, f.id) > (coalesce($5::timestamptz, '-infinity'), coalesce($6::uuid, '00000000-0000-0000-0000-000000000000'))
ORDER BY f.created_at, f.id LIMIT $7;

-- name: meant_still
-- How many of the same are left; keep the conditions equal to those of `meant`.
SELECT count(*) FROM failed_jobs f
JOIN sources s ON s.id = f.source_id AND s.status = 'live'
JOIN jobs r ON r.id = f.root_id AND r.status <> 'cancelled'
WHERE f.tenant_id = $1 AND ($2::uuid[] IS NULL OR f.id = ANY ($2)) AND ($3::text IS NULL OR f.error_code = $3)
  AND f.created_at <= $4 AND (f.created_at, f.id) > ($5, $6::uuid);

-- name: due
-- Dead jobs whose class allows an automatic retry.
SELECT id, tenant_id FROM failed_jobs WHERE next_retry_at <= now() ORDER BY next_retry_at LIMIT $1;

-- name: drop_of_source
DELETE FROM failed_jobs WHERE id IN (SELECT id FROM failed_jobs WHERE source_id = $1 LIMIT $2);

-- name: still_due
-- The same, looked at again under the locks: another janitor may have retried it, and it may have failed anew.
SELECT id FROM failed_jobs WHERE id = ANY ($1::uuid[]) AND next_retry_at <= now();

-- name: leave_to_people
-- Due, but it may not run (its run was cancelled, its source goes): not looked at again and again.
UPDATE failed_jobs SET next_retry_at = NULL WHERE id = ANY ($1::uuid[]) AND next_retry_at <= now();
