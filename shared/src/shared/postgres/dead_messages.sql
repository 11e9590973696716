-- name: add
-- The same message is kept once, however often it is delivered; what comes back says whether ingest.dead has it too.
INSERT INTO dead_messages (topic, channel, message_id, reason, body, size_bytes) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (topic, channel, message_id) DO UPDATE SET message_id = excluded.message_id
RETURNING id, published_at IS NOT NULL AS published;

-- name: mark_published
UPDATE dead_messages SET published_at = now() WHERE id = $1 AND published_at IS NULL;

-- name: forget
-- All but the newest: noise shall not fill the disk.
DELETE FROM dead_messages WHERE id IN (SELECT id FROM dead_messages ORDER BY id DESC OFFSET $1 LIMIT $2);

-- name: page
-- GET /v1/system/dead-messages, newest first (primary key, or dead_messages_of_topic); the beginning of each body.
SELECT id, topic, channel, message_id, reason, substr(body, 1, 1024) AS body, size_bytes, created_at
FROM dead_messages WHERE $1::text IS NULL OR topic = $1 ORDER BY id DESC LIMIT $2 OFFSET $3;

-- name: total
-- How many there are of the same; keep the condition equal to that of `page`.
SELECT count(*) FROM dead_messages WHERE $1::text IS NULL OR topic = $1;

-- name: one
SELECT id, topic, channel, message_id, reason, body, size_bytes, created_at FROM dead_messages WHERE id = $1;
