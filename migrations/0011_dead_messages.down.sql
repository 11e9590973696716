DROP INDEX dead_messages_of_topic;
ALTER TABLE dead_messages DROP COLUMN published_at;
