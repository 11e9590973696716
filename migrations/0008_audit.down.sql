DROP INDEX document_versions_activated;
DELETE FROM repairs WHERE kind IN ('altered', 'rebuild');
DROP INDEX repairs_of_rebuild;
ALTER TABLE repairs
    DROP COLUMN rebuild_id,
    DROP CONSTRAINT repairs_kind_check,
    ADD CONSTRAINT repairs_kind_check CHECK (kind IN ('missing', 'hollow'));
DROP TABLE rebuilds;
ALTER TABLE audit_state DROP COLUMN round_began_at, DROP COLUMN whole_round_began_at;
DROP TABLE audit_watch;
DROP FUNCTION quern_database_identity();
