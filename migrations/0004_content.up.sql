-- Chunks (logical, in Postgres) and objects (one attempt each to index a chunk in Weaviate).
-- These three grow by thousands of rows a second, so they carry no foreign keys: the transactions that
-- write them hold the source's lock, and the removal of a source empties them by source_id.

CREATE TABLE chunks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,
    document_id uuid NOT NULL,
    heading_path text[] NOT NULL DEFAULT '{}',
    text text NOT NULL
);
-- Removal of a source's content; the janitor's trim_versions looks for chunks that no version has.
CREATE INDEX chunks_of_source ON chunks (source_id, document_id);

CREATE TABLE version_chunks (
    version_id uuid NOT NULL,
    ordinal integer NOT NULL,
    chunk_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    -- Where this version has it: what may change while the chunk stays the same.
    page integer,
    row integer,
    PRIMARY KEY (version_id, ordinal)
);
-- From a hit to its place in the active version; chunks that no version has.
CREATE INDEX version_chunks_of_chunk ON version_chunks (chunk_id);

CREATE TABLE collections (
    name text PRIMARY KEY,
    model text NOT NULL,
    dimensions integer NOT NULL,
    is_current boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE collections IS 'Weaviate collections of the installation; tenants live inside them';
CREATE UNIQUE INDEX collections_current ON collections (is_current) WHERE is_current;
GRANT SELECT, INSERT, UPDATE, DELETE ON collections TO quern_service;

CREATE TABLE index_batches (
    batch_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    collection text NOT NULL,
    barrier_id uuid NOT NULL,
    -- open: may still be written to. verified: every object is found by its vector. failed: its ids are deleted.
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'verified', 'failed')),
    owner_id uuid NOT NULL,
    objects integer NOT NULL,
    -- After this moment its owner may not write any more.
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz
);
-- expire_batches; verification again of recent batches after a restart of Weaviate.
CREATE INDEX index_batches_open ON index_batches (expires_at) WHERE state = 'open';
CREATE INDEX index_batches_recent ON index_batches (closed_at) WHERE state = 'verified';

CREATE TABLE objects (
    object_id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL,
    source_id uuid NOT NULL,
    document_id uuid NOT NULL,
    chunk_id uuid NOT NULL,
    collection text NOT NULL,
    batch_id uuid NOT NULL,
    -- staged -> active -> superseded -> deleting; superseded may become active again, deleting never.
    -- A row in deleting is a tombstone: it outlives its source until purge_at.
    state text NOT NULL DEFAULT 'staged' CHECK (state IN ('staged', 'active', 'superseded', 'deleting')),
    created_at timestamptz NOT NULL DEFAULT now(),
    activated_at timestamptz,
    superseded_at timestamptz,
    -- When Weaviate was told to delete it for the first time.
    deleted_at timestamptz,
    -- It is deleted once more after this moment, then the row goes.
    purge_at timestamptz
);
-- P4: one object for each chunk.
CREATE UNIQUE INDEX objects_active ON objects (chunk_id, collection) WHERE state = 'active';
-- Which chunks of a version have an object already.
CREATE INDEX objects_of_chunk ON objects (chunk_id);
CREATE INDEX objects_of_batch ON objects (batch_id);
-- Removal of a source; its staged objects in open batches.
CREATE INDEX objects_of_source ON objects (source_id, document_id);
-- delete_superseded and purge_tombstones.
CREATE INDEX objects_superseded ON objects (superseded_at) WHERE state = 'superseded';
CREATE INDEX objects_to_delete ON objects (object_id) WHERE state = 'deleting' AND deleted_at IS NULL;
CREATE INDEX objects_to_purge ON objects (purge_at) WHERE state = 'deleting' AND deleted_at IS NOT NULL;
-- The audit walks Postgres in the order of ids.
CREATE INDEX objects_audited ON objects (tenant_id, collection, object_id);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['chunks', 'version_chunks', 'index_batches', 'objects'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_of_principal ON %I USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO quern_service', t);
    END LOOP;
END
$$;
