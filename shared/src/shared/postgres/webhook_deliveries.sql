-- name: note_ends
-- In the transaction in which runs end: what their tenants' webhooks will be told, as the rows are now. Noted once
-- more in the same transaction, what was noted is replaced: a run that is cancelled ends before its pages are counted.
INSERT INTO webhook_deliveries (tenant_id, webhook_id, event, job_id, ended_at, payload)
SELECT j.tenant_id, w.id, 'run.' || j.status, j.id, j.finished_at, jsonb_build_object(
    'type', 'run.' || j.status,
    'timestamp', to_char(j.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'data', jsonb_build_object(
        'run', jsonb_build_object(
            'id', j.id, 'type', j.type, 'status', j.status, 'reason', j.reason, 'error_code', j.error_code,
            'error', j.error, 'http_status', j.http_status, 'source_id', j.source_id, 'document_id', j.document_id,
            'duplicate_of', j.duplicate_of, 'retries', j.retries,
            'warning', j.stats -> 'warning',
            'progress', CASE WHEN j.type = 'crawler' THEN jsonb_build_object(
                'total', j.total, 'succeeded', j.succeeded, 'failed', j.failed, 'skipped', j.skipped,
                'cancelled', j.cancelled)
            ELSE jsonb_build_object(
                'total', 1, 'succeeded', (j.status = 'succeeded')::integer, 'failed', (j.status = 'failed')::integer,
                'skipped', (j.status = 'skipped')::integer, 'cancelled', (j.status = 'cancelled')::integer) END,
            'created_at', to_char(j.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'started_at', to_char(j.started_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
            'finished_at', to_char(j.finished_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
        'source', CASE WHEN s.id IS NOT NULL THEN jsonb_build_object(
            'id', s.id, 'type', s.type, 'name', s.name, 'url', s.url, 'file_name', s.file_name) END))
FROM jobs j
JOIN webhooks w ON w.tenant_id = j.tenant_id AND w.active AND w.deleted_at IS NULL AND 'run.' || j.status = ANY (w.events)
LEFT JOIN sources s ON s.id = j.source_id
WHERE j.id = ANY ($1::uuid[]) AND j.parent_id IS NULL AND j.type = ANY ($2::text[]) AND j.finished_at IS NOT NULL
ON CONFLICT (webhook_id, job_id, ended_at) WHERE job_id IS NOT NULL DO UPDATE SET payload = excluded.payload;

-- name: ping
-- Nothing comes back where it is there: the request is repeated, because the answer to its commit was lost.
INSERT INTO webhook_deliveries (id, tenant_id, webhook_id, event, payload)
VALUES ($1, $2, $3, 'webhook.ping', jsonb_build_object(
    'type', 'webhook.ping',
    'timestamp', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
    'data', jsonb_build_object('webhook_id', $3::uuid)))
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: page
-- GET /v1/webhooks/{id}/deliveries, newest first (index webhook_deliveries_listed).
SELECT d.id FROM webhook_deliveries d WHERE d.webhook_id = $1 ORDER BY d.created_at DESC, d.id DESC LIMIT $2 OFFSET $3;

-- name: total
SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = $1;

-- name: page_of_state
-- The same of one state (index webhook_deliveries_of_state).
SELECT d.id FROM webhook_deliveries d WHERE d.webhook_id = $1 AND d.state = $2
ORDER BY d.created_at DESC, d.id DESC LIMIT $3 OFFSET $4;

-- name: total_of_state
SELECT count(*) FROM webhook_deliveries d WHERE d.webhook_id = $1 AND d.state = $2;

-- name: shown
-- Deliveries by id, in the order asked for. One that is claimed is being sent, until whoever claimed it counts as lost.
SELECT d.id, d.webhook_id, d.event, d.job_id,
       CASE WHEN d.claim_id IS NOT NULL AND d.next_attempt_at > now() THEN 'sending' ELSE d.state END AS status,
       d.attempts, d.redeliveries, CASE WHEN d.claim_id IS NULL THEN d.next_attempt_at END AS next_attempt_at, d.tries,
       d.payload, d.created_at, d.finished_at
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN webhook_deliveries d ON d.id = asked.id AND d.webhook_id = $1
ORDER BY asked.place;

-- name: again
-- Due at once, whatever became of it; one that is being sent is left alone.
UPDATE webhook_deliveries SET state = 'waiting', next_attempt_at = now(), finished_at = NULL, claim_id = NULL,
    attempts = CASE WHEN state = 'waiting' THEN attempts ELSE 0 END, redeliveries = redeliveries + 1
WHERE webhook_id = $1 AND id = $2 AND (claim_id IS NULL OR next_attempt_at <= now())
RETURNING id;

-- name: by_index
-- Before `due`. Where statistics are old, reading all that waits and sorting it looks cheap: it is not.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true),
       set_config('enable_sort', 'off', true);

-- name: due
-- What may be sent now. Each webhook for which something waits is found by one probe of an index; what is being sent
-- counts against its host ($1 at once), its tenant ($2) and all ($3). Where there is not room for all, tenants take
-- turns, and so do those who share a host.
WITH RECURSIVE open (webhook_id) AS (
    (SELECT d.webhook_id FROM webhook_deliveries d WHERE d.state = 'waiting' ORDER BY d.webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.webhook_id FROM webhook_deliveries d
            WHERE d.state = 'waiting' AND d.webhook_id > o.webhook_id ORDER BY d.webhook_id LIMIT 1)
    FROM open o WHERE o.webhook_id IS NOT NULL
), claimed AS MATERIALIZED (
    SELECT d.webhook_id FROM webhook_deliveries d WHERE d.claim_id IS NOT NULL AND d.next_attempt_at > now()
), busy AS (
    SELECT w.host, w.tenant_id, count(*) AS sending FROM claimed c JOIN webhooks w ON w.id = c.webhook_id
    GROUP BY w.host, w.tenant_id
), waiting AS (
    SELECT d.id, w.host, w.tenant_id, d.next_attempt_at,
           row_number() OVER (PARTITION BY w.host, w.tenant_id ORDER BY d.next_attempt_at, d.id) + coalesce((
               SELECT b.sending FROM busy b WHERE b.host = w.host AND b.tenant_id = w.tenant_id), 0) AS turn
    FROM open o
    JOIN webhooks w ON w.id = o.webhook_id AND w.active AND w.paused_at IS NULL AND w.deleted_at IS NULL
    JOIN tenants t ON t.id = w.tenant_id AND t.deleted_at IS NULL
    CROSS JOIN LATERAL (
        SELECT q.id, q.next_attempt_at FROM webhook_deliveries q
        WHERE q.webhook_id = w.id AND q.state = 'waiting' AND q.next_attempt_at <= now()
        ORDER BY q.next_attempt_at LIMIT $1
    ) d
), of_host AS (
    SELECT v.*, row_number() OVER (PARTITION BY v.host ORDER BY v.turn, v.next_attempt_at, v.id) + coalesce((
               SELECT sum(b.sending) FROM busy b WHERE b.host = v.host), 0) AS place
    FROM waiting v
), of_tenant AS (
    SELECT h.*, row_number() OVER (PARTITION BY h.tenant_id ORDER BY h.next_attempt_at, h.id) + coalesce((
               SELECT sum(b.sending) FROM busy b WHERE b.tenant_id = h.tenant_id), 0) AS share
    FROM of_host h WHERE h.place <= $1
)
SELECT id FROM of_tenant WHERE share <= $2
ORDER BY share, next_attempt_at, id
LIMIT greatest(0, $3 - (SELECT coalesce(sum(b.sending), 0) FROM busy b));

-- name: claim
-- The row lease: for $3 seconds nobody else sends it. What another janitor is just claiming is left to it.
WITH mine AS (
    SELECT d.id FROM webhook_deliveries d
    WHERE d.id = ANY ($1::uuid[]) AND d.state = 'waiting' AND d.next_attempt_at <= now()
    ORDER BY d.id FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE webhook_deliveries d SET claim_id = $2, next_attempt_at = now() + make_interval(secs => $3)
FROM mine m, webhooks w
WHERE d.id = m.id AND w.id = d.webhook_id AND w.active AND w.paused_at IS NULL AND w.deleted_at IS NULL
RETURNING d.id, d.tenant_id, d.webhook_id, d.event, d.payload, d.attempts, w.url, w.secret,
    CASE WHEN w.previous_secret_until > now() THEN w.previous_secret END AS previous_secret;

-- name: hand_back
-- Not tried after all: due at once.
UPDATE webhook_deliveries SET claim_id = NULL, next_attempt_at = now() WHERE id = ANY ($1::uuid[]) AND claim_id = $2;

-- name: delivered
UPDATE webhook_deliveries SET state = 'delivered', claim_id = NULL, next_attempt_at = NULL, finished_at = now(),
    attempts = attempts + 1,
    tries = CASE WHEN jsonb_array_length(tries) >= $4 THEN tries - 0 ELSE tries END || jsonb_build_array(
        jsonb_build_object('at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) || $3)
WHERE id = $1 AND claim_id = $2
RETURNING webhook_id;

-- name: failed
-- Due again in $4 seconds; dead where that is null.
UPDATE webhook_deliveries SET claim_id = NULL, attempts = attempts + 1,
    state = CASE WHEN $4::double precision IS NULL THEN 'dead' ELSE 'waiting' END,
    next_attempt_at = CASE WHEN $4::double precision IS NOT NULL THEN now() + make_interval(secs => $4) END,
    finished_at = CASE WHEN $4::double precision IS NULL THEN now() END,
    tries = CASE WHEN jsonb_array_length(tries) >= $5 THEN tries - 0 ELSE tries END || jsonb_build_array(
        jsonb_build_object('at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) || $3)
WHERE id = $1 AND claim_id = $2
RETURNING webhook_id;

-- name: forget
-- Whatever became of them: they are kept for a while, for people to see.
DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
    SELECT d.id FROM webhook_deliveries d
    WHERE d.created_at < now() - make_interval(secs => $1) AND (d.claim_id IS NULL OR d.next_attempt_at <= now())
    ORDER BY d.created_at LIMIT $2));

-- name: forget_of_deleted
-- Of webhooks that are deleted.
DELETE FROM webhook_deliveries WHERE id = ANY (ARRAY(
    SELECT d.id FROM webhooks w JOIN webhook_deliveries d ON d.webhook_id = w.id
    WHERE w.deleted_at IS NOT NULL LIMIT $1));

-- name: figures
-- How many wait, and for how long the oldest of those that are due and may be sent.
SELECT count(*)::integer AS waiting, coalesce(extract(epoch FROM now() - min(d.next_attempt_at) FILTER (
           WHERE d.next_attempt_at <= now() AND w.active AND w.paused_at IS NULL)), 0)::double precision AS oldest_seconds
FROM webhook_deliveries d JOIN webhooks w ON w.id = d.webhook_id AND w.deleted_at IS NULL
WHERE d.state = 'waiting';
