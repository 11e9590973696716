-- What the audit of Weaviate finds is repaired by the consumers, which have the embedder.

-- An object that is served according to Postgres, and that Weaviate lacks or cannot find by its vector. It stays
-- active until a new object of the same chunk is verified: then the two change places in one transaction. No job
-- stands for it, so that the tenant's ledger counts what the tenant asked for and nothing else.
CREATE TABLE repairs (
    object_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,
    document_id uuid NOT NULL,
    chunk_id uuid NOT NULL,
    collection text NOT NULL,
    -- missing: not stored. hollow: stored, but no search by vector finds it.
    kind text NOT NULL CHECK (kind IN ('missing', 'hollow')),
    -- The consumer that indexes its chunk anew; another one takes over when that one's lease has lapsed.
    owner_id uuid,
    noted_at timestamptz NOT NULL DEFAULT now()
);
-- Consumers take the oldest first.
CREATE INDEX repairs_waiting ON repairs (collection, noted_at);
ALTER TABLE repairs ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_of_principal ON repairs USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON repairs TO quern_service;

-- What the round that is under way has found so far; missing and orphans are those of the last complete round, or
-- of this one as soon as it finds something.
ALTER TABLE audit_state
    ADD COLUMN visited_at timestamptz,
    ADD COLUMN round_missing bigint NOT NULL DEFAULT 0,
    ADD COLUMN round_orphans bigint NOT NULL DEFAULT 0;

-- The janitor's drop_abandoned: staged by a try that is over, or let go by trim_versions.
CREATE INDEX document_versions_unserved ON document_versions (created_at) WHERE activated_at IS NULL;
