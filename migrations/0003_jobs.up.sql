-- Work: jobs and what surrounds them. Rows are the truth, messages only wake somebody up (P2).

CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    -- The order of acceptance: the runs of one source go one after the other by it.
    seq bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    parent_id uuid REFERENCES jobs (id) ON DELETE CASCADE,
    -- The run: the job itself where it has no parent.
    root_id uuid NOT NULL,
    source_id uuid REFERENCES sources (id),
    document_id uuid,
    -- crawler (a run of pages), page (one page), upload (one file), activate (an earlier version again).
    type text NOT NULL CHECK (type IN ('crawler', 'page', 'upload', 'activate', 'summarizer', 'cleanup', 'reembed')),
    -- Who works on it: web or file through ingest.task; nobody for a run of pages.
    handler text CHECK (handler IN ('web', 'file')),
    -- queued -> running -> succeeded | failed | cancelled | skipped; a retry alone leads out of these four.
    status text NOT NULL DEFAULT 'queued'
        CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
    -- While running. claimed: a worker is on it. delivered: its result is on the way.
    -- indexing: its content is staged, a consumer embeds, indexes and activates it.
    stage text CHECK (stage IN ('claimed', 'delivered', 'indexing')),
    -- The fencing token: plus one on every entry into queued, never reset.
    epoch integer NOT NULL DEFAULT 1,
    attempt integer NOT NULL DEFAULT 1,
    max_attempts integer NOT NULL DEFAULT 3,
    retries integer NOT NULL DEFAULT 0,
    -- Times its owner was lost: limited by a cap of its own, spends no attempt.
    reclaims integer NOT NULL DEFAULT 0,
    -- The window lane: interactive work has slots that bulk work cannot take.
    lane text NOT NULL DEFAULT 'bulk' CHECK (lane IN ('interactive', 'bulk')),
    -- scheme://host:port of a page: the politeness window counts by it.
    host text,
    url_key text,
    depth integer,
    is_seed boolean NOT NULL DEFAULT false,
    -- The version that this try staged (or, of type activate, the one to serve again).
    version_id uuid,
    -- SHA-256 (hex) of an upload's bytes. A column and not an expression over payload: under row-level
    -- security an index is only used through leakproof operators.
    bytes_sha256 text,
    -- An upload with the bytes of one that is still in flight waits for that one.
    waits_for uuid,
    worker_id uuid,
    deadline_at timestamptz,
    announced_at timestamptz,
    announcements integer NOT NULL DEFAULT 0,
    available_at timestamptz NOT NULL DEFAULT now(),
    -- What a worker needs to do it again: goes into ingest.task and failed_jobs. No secrets.
    payload jsonb NOT NULL DEFAULT '{}',
    config jsonb NOT NULL DEFAULT '{}',
    stats jsonb NOT NULL DEFAULT '{}',
    error_code text,
    error text,
    http_status integer,
    -- Why it was skipped.
    reason text,
    duplicate_of uuid,
    -- Of a run: its pages by state. open = total - the other four.
    total integer NOT NULL DEFAULT 0,
    succeeded integer NOT NULL DEFAULT 0,
    failed integer NOT NULL DEFAULT 0,
    skipped integer NOT NULL DEFAULT 0,
    cancelled integer NOT NULL DEFAULT 0,
    -- The request that caused it: bound into every service's logs.
    request_id text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    started_at timestamptz,
    finished_at timestamptz,
    CHECK ((status = 'running') OR stage IS NULL),
    CHECK ((status IN ('succeeded', 'failed', 'cancelled', 'skipped')) = (finished_at IS NOT NULL))
);
COMMENT ON COLUMN jobs.epoch IS 'queued(+1) | running | terminal: every write about a job is guarded by it';

-- GET /v1/jobs and /v1/ingestion-runs: root jobs, newest first.
CREATE INDEX jobs_roots ON jobs (tenant_id, seq DESC) WHERE parent_id IS NULL;
-- The same of one source; the order of a source's runs.
CREATE INDEX jobs_roots_of_source ON jobs (source_id, seq DESC) WHERE parent_id IS NULL;
-- GET /v1/jobs/{id}/children; cascades.
CREATE INDEX jobs_children ON jobs (parent_id, seq) WHERE parent_id IS NOT NULL;
-- Dispatch: what waits, in order, by run; by tenant for uploads.
CREATE INDEX jobs_waiting_pages ON jobs (root_id, seq)
    WHERE status = 'queued' AND announced_at IS NULL AND handler IS NOT NULL AND parent_id IS NOT NULL;
CREATE INDEX jobs_waiting_roots ON jobs (tenant_id, seq)
    WHERE status = 'queued' AND announced_at IS NULL AND handler IS NOT NULL AND parent_id IS NULL;
-- Dispatch: runs of pages that are open.
CREATE INDEX jobs_open_crawls ON jobs (tenant_id, seq) WHERE type = 'crawler' AND status IN ('queued', 'running');
-- Earlier runs of the same source that are still open.
CREATE INDEX jobs_open_roots_of_source ON jobs (source_id, seq)
    WHERE parent_id IS NULL AND status IN ('queued', 'running');
