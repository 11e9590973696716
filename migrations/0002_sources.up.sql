-- What the users pointed Quern at, and the documents found there.

CREATE TABLE sources (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    group_id uuid NOT NULL REFERENCES groups (id),
    type text NOT NULL CHECK (type IN ('web', 'upload', 's3')),
    name text NOT NULL,
    url text,
    url_key text,
    file_name text,
    -- live: served. deleting: hidden at once, being removed by the janitor. deleted: the receipt remains.
    status text NOT NULL DEFAULT 'live' CHECK (status IN ('live', 'deleting', 'deleted')),
    -- The crawl's settings as accepted; header values are not in here.
    config jsonb NOT NULL DEFAULT '{}',
    -- Header values of the crawl: secrets, read by the worker that fetches and by nobody else.
    secret_headers jsonb NOT NULL DEFAULT '{}',
    schedule text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    deleting_at timestamptz,
    deleted_at timestamptz,
    CHECK ((type = 'web') = (url IS NOT NULL AND url_key IS NOT NULL)),
    CHECK ((type = 'upload') = (file_name IS NOT NULL))
);
-- "409 source_exists": one live source for each URL; a URL whose source is being deleted may be added again.
CREATE UNIQUE INDEX sources_live_url ON sources (tenant_id, url_key) WHERE status = 'live' AND type = 'web';
-- The same file name in the same group is a new version of the same document.
CREATE UNIQUE INDEX sources_live_file ON sources (tenant_id, group_id, file_name) WHERE status = 'live' AND type = 'upload';
-- GET /v1/sources, newest first.
CREATE INDEX sources_listed ON sources (tenant_id, created_at DESC, id DESC) WHERE status <> 'deleted';
-- DELETE of a group asks whether a source is left in it; search and lists filter by it.
CREATE INDEX sources_of_group ON sources (group_id) WHERE status <> 'deleted';
-- The janitor's delete_sources, oldest request first; search excludes these.
CREATE INDEX sources_deleting ON sources (deleting_at) WHERE status = 'deleting';

CREATE TABLE documents (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    source_id uuid NOT NULL REFERENCES sources (id),
    -- A page's URL key; upload://sha256:<hash> of the active content of a file.
    source_uri text NOT NULL,
    title text NOT NULL DEFAULT '',
    url text,
    content_type text,
    language text,
    -- pending: no version was active yet. active: served. failed: nothing to serve, the last try failed.
    -- retired: the page is gone, its versions are kept but not served.
    status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'active', 'failed', 'retired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (source_id, source_uri)
);
-- GET /v1/documents, newest first.
CREATE INDEX documents_listed ON documents (tenant_id, created_at DESC, id DESC);

CREATE TABLE document_versions (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    source_id uuid NOT NULL REFERENCES sources (id),
    document_id uuid NOT NULL REFERENCES documents (id),
    -- The try that staged it, and its run's place in the order of acceptance (last accepted wins).
    job_id uuid NOT NULL,
    epoch integer NOT NULL,
    run_seq bigint NOT NULL,
    version_label text,
    -- SHA-256 (hex): of the bytes of a file, of title and Markdown of a page.
    content_hash text NOT NULL,
    source_uri text NOT NULL,
    title text NOT NULL DEFAULT '',
    url text,
    content_type text,
    language text,
    markdown text NOT NULL DEFAULT '',
    columns jsonb NOT NULL DEFAULT '[]',
    pages integer,
    chunk_count integer NOT NULL DEFAULT 0,
    is_active boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Set once it has been served; a version without it is staged (or what a failed try left behind).
    activated_at timestamptz
);
-- One active version of a document at every instant (P3).
CREATE UNIQUE INDEX document_versions_active ON document_versions (document_id) WHERE is_active;
-- GET /v1/documents/{id}: versions, newest first; the janitor's trim_versions.
CREATE INDEX document_versions_of_document ON document_versions (document_id, seq DESC);
-- Results find the version that their try staged; a failed try's leftovers are removed by it.
CREATE INDEX document_versions_of_job ON document_versions (job_id);
-- Duplicate uploads: the active version with the same bytes.
CREATE INDEX document_versions_active_hash ON document_versions (tenant_id, content_hash) WHERE is_active;
-- Removal of a source's content; counts per source.
CREATE INDEX document_versions_of_source ON document_versions (source_id) INCLUDE (document_id, chunk_count) WHERE is_active;
CREATE INDEX document_versions_any_of_source ON document_versions (source_id);

ALTER TABLE sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE documents ENABLE ROW LEVEL SECURITY;
ALTER TABLE document_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY tenant_of_principal ON sources USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id));
CREATE POLICY tenant_of_principal ON documents USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id));
CREATE POLICY tenant_of_principal ON document_versions USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id));
GRANT SELECT, INSERT, UPDATE, DELETE ON sources, documents, document_versions TO quern_service;
