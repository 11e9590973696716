-- The mass-delete breaker: what a crawl found gone, where it is too much to be retired without asking.

CREATE TABLE prunes (
    -- The crawl; removed with it.
    run_id uuid PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    source_id uuid NOT NULL REFERENCES sources (id),
    -- held: served until a person decides. approved: being retired, by the janitor too (also where nobody had to be
    -- asked, but there are many). rejected: kept. superseded: a later crawl has looked anew.
    state text NOT NULL CHECK (state IN ('held', 'approved', 'rejected', 'superseded')),
    -- Documents that were held, and that were served at that moment.
    pages integer NOT NULL,
    served integer NOT NULL,
    retired integer NOT NULL DEFAULT 0,
    noted_at timestamptz NOT NULL DEFAULT now(),
    decided_at timestamptz,
    decided_by text,
    -- Nothing is left to do about it.
    finished_at timestamptz
);
-- A later crawl of the source supersedes what is held; GET /v1/sources/{id}/pages?status=held; removal with the source.
CREATE INDEX prunes_of_source ON prunes (source_id);
-- The figures of what waits.
CREATE INDEX prunes_held ON prunes (tenant_id) WHERE state = 'held';
-- The janitor's prune_pages.
CREATE INDEX prunes_unfinished ON prunes (run_id) WHERE state = 'approved' AND finished_at IS NULL;
-- GET /v1/prunes, newest first.
CREATE INDEX prunes_listed ON prunes (tenant_id, noted_at DESC, run_id DESC);

-- The documents, until each is retired or all are kept. There may be hundreds of thousands, written in one transaction,
-- so that they carry no foreign keys: whoever removes a run or a source removes them.
CREATE TABLE held_pages (
    run_id uuid NOT NULL,
    document_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,
    -- The run that had seen its page last: another one by now means that it was found again.
    seen_in uuid,
    PRIMARY KEY (run_id, document_id)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['prunes', 'held_pages'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_of_principal ON %I USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO quern_service', t);
    END LOOP;
END
$$;
