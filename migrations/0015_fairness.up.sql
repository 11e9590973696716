-- What tenants may use and do use, whose turn it is in the dispatch, and what is left of a tenant that is removed.

ALTER TABLE tenants
    -- What an operator allows this tenant instead of what the settings allow everybody, by the limit's name.
    ADD COLUMN limits jsonb NOT NULL DEFAULT '{}',
    -- Deleted, and nothing but this row, its ledger and its audit log is left.
    ADD COLUMN purged_at timestamptz;
-- GET /v1/tenants, newest first; every look at all that are alive.
CREATE INDEX tenants_listed ON tenants (created_at DESC, id DESC) WHERE deleted_at IS NULL;
-- The janitor's remove_tenants, oldest request first.
CREATE INDEX tenants_going ON tenants (deleted_at) WHERE deleted_at IS NOT NULL AND purged_at IS NULL;

-- Locked last, after everything else, by whoever adds to what a tenant may have only so much of.
CREATE TABLE tenant_usage (
    tenant_id uuid PRIMARY KEY REFERENCES tenants (id),
    -- The sum of stored_uploads.
    stored_bytes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 50);

-- Originals that are kept, by the run that brought them: what stored_bytes is counted from, and given back by.
CREATE TABLE stored_uploads (
    run_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    source_id uuid NOT NULL,
    bytes bigint NOT NULL CHECK (bytes >= 0),
    stored_at timestamptz NOT NULL DEFAULT now()
);
-- Removal of a source gives back what it had.
CREATE INDEX stored_uploads_of_source ON stored_uploads (source_id);
-- Removal of a tenant; the sums.
CREATE INDEX stored_uploads_of_tenant ON stored_uploads (tenant_id) INCLUDE (bytes);

-- When a tenant's work was announced last: a number of the dispatch, so that turns have an order whatever the clock does.
CREATE SEQUENCE dispatch_turns AS bigint;
CREATE TABLE tenant_turns (
    tenant_id uuid PRIMARY KEY REFERENCES tenants (id),
    served bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE tenant_turns IS 'Written by the dispatcher alone, under the lock of dispatch_turn';

INSERT INTO stored_uploads (run_id, tenant_id, source_id, bytes, stored_at)
SELECT DISTINCT ON (j.payload ->> 'upload_uri') j.id, j.tenant_id, j.source_id,
       coalesce((j.payload ->> 'size_bytes')::bigint, 0), j.created_at
FROM jobs j
WHERE j.type = 'upload' AND j.parent_id IS NULL AND j.source_id IS NOT NULL AND j.payload ->> 'upload_uri' IS NOT NULL
  AND NOT (j.status = 'skipped' AND j.reason = 'duplicate' AND j.started_at IS NULL AND j.waits_for IS NULL)
ORDER BY j.payload ->> 'upload_uri', j.seq;
INSERT INTO tenant_usage (tenant_id, stored_bytes)
SELECT t.id, coalesce(sum(u.bytes), 0) FROM tenants t LEFT JOIN stored_uploads u ON u.tenant_id = t.id GROUP BY t.id;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['tenant_usage', 'stored_uploads', 'tenant_turns'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_of_principal ON %I USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO quern_service', t);
    END LOOP;
END
$$;
GRANT USAGE ON SEQUENCE dispatch_turns TO quern_service;
