-- name: reserve_slot
-- The next moment at which this host may be asked, in seconds from now; slots are handed out once.
INSERT INTO hosts (key, next_slot_at, pace_seconds) VALUES ($1, now() + make_interval(secs => $2), $2)
ON CONFLICT (key) DO UPDATE SET
    next_slot_at = greatest(hosts.next_slot_at, now()) + make_interval(secs => $2), pace_seconds = $2
RETURNING extract(epoch FROM next_slot_at - now())::double precision - $2 AS wait_seconds;

-- name: robots
SELECT robots_status, robots_body FROM hosts WHERE key = $1 AND robots_expires_at > now();

-- name: keep_robots
INSERT INTO hosts (key, robots_status, robots_body, robots_fetched_at, robots_expires_at)
VALUES ($1, $2, $3, now(), now() + make_interval(secs => $4))
ON CONFLICT (key) DO UPDATE SET
    robots_status = excluded.robots_status, robots_body = excluded.robots_body,
    robots_fetched_at = excluded.robots_fetched_at, robots_expires_at = excluded.robots_expires_at;

-- name: forget
-- Hosts that nobody asked for long.
DELETE FROM hosts WHERE key IN (
    SELECT key FROM hosts WHERE next_slot_at < now() - make_interval(secs => $1)
      AND (robots_expires_at IS NULL OR robots_expires_at < now()) LIMIT $2);
