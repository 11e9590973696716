-- name: places
-- Where Weaviate is compared with Postgres, the longest unvisited place first.
SELECT t.id AS tenant_id, t.slug, c.name AS collection, a.scan_after, now() AS moment FROM tenants t CROSS JOIN collections c
LEFT JOIN audit_state a ON a.tenant_id = t.id AND a.collection = c.name
WHERE t.deleted_at IS NULL ORDER BY a.visited_at NULLS FIRST, t.id, c.name LIMIT $1;

-- name: begin_rounds
-- All rounds begin anew, so that each of them compares everything from now on.
UPDATE audit_state SET scan_after = NULL, round_began_at = NULL, round_missing = 0, round_orphans = 0;

-- name: advance
-- A slice was compared. What it found shows at once; a round that found nothing says so when it is complete. $7 is
-- when the round began, where this was its first slice: before anything of it was read.
INSERT INTO audit_state AS a (
    tenant_id, collection, scan_after, visited_at, checked_at, round_missing, round_orphans, missing, orphans, repaired,
    round_began_at, whole_round_began_at)
VALUES ($1, $2, $3, now(), CASE WHEN $3::uuid IS NULL THEN now() END,
    CASE WHEN $3::uuid IS NULL THEN 0 ELSE $4::bigint END, CASE WHEN $3::uuid IS NULL THEN 0 ELSE $5::bigint END,
    $4, $5, $6, $7, CASE WHEN $3::uuid IS NULL THEN $7::timestamptz END)
ON CONFLICT (tenant_id, collection) DO UPDATE SET
    scan_after = excluded.scan_after,
    visited_at = excluded.visited_at,
    checked_at = coalesce(excluded.checked_at, a.checked_at),
    round_began_at = coalesce($7, a.round_began_at),
    whole_round_began_at = CASE
        WHEN $3::uuid IS NULL THEN coalesce($7, a.round_began_at, a.whole_round_began_at) ELSE a.whole_round_began_at END,
    round_missing = CASE WHEN $3::uuid IS NULL THEN 0 ELSE a.round_missing + $4 END,
    round_orphans = CASE WHEN $3::uuid IS NULL THEN 0 ELSE a.round_orphans + $5 END,
    missing = CASE WHEN $3::uuid IS NULL OR $4 > 0 THEN a.round_missing + $4 ELSE a.missing END,
    orphans = CASE WHEN $3::uuid IS NULL OR $5 > 0 THEN a.round_orphans + $5 ELSE a.orphans END,
    repaired = a.repaired + $6;

-- name: pass_over
-- It could not be compared now: nothing but its place in the line changes.
INSERT INTO audit_state (tenant_id, collection, visited_at) VALUES ($1, $2, now())
ON CONFLICT (tenant_id, collection) DO UPDATE SET visited_at = excluded.visited_at;

-- name: count_repaired
INSERT INTO audit_state AS a (tenant_id, collection, repaired)
SELECT k.tenant_id, k.collection, k.repaired FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS k (tenant_id, collection, repaired)
ON CONFLICT (tenant_id, collection) DO UPDATE SET repaired = a.repaired + excluded.repaired;

-- name: figures
-- Of all tenants, for the metrics; and for how long nothing superseded is deleted, because everything is compared.
SELECT coalesce(sum(missing), 0)::bigint AS missing, coalesce(sum(orphans), 0)::bigint AS orphans,
       coalesce((SELECT extract(epoch FROM now() - w.full_since)::float8 FROM audit_watch w), 0) AS full_seconds
FROM audit_state;
