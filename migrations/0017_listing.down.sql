DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['jobs', 'sources', 'documents', 'document_versions', 'failed_jobs', 'crawl_pages', 'job_logs'] LOOP
        EXECUTE format('ALTER POLICY tenant_of_principal ON %I USING (quern_visible(tenant_id))', t);
    END LOOP;
END
$$;
DROP FUNCTION quern_principal();
DROP INDEX crawl_pages_listed;
DROP INDEX sources_by_type;
DROP INDEX documents_of_source;
DROP INDEX documents_by_status;
DROP INDEX jobs_roots_by_type;
DROP INDEX jobs_roots_by_status;
