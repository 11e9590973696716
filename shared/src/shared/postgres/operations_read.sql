-- name: stats
-- GET /v1/stats: live sources, their documents with an active version, their dead jobs.
SELECT
    (SELECT count(*) FROM sources s WHERE s.tenant_id = $1 AND s.status = 'live') AS sources,
    (SELECT count(*) FROM document_versions v JOIN sources s ON s.id = v.source_id AND s.status = 'live'
     WHERE v.tenant_id = $1 AND v.is_active) AS documents,
    (SELECT count(*) FROM failed_jobs f JOIN sources s ON s.id = f.source_id AND s.status = 'live'
     WHERE f.tenant_id = $1) AS failed_jobs;

-- name: ledger
-- GET /v1/system/ledger: the sums of all deltas, and the rows that they must agree with, at one instant.
WITH sums AS (
    SELECT coalesce(sum(l.accepted), 0)::bigint AS accepted, coalesce(sum(l.in_flight), 0)::bigint AS in_flight,
           coalesce(sum(l.succeeded), 0)::bigint AS succeeded, coalesce(sum(l.failed), 0)::bigint AS failed,
           coalesce(sum(l.cancelled), 0)::bigint AS cancelled, coalesce(sum(l.skipped), 0)::bigint AS skipped,
           coalesce(sum(l.removed_succeeded), 0)::bigint AS removed_succeeded,
           coalesce(sum(l.removed_failed), 0)::bigint AS removed_failed,
           coalesce(sum(l.removed_cancelled), 0)::bigint AS removed_cancelled,
           coalesce(sum(l.removed_skipped), 0)::bigint AS removed_skipped
    FROM ledger l WHERE l.tenant_id = $1
), counted AS (
    SELECT count(*) FILTER (WHERE j.status IN ('queued', 'running')) AS in_flight,
           count(*) FILTER (WHERE j.status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE j.status = 'failed') AS failed,
           count(*) FILTER (WHERE j.status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE j.status = 'skipped') AS skipped
    FROM jobs j WHERE j.tenant_id = $1
), audit AS (
    SELECT max(a.checked_at) AS checked_at, coalesce(sum(a.missing), 0)::bigint AS missing,
           coalesce(sum(a.orphans), 0)::bigint AS orphans, coalesce(sum(a.repaired), 0)::bigint AS repaired
    FROM audit_state a WHERE a.tenant_id = $1
)
SELECT s.accepted, s.succeeded, s.failed, s.cancelled, s.skipped, s.in_flight,
       s.accepted = s.succeeded + s.failed + s.cancelled + s.skipped + s.in_flight
       AND c.in_flight = s.in_flight
       AND c.succeeded = s.succeeded - s.removed_succeeded
       AND c.failed = s.failed - s.removed_failed
       AND c.cancelled = s.cancelled - s.removed_cancelled
       AND c.skipped = s.skipped - s.removed_skipped AS balanced,
       a.checked_at, a.missing, a.orphans, a.repaired
FROM sums s, counted c, audit a;

-- name: workers
-- Every process that gave a sign of life lately, or lost its lease within the last minute.
SELECT w.kind, w.lease_until > now() AS alive, w.started_at, w.lease_until FROM workers w
WHERE w.lease_until > now() - interval '1 minute'
ORDER BY w.kind, w.started_at;

-- name: server_version
SHOW server_version;
