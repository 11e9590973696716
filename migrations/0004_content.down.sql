DROP TABLE objects;
DROP TABLE index_batches;
DROP TABLE collections;
DROP TABLE version_chunks;
DROP TABLE chunks;
