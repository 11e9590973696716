-- name: take_turn
-- The row lease of a task: whoever changes the row has the turn.
INSERT INTO janitor_tasks AS t (name, leased_by, leased_until)
VALUES ($1, $2, now() + make_interval(secs => $3))
ON CONFLICT (name) DO UPDATE SET leased_by = excluded.leased_by, leased_until = excluded.leased_until
WHERE t.leased_until < now() OR t.leased_by = excluded.leased_by
RETURNING name;

-- name: end_turn
UPDATE janitor_tasks SET leased_until = '-infinity', last_run_at = now(), last_counts = $3 WHERE name = $1 AND leased_by = $2;
