-- name: add
-- The same message is kept once, however often it is delivered.
INSERT INTO dead_messages (topic, channel, message_id, reason, body, size_bytes) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (topic, channel, message_id) DO NOTHING RETURNING id;
