-- name: open
-- Nothing happens where the answer to the first commit was lost.
INSERT INTO index_batches (batch_id, tenant_id, collection, barrier_id, owner_id, objects, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, now() + make_interval(secs => $7)) ON CONFLICT DO NOTHING;

-- name: verify
-- Only an open batch whose owner was in time counts as written.
UPDATE index_batches SET state = 'verified', closed_at = now()
WHERE batch_id = $1 AND state = 'open' AND expires_at > now() RETURNING batch_id;

-- name: fail
UPDATE index_batches SET state = 'failed', closed_at = now() WHERE batch_id = ANY ($1::uuid[]) AND state = 'open'
RETURNING batch_id;

-- name: expired
SELECT batch_id FROM index_batches WHERE state = 'open' AND expires_at < now() ORDER BY expires_at LIMIT $1;

-- name: open_of_source
-- A delete waits for these to finish or expire.
SELECT count(DISTINCT b.batch_id)::integer FROM objects o JOIN index_batches b ON b.batch_id = o.batch_id
WHERE o.source_id = $1 AND o.state IN ('staged', 'deleting') AND b.state = 'open';

-- name: forget
-- Closed long ago. A batch that was not verified is remembered as long as one of its objects is: a source that is
-- removed has those deleted by id. One that is forgotten was verified.
DELETE FROM index_batches WHERE batch_id IN (
    SELECT b.batch_id FROM index_batches b
    WHERE b.state <> 'open' AND b.closed_at < now() - make_interval(secs => $1)
      AND NOT EXISTS (
          SELECT 1 FROM objects o WHERE o.batch_id = b.batch_id AND (o.state = 'staged' OR b.state <> 'verified'))
    LIMIT $2);

-- name: recent
-- Verified between two moments, newest first: what a crash of Weaviate may have taken something of.
SELECT b.batch_id, b.tenant_id, t.slug, b.collection, b.closed_at FROM index_batches b JOIN tenants t ON t.id = b.tenant_id
WHERE b.state = 'verified' AND b.closed_at >= $1 AND b.closed_at <= $2
ORDER BY b.closed_at DESC LIMIT $3;
