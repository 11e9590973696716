-- name: take
-- The next errand that is due: of the tenant that has the fewest at work, the one that has waited longest. What this
-- process has already and does not know of ($2 is what it knows) comes first: the answer to the commit was lost.
WITH busy AS (
    SELECT tenant_id, count(*) AS errands FROM jobs
    WHERE status = 'running' AND type IN ('cleanup', 'summarizer', 'reembed') GROUP BY tenant_id
), next AS (
    SELECT j.id FROM jobs j
    LEFT JOIN busy b ON b.tenant_id = j.tenant_id
    LEFT JOIN sources s ON s.id = j.source_id
    WHERE j.type IN ('cleanup', 'summarizer', 'reembed')
      AND ((j.status = 'queued' AND j.available_at <= now() AND coalesce(s.status, 'live') = 'live')
           OR (j.status = 'running' AND j.stage = 'claimed' AND j.worker_id = $1 AND j.id <> ALL ($2::uuid[])))
      AND EXISTS (SELECT 1 FROM workers w WHERE w.id = $1 AND w.lease_until > now())
    ORDER BY (j.status = 'running') DESC, coalesce(b.errands, 0), j.updated_at, j.seq
    LIMIT 1 FOR NO KEY UPDATE OF j SKIP LOCKED
)
UPDATE jobs j SET status = 'running', stage = 'claimed', worker_id = $1, started_at = coalesce(j.started_at, now()),
    updated_at = now(),
    deadline_at = CASE WHEN j.status = 'running' THEN j.deadline_at ELSE now() + make_interval(secs => $3) END
FROM next n WHERE j.id = n.id
RETURNING j.id, j.epoch, j.tenant_id, j.type, j.source_id, j.attempt, j.max_attempts, j.retries, j.request_id,
    j.payload, j.stats, j.total, j.succeeded, j.failed, j.skipped;

-- name: any_waits
-- Whether an errand waits for somebody who has time.
SELECT EXISTS (
    SELECT 1 FROM jobs WHERE status = 'queued' AND type IN ('cleanup', 'summarizer', 'reembed') AND available_at <= now());

-- name: hold
-- This try, if it is still this process's: locked against whoever cancels or reclaims it.
SELECT id, stats, total, succeeded, failed, skipped FROM jobs
WHERE id = $1 AND epoch = $2 AND worker_id = $3 AND status = 'running' AND stage = 'claimed' FOR NO KEY UPDATE;

-- name: progress
-- How far it is, under its lock; and it shows life, so that its deadline moves on.
UPDATE jobs SET total = $2, succeeded = $3, failed = $4, skipped = $5, stats = stats || $6, attempt = $7,
    updated_at = now(), deadline_at = now() + make_interval(secs => $8)
WHERE id = $1;

-- name: open_reembed
-- The errand that has the index of a source made anew already.
SELECT id FROM jobs
WHERE source_id = $1 AND parent_id IS NULL AND type = 'reembed' AND status IN ('queued', 'running') ORDER BY seq LIMIT 1;