-- Windows are computed from these two: bounded by the window itself. Also: announce_again.
CREATE INDEX jobs_announced ON jobs (announced_at) WHERE status = 'queued' AND announced_at IS NOT NULL;
CREATE INDEX jobs_running ON jobs (stage, worker_id) WHERE status = 'running' AND stage IS NOT NULL;
-- The ledger's comparison of rows with deltas.
CREATE INDEX jobs_by_status ON jobs (tenant_id, status);
-- In-flight uploads with the same bytes in the same group.
CREATE INDEX jobs_open_upload_bytes ON jobs (tenant_id, bytes_sha256)
    WHERE type = 'upload' AND status IN ('queued', 'running');
-- Activations that wait for their turn.
CREATE INDEX jobs_queued_activations ON jobs (seq) WHERE type = 'activate' AND status = 'queued';

CREATE TABLE workers (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('ingest-worker', 'result-consumer', 'janitor', 'gateway')),
    instance text NOT NULL,
    slots integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now(),
    -- What the owner holds is reclaimed after this moment.
    lease_until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON workers TO quern_service;
COMMENT ON TABLE workers IS 'Processes of the installation, not of a tenant';

CREATE TABLE result_parts (
    job_id uuid NOT NULL,
    epoch integer NOT NULL,
    part integer NOT NULL,
    parts integer NOT NULL,
    tenant_id uuid NOT NULL,
    -- This part's piece of the Markdown, until the set is complete.
    markdown text NOT NULL DEFAULT '',
    stored_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (job_id, epoch, part)
);

CREATE TABLE job_logs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id uuid NOT NULL,
    job_id uuid NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    root_id uuid NOT NULL,
    ts timestamptz NOT NULL DEFAULT now(),
    level text NOT NULL CHECK (level IN ('debug', 'info', 'warning', 'error')),
    message text NOT NULL,
    fields jsonb NOT NULL DEFAULT '{}'
);
-- GET /v1/jobs/{id}/logs: each line once, in order.
CREATE INDEX job_logs_of_job ON job_logs (job_id, id);
-- The events of a run show the lines of its pages too.
CREATE INDEX job_logs_of_root ON job_logs (root_id, id);

CREATE TABLE failed_jobs (
    id uuid PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    tenant_id uuid NOT NULL,
    root_id uuid NOT NULL,
    source_id uuid NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    handler text NOT NULL CHECK (handler IN ('web', 'file')),
    payload jsonb NOT NULL,
    error text NOT NULL,
    error_code text NOT NULL,
    retryable boolean NOT NULL DEFAULT false,
    attempts integer NOT NULL DEFAULT 1,
    retries integer NOT NULL DEFAULT 0,
    next_retry_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- GET /v1/jobs/failed, newest first, and by class.
CREATE INDEX failed_jobs_listed ON failed_jobs (tenant_id, created_at DESC, id DESC);
CREATE INDEX failed_jobs_by_code ON failed_jobs (tenant_id, error_code, created_at DESC);
-- Removal with the source.
CREATE INDEX failed_jobs_of_source ON failed_jobs (source_id);
-- The janitor's retry_dead_jobs.
CREATE INDEX failed_jobs_due ON failed_jobs (next_retry_at) WHERE next_retry_at IS NOT NULL;

CREATE TABLE crawl_pages (
    source_id uuid NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    url_key text NOT NULL,
    tenant_id uuid NOT NULL,
    url text NOT NULL,
    -- The run that saw it last, and the job that stands for it there (none where it became no job).
    run_id uuid NOT NULL,
    job_id uuid,
    document_id uuid,
    depth integer NOT NULL,
    fate text NOT NULL CHECK (fate IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'skipped')),
    reason text,
    http_status integer,
    -- Validators of the copy that is being served: set when it is activated, so that a page whose new content
    -- could not be indexed is not taken for unchanged the next time.
    etag text,
    last_modified text,
    content_hash text,
    -- Links in scope, whatever their depth: what an unchanged page (304, no body) still leads to.
    links text[] NOT NULL DEFAULT '{}',
    -- The try that these links are from: further parts of its result are added to them.
    links_of uuid,
    fetched_at timestamptz,
    PRIMARY KEY (source_id, url_key)
);
-- A finished page writes its fate; pages that a complete run did not reach.
CREATE INDEX crawl_pages_of_run ON crawl_pages (source_id, run_id);
-- How many links that are not followed are listed already.
CREATE INDEX crawl_pages_refused ON crawl_pages (source_id) WHERE job_id IS NULL;
CREATE INDEX crawl_pages_of_job ON crawl_pages (job_id) WHERE job_id IS NOT NULL;

CREATE TABLE hosts (
    -- scheme://host:port
    key text PRIMARY KEY,
    next_slot_at timestamptz NOT NULL DEFAULT now(),
    -- Seconds between two requests, as last asked for: a slow host gets a small window.
    pace_seconds double precision NOT NULL DEFAULT 0,
    robots_status integer,
    robots_body text,
    robots_fetched_at timestamptz,
    robots_expires_at timestamptz
);
COMMENT ON TABLE hosts IS 'Pace and robots.txt of the hosts of the web: public facts, the same for every tenant';
GRANT SELECT, INSERT, UPDATE, DELETE ON hosts TO quern_service;

-- Only one dispatcher at a time decides what fits into the windows: it holds this row's lock, briefly.
CREATE TABLE dispatch_turn (
    id integer PRIMARY KEY CHECK (id = 1),
    dispatched_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO dispatch_turn (id) VALUES (1);
GRANT SELECT, UPDATE ON dispatch_turn TO quern_service;

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['jobs', 'result_parts', 'job_logs', 'failed_jobs', 'crawl_pages'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_of_principal ON %I USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO quern_service', t);
    END LOOP;
END
$$;
