-- The audit keeps in rows what it has compared, with which Weaviate and on behalf of which Postgres; and the index is
-- rebuilt on demand by the way that repairs it.

-- Which database this is: another server, another timeline (after a failover or a recovery to a point in time) or
-- another database is another text. Managed servers keep parts of it to themselves.
CREATE FUNCTION quern_database_identity() RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
    server text := '';
    timeline text := '';
BEGIN
    BEGIN
        server := (SELECT system_identifier FROM pg_control_system());
    EXCEPTION
        WHEN insufficient_privilege OR feature_not_supported OR undefined_function THEN NULL;
    END;
    BEGIN
        timeline := left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
    EXCEPTION
        WHEN insufficient_privilege OR feature_not_supported OR undefined_function THEN NULL;
    END;
    RETURN concat_ws(':', server, timeline, (SELECT oid FROM pg_database WHERE datname = current_database()));
END
$$;

-- One row: nothing in it belongs to a tenant.
CREATE TABLE audit_watch (
    is_single boolean PRIMARY KEY DEFAULT true CHECK (is_single),
    -- quern_database_identity() at the last look.
    database_identity text NOT NULL,
    -- The mark: each look counts turn up and writes it into Weaviate, which keeps what a restored Postgres has
    -- forgotten. marked is what Weaviate was last seen to have.
    history uuid NOT NULL,
    turn bigint NOT NULL DEFAULT 1,
    marked bigint NOT NULL DEFAULT 0,
    -- The starts of Weaviate as last seen, and when they were seen to be so.
    weaviate_starts text NOT NULL,
    weaviate_seen_at timestamptz NOT NULL DEFAULT now(),
    -- Batches that were verified between these two moments are verified again, newest first; null: none.
    recheck_from timestamptz,
    recheck_to timestamptz,
    -- Versions that were activated up to here have been looked at.
    changed_at timestamptz NOT NULL DEFAULT now(),
    changed_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- Everything is being compared since; until each place had a whole round, nothing superseded is deleted.
    full_since timestamptz,
    full_reason text NOT NULL DEFAULT ''
);
GRANT SELECT, INSERT, UPDATE, DELETE ON audit_watch TO quern_service;

-- When the round that is under way began, and when the last complete one did.
ALTER TABLE audit_state
    ADD COLUMN round_began_at timestamptz,
    ADD COLUMN whole_round_began_at timestamptz;

-- A wish to index everything of a tenant, or of one of its sources, anew from the rows.
CREATE TABLE rebuilds (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    -- Null: all sources.
    source_id uuid,
    requested_at timestamptz NOT NULL DEFAULT now(),
    -- How many objects there were to replace when it was asked for; how many of them have been noted so far.
    total bigint NOT NULL,
    noted bigint NOT NULL DEFAULT 0,
    -- Objects up to this id have been noted; null: all of them.
    noted_up_to uuid DEFAULT '00000000-0000-0000-0000-000000000000',
    finished_at timestamptz
);
-- At most one open wish for the same.
CREATE UNIQUE INDEX rebuilds_open ON rebuilds (tenant_id, source_id) NULLS NOT DISTINCT WHERE finished_at IS NULL;
-- Forgotten after a while.
CREATE INDEX rebuilds_finished ON rebuilds (finished_at) WHERE finished_at IS NOT NULL;
ALTER TABLE rebuilds ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_of_principal ON rebuilds USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON rebuilds TO quern_service;

ALTER TABLE repairs
    ADD COLUMN rebuild_id uuid,
    DROP CONSTRAINT repairs_kind_check,
    -- altered: stored with another chunk, source, document, batch or type than its row's, so that filters lie.
    -- rebuild: sound; somebody wished it to be made anew.
    ADD CONSTRAINT repairs_kind_check CHECK (kind IN ('missing', 'hollow', 'altered', 'rebuild'));
-- How far a rebuild is.
CREATE INDEX repairs_of_rebuild ON repairs (rebuild_id) WHERE rebuild_id IS NOT NULL;

-- The audit of what changed: versions by the time of their activation.
CREATE INDEX document_versions_activated ON document_versions (activated_at, id) WHERE is_active;
