-- Which dependencies the process misses, as it last said: tells why a job waits that only it can see (its way to
-- Weaviate is cut, its embedder fails).
ALTER TABLE workers ADD COLUMN waits_for text[] NOT NULL DEFAULT '{}';
