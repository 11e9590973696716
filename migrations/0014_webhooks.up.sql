-- Webhooks: other systems are told when a run has ended, and need not poll.

CREATE TABLE webhooks (
    id uuid PRIMARY KEY,
    tenant_id uuid NOT NULL REFERENCES tenants (id),
    url text NOT NULL,
    -- scheme://host:port of the URL: how many requests one host gets at once is counted by it.
    host text NOT NULL,
    description text NOT NULL DEFAULT '',
    -- run.succeeded, run.failed, run.cancelled, run.skipped: what it is told about.
    events text[] NOT NULL CHECK (cardinality(events) > 0),
    -- What people want: nothing is written for one that is not active.
    active boolean NOT NULL DEFAULT true,
    -- What the janitor found: nothing is sent while it is paused, what happens meanwhile waits.
    paused_at timestamptz,
    paused_reason text CHECK (paused_reason IN ('failing', 'gone')),
    -- The first failure since the last success.
    failing_since timestamptz,
    -- Sealed (AES-256-GCM) by a key that is not in this database. The previous one signs along for a while.
    secret bytea NOT NULL,
    secret_set_at timestamptz NOT NULL DEFAULT now(),
    previous_secret bytea,
    previous_secret_until timestamptz,
    created_by text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    -- Its deliveries are removed by the janitor, in slices, then the row: a run that ends must wait for no large delete.
    deleted_at timestamptz,
    CHECK ((paused_at IS NULL) = (paused_reason IS NULL)),
    CHECK ((previous_secret IS NULL) = (previous_secret_until IS NULL))
);
-- GET /v1/webhooks, newest first; who is told when a run ends; how many a tenant has.
CREATE INDEX webhooks_of_tenant ON webhooks (tenant_id, created_at DESC, id DESC) WHERE deleted_at IS NULL;
-- The janitor's forget_deliveries.
CREATE INDEX webhooks_deleted ON webhooks (deleted_at) WHERE deleted_at IS NOT NULL;
-- The figures of what is paused.
CREATE INDEX webhooks_paused ON webhooks (paused_at) WHERE paused_at IS NOT NULL;

-- The outbox: written in the transaction in which a run ends, sent by the janitor afterwards. No foreign keys: a run
-- that ends must neither wait for whoever removes a webhook nor fail because of that.
CREATE TABLE webhook_deliveries (
    -- Is the header webhook-id: the same in every try, so that receivers can tell repetitions.
    id uuid PRIMARY KEY DEFAULT uuidv7(),
    tenant_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    event text NOT NULL,
    -- The run and which of its ends: a run that is retried ends again. Both null for webhook.ping.
    job_id uuid,
    ended_at timestamptz,
    -- The whole body as of that moment.
    payload jsonb NOT NULL,
    -- waiting -> delivered | dead; delivering it again leads back to waiting.
    state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'dead')),
    -- Tries since it began to wait.
    attempts integer NOT NULL DEFAULT 0,
    redeliveries integer NOT NULL DEFAULT 0,
    -- While it waits: when it is due. While it is being sent: when whoever sends it counts as lost.
    next_attempt_at timestamptz DEFAULT now(),
    -- The fencing token of whoever is sending it.
    claim_id uuid,
    -- The latest tries: at, duration_ms, http_status, error_code, error, response.
    tries jsonb NOT NULL DEFAULT '[]',
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    CHECK ((state = 'waiting') = (next_attempt_at IS NOT NULL)),
    CHECK ((state = 'waiting') = (finished_at IS NULL)),
    CHECK (state = 'waiting' OR claim_id IS NULL)
);
-- One for each end of a run and each webhook, however often it is noted.
CREATE UNIQUE INDEX webhook_deliveries_ends ON webhook_deliveries (webhook_id, job_id, ended_at) WHERE job_id IS NOT NULL;
-- The janitor's claim: which webhooks have something waiting, and what of it is due.
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (webhook_id, next_attempt_at) WHERE state = 'waiting';
-- What is being sent now: bounded by the limits of sending.
CREATE INDEX webhook_deliveries_claimed ON webhook_deliveries (next_attempt_at) WHERE claim_id IS NOT NULL;
-- GET /v1/webhooks/{id}/deliveries, newest first, of one state or of all.
CREATE INDEX webhook_deliveries_listed ON webhook_deliveries (webhook_id, created_at DESC, id DESC);
CREATE INDEX webhook_deliveries_of_state ON webhook_deliveries (webhook_id, state, created_at DESC, id DESC);
-- The janitor's forget_deliveries.
CREATE INDEX webhook_deliveries_old ON webhook_deliveries (created_at);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['webhooks', 'webhook_deliveries'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY tenant_of_principal ON %I USING (quern_visible(tenant_id)) WITH CHECK (quern_visible(tenant_id))', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO quern_service', t);
    END LOOP;
END
$$;
