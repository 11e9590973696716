-- name: take_turn
-- The row lease of a task: whoever changes the row has the turn. It is free again when its time is over, or when
-- its holder gives no sign of life any more; and nobody takes it within $4 seconds of the last run, so that
-- several janitors together do no more than one.
INSERT INTO janitor_tasks AS t (name, leased_by, leased_until)
VALUES ($1, $2, now() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE SET leased_by = excluded.leased_by, leased_until = excluded.leased_until
WHERE (t.leased_until < now() OR t.leased_by = excluded.leased_by
       OR NOT EXISTS (SELECT 1 FROM workers w WHERE w.id = t.leased_by AND w.lease_until > now()))
  AND (t.last_run_at IS NULL OR t.last_run_at <= now() - make_interval(secs => $4))
RETURNING name;

-- name: end_turn
-- Of a turn that came to its end.
UPDATE janitor_tasks SET leased_until = '-infinity', last_run_at = now(), last_counts = $3 WHERE name = $1 AND leased_by = $2;

-- name: leave_turn
-- The turn is free again at once, and nothing is noted: it failed, or its counts are kept elsewhere.
UPDATE janitor_tasks SET leased_until = '-infinity' WHERE name = $1 AND leased_by = $2;

-- name: add_counts
-- What a long piece of work has done so far: added up in the transaction of each step, for its receipt.
INSERT INTO janitor_tasks AS t (name, last_counts) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET last_counts = (
    SELECT jsonb_object_agg(key, coalesce((t.last_counts ->> key)::bigint, 0)
                                 + coalesce((excluded.last_counts ->> key)::bigint, 0))
    FROM jsonb_object_keys(t.last_counts || excluded.last_counts) AS key);

-- name: take_counts
DELETE FROM janitor_tasks WHERE name = $1 RETURNING last_counts;
