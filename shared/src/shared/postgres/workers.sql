-- name: beat
-- A process renews one row of its own, not its jobs, and says which dependencies it misses.
INSERT INTO workers (id, kind, instance, slots, lease_until, waits_for)
VALUES ($1, $2, $3, $4, now() + make_interval(secs => $5), $6)
ON CONFLICT (id) DO UPDATE SET beat_at = now(), lease_until = excluded.lease_until, slots = excluded.slots,
    waits_for = excluded.waits_for;

-- name: leave
-- A process that ends in order has handed back what it held.
DELETE FROM workers WHERE id = $1;

-- name: forget
-- Rows of processes that are long gone and hold nothing any more.
DELETE FROM workers w WHERE w.lease_until < now() - make_interval(secs => $1)
  AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.worker_id = w.id AND j.status = 'running');
