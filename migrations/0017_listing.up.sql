-- What lists need at a million jobs: an index in their order for every filter that can be rare.

-- GET /v1/jobs and /v1/ingestion-runs with a status: few of many, such as what failed or runs now.
CREATE INDEX jobs_roots_by_status ON jobs (tenant_id, status, seq DESC) WHERE parent_id IS NULL;
-- GET /v1/jobs with a type that few have.
CREATE INDEX jobs_roots_by_type ON jobs (tenant_id, type, seq DESC) WHERE parent_id IS NULL;
-- GET /v1/documents with a status; nearly all others are active, which documents_listed serves.
CREATE INDEX documents_by_status ON documents (tenant_id, status, created_at DESC, id DESC)
    WHERE status IN ('pending', 'failed', 'retired');
-- GET /v1/documents of one source, or of the sources of a group.
CREATE INDEX documents_of_source ON documents (source_id, created_at DESC, id DESC);
-- GET /v1/sources with a type that few have, such as sites among a hundred thousand files.
CREATE INDEX sources_by_type ON sources (tenant_id, type, created_at DESC, id DESC) WHERE status <> 'deleted';
-- GET /v1/sources/{id}/pages, last fetched first.
CREATE INDEX crawl_pages_listed ON crawl_pages (source_id, fetched_at DESC NULLS LAST, url_key);

-- The principal is looked up once in a statement and not once for each row: counting what a tenant has took three times
-- as long. A function's call is inlined into the scan and repeated there; a scalar subquery is not (an InitPlan).
CREATE FUNCTION quern_principal() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
AS $$ SELECT nullif(nullif(current_setting('quern.tenant_id', true), '*'), '')::uuid $$;
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['jobs', 'sources', 'documents', 'document_versions', 'failed_jobs', 'crawl_pages', 'job_logs'] LOOP
        EXECUTE format(
            'ALTER POLICY tenant_of_principal ON %I USING '
            '((SELECT current_setting(''quern.tenant_id'', true)) = ''*'' OR tenant_id = (SELECT quern_principal()))', t);
    END LOOP;
END
$$;
