-- Errands: jobs of the types cleanup, summarizer and reembed, which the janitor does step by step from their rows.

-- The next errands, in order; the handler is for work that goes through ingest.task.
CREATE INDEX jobs_queued_errands ON jobs (updated_at)
    WHERE status = 'queued' AND type IN ('cleanup', 'summarizer', 'reembed');
-- Which of them are at work: few at any time.
CREATE INDEX jobs_running_errands ON jobs (tenant_id)
    WHERE status = 'running' AND type IN ('cleanup', 'summarizer', 'reembed');
-- What a cleanup, or the retention, may remove: ended root jobs of a tenant, the oldest first.
CREATE INDEX jobs_ended_roots ON jobs (tenant_id, finished_at, id) WHERE parent_id IS NULL AND finished_at IS NOT NULL;
-- Whether a run still has dead jobs.
CREATE INDEX failed_jobs_of_root ON failed_jobs (root_id);

ALTER TABLE rebuilds
    -- The errand that asked for it; it ends with that one.
    ADD COLUMN job_id uuid,
    DROP CONSTRAINT rebuilds_reason_check,
    -- cancelled: the errand that asked for it is over.
    ADD CONSTRAINT rebuilds_reason_check CHECK (reason IN ('collection_changed', 'cancelled'));

-- The last summary of a document; of which version it is tells whether it is up to date.
CREATE TABLE document_summaries (
    document_id uuid PRIMARY KEY REFERENCES documents (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    version_id uuid NOT NULL,
    job_id uuid NOT NULL,
    -- extractive: sentences of the document itself. model: written by the endpoint that is set.
    method text NOT NULL CHECK (method IN ('extractive', 'model')),
    model text,
    summary text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE document_summaries ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_of_principal ON document_summaries
    USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON document_summaries TO quern_service;
