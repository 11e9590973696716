-- What operators look at, and how the janitor shares its work.

-- Deltas, written in the transaction of each transition; the janitor folds them. Sums over it are the ledger,
-- and the rows of jobs are compared with it, so that a row removed by hand shows as an imbalance.
CREATE TABLE ledger (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    accepted bigint NOT NULL DEFAULT 0,
    in_flight bigint NOT NULL DEFAULT 0,
    succeeded bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    cancelled bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    -- Rows that were removed on purpose since (with their source, or by a cleanup), by their last state.
    removed_succeeded bigint NOT NULL DEFAULT 0,
    removed_failed bigint NOT NULL DEFAULT 0,
    removed_cancelled bigint NOT NULL DEFAULT 0,
    removed_skipped bigint NOT NULL DEFAULT 0
);
CREATE INDEX ledger_of_tenant ON ledger (tenant_id);

CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    ts timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    action text NOT NULL,
    target text NOT NULL,
    outcome text NOT NULL,
    detail jsonb NOT NULL DEFAULT '{}'
);
CREATE INDEX audit_log_listed ON audit_log (tenant_id, id DESC);

CREATE TABLE dead_messages (
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    topic text NOT NULL,
    channel text NOT NULL,
    -- nsqd's id of the message: the same one is kept once.
    message_id text NOT NULL,
    reason text NOT NULL,
    -- At most the first 64 KiB.
    body bytea NOT NULL,
    size_bytes integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (topic, channel, message_id)
);
COMMENT ON TABLE dead_messages IS 'Messages that could not be understood, so that no tenant is known for them';
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_messages TO quern_service;

-- A janitor task owns its turn by a row lease; two acting at once are harmless.
CREATE TABLE janitor_tasks (
    name text PRIMARY KEY,
    leased_by uuid,
    leased_until timestamptz NOT NULL DEFAULT '-infinity',
    last_run_at timestamptz,
    last_counts jsonb NOT NULL DEFAULT '{}'
);
GRANT SELECT, INSERT, UPDATE, DELETE ON janitor_tasks TO quern_service;

-- What the audit of Postgres against Weaviate found, and where its rolling scan stands.
CREATE TABLE audit_state (
    tenant_id uuid NOT NULL,
    collection text NOT NULL,
    scan_after uuid,
    checked_at timestamptz,
    missing bigint NOT NULL DEFAULT 0,
    orphans bigint NOT NULL DEFAULT 0,
    repaired bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, collection)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['ledger', 'audit_log', 'audit_state'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_of_principal ON %I USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO quern_service', t);
    END LOOP;
END
$$;
