-- name: move
-- Deltas of transitions, written in the transaction of the transition.
INSERT INTO ledger (tenant_id, accepted, in_flight, succeeded, failed, cancelled, skipped)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[]);

-- name: remove
-- Rows that go on purpose stay counted.
INSERT INTO ledger (tenant_id, removed_succeeded, removed_failed, removed_cancelled, removed_skipped)
VALUES ($1, $2, $3, $4, $5);

-- name: fold
-- Many deltas become one row for each tenant. Readers sum either before or after, never in between.
WITH taken AS (
    DELETE FROM ledger WHERE id IN (SELECT id FROM ledger ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED) RETURNING *
), folded AS (
    INSERT INTO ledger (
        tenant_id, accepted, in_flight, succeeded, failed, cancelled, skipped,
        removed_succeeded, removed_failed, removed_cancelled, removed_skipped)
    SELECT tenant_id, sum(accepted), sum(in_flight), sum(succeeded), sum(failed), sum(cancelled), sum(skipped),
           sum(removed_succeeded), sum(removed_failed), sum(removed_cancelled), sum(removed_skipped)
    FROM taken GROUP BY tenant_id RETURNING 1
)
SELECT (SELECT count(*) FROM taken) - (SELECT count(*) FROM folded) AS folded;

-- name: imbalance
-- Deltas against rows, all tenants: the sum of all differences, 0 when nothing is missing or too many.
WITH sums AS (
    SELECT tenant_id, sum(accepted) AS accepted, sum(in_flight) AS in_flight,
           sum(succeeded) AS succeeded, sum(failed) AS failed, sum(cancelled) AS cancelled, sum(skipped) AS skipped,
           sum(removed_succeeded) AS removed_succeeded, sum(removed_failed) AS removed_failed,
           sum(removed_cancelled) AS removed_cancelled, sum(removed_skipped) AS removed_skipped
    FROM ledger GROUP BY tenant_id
), counted AS (
    SELECT tenant_id,
           count(*) FILTER (WHERE status IN ('queued', 'running')) AS in_flight,
           count(*) FILTER (WHERE status = 'succeeded') AS succeeded,
           count(*) FILTER (WHERE status = 'failed') AS failed,
           count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE status = 'skipped') AS skipped
    FROM jobs GROUP BY tenant_id
)
SELECT coalesce(sum(
    abs(coalesce(s.accepted, 0) - coalesce(s.in_flight + s.succeeded + s.failed + s.cancelled + s.skipped, 0))
    + abs(coalesce(s.in_flight, 0) - coalesce(c.in_flight, 0))
    + abs(coalesce(s.succeeded - s.removed_succeeded, 0) - coalesce(c.succeeded, 0))
    + abs(coalesce(s.failed - s.removed_failed, 0) - coalesce(c.failed, 0))
    + abs(coalesce(s.cancelled - s.removed_cancelled, 0) - coalesce(c.cancelled, 0))
    + abs(coalesce(s.skipped - s.removed_skipped, 0) - coalesce(c.skipped, 0))), 0)::bigint AS imbalance
FROM sums s FULL JOIN counted c ON c.tenant_id = s.tenant_id;

-- name: rows_to_fold
-- Whether there is anything to fold: more rows than tenants.
SELECT (SELECT count(*) FROM (SELECT 1 FROM ledger LIMIT $1) found)::integer
    - (SELECT count(*) FROM tenants)::integer AS spare;
