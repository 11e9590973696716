-- A dead message is kept here first, and then goes to ingest.dead once: what is here and not there is published when
-- it is delivered again.
ALTER TABLE dead_messages ADD COLUMN published_at timestamptz;
UPDATE dead_messages SET published_at = created_at;
-- GET /v1/system/dead-messages of one topic, newest first; of all topics the primary key serves, whose ids are times.
CREATE INDEX dead_messages_of_topic ON dead_messages (topic, id DESC);
