-- name: count
-- One more attempt, counted before it is known how it ends, so that many at once count as many.
INSERT INTO login_attempts AS a (key, failures, window_ends_at)
VALUES ($1, 1, now() + $2::double precision * interval '1 second')
ON CONFLICT (key) DO UPDATE SET
    failures = CASE WHEN a.window_ends_at <= now() THEN 1 ELSE a.failures + 1 END,
    window_ends_at = CASE WHEN a.window_ends_at <= now() THEN EXCLUDED.window_ends_at ELSE a.window_ends_at END
RETURNING failures, extract(epoch FROM window_ends_at - now())::double precision AS seconds_left;

-- name: clear
DELETE FROM login_attempts WHERE key = $1;

-- name: take_back
UPDATE login_attempts SET failures = greatest(failures - 1, 0) WHERE key = $1;

-- name: forget
DELETE FROM login_attempts
WHERE key IN (SELECT key FROM login_attempts WHERE window_ends_at < now() ORDER BY window_ends_at LIMIT $1);
