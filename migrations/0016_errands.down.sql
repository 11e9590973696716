DROP TABLE document_summaries;
UPDATE rebuilds SET reason = 'collection_changed' WHERE reason = 'cancelled';
ALTER TABLE rebuilds
    DROP CONSTRAINT rebuilds_reason_check,
    ADD CONSTRAINT rebuilds_reason_check CHECK (reason IN ('collection_changed')),
    DROP COLUMN job_id;
DROP INDEX failed_jobs_of_root;
DROP INDEX jobs_ended_roots;
DROP INDEX jobs_running_errands;
DROP INDEX jobs_queued_errands;
