DROP INDEX document_versions_unserved;
ALTER TABLE audit_state DROP COLUMN round_orphans, DROP COLUMN round_missing, DROP COLUMN visited_at;
DROP TABLE repairs;
