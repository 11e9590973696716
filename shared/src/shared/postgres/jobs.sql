-- name: lock
-- In id order; roots before their pages. What a transaction must know to decide about a job.
SELECT id, tenant_id, parent_id, root_id, source_id, document_id, type, handler, status, stage, epoch, attempt,
       max_attempts, retries, reclaims, seq, url_key, depth, is_seed, version_id, bytes_sha256, payload, config,
       stats, total, error_code, worker_id, request_id, reason
FROM jobs WHERE id = ANY ($1::uuid[]) ORDER BY id FOR NO KEY UPDATE;

-- name: families
-- Which source and run jobs belong to, before anything is locked.
SELECT id, source_id, root_id, tenant_id FROM jobs WHERE id = ANY ($1::uuid[]);

-- name: of_tenant
SELECT id, source_id, root_id, parent_id, type, status, handler, retries, payload, config FROM jobs
WHERE id = $1 AND tenant_id = $2;

-- name: never_were
-- Of jobs that have no row those that never had one: a job that was removed since names a source whose row stays, as
-- the receipt of its removal.
SELECT k.id FROM unnest($1::uuid[], $2::uuid[]) AS k (id, source_id)
WHERE NOT EXISTS (SELECT 1 FROM jobs j WHERE j.id = k.id)
  AND NOT EXISTS (SELECT 1 FROM sources s WHERE s.id = k.source_id);

-- name: add
-- Nothing comes back where the job is there: the request is repeated, because the answer to its commit was lost.
INSERT INTO jobs (
    id, tenant_id, parent_id, root_id, source_id, document_id, type, handler, status, lane, host, url_key, depth,
    is_seed, bytes_sha256, waits_for, max_attempts, payload, config, request_id, total, reason, duplicate_of,
    version_id, finished_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
    $24, CASE WHEN $9 IN ('queued', 'running') THEN NULL ELSE now() END)
ON CONFLICT (id) DO NOTHING RETURNING id;

-- name: accepted_upload
-- What an upload was answered with.
SELECT id, status, reason, source_id, document_id, duplicate_of FROM jobs WHERE id = $1 AND tenant_id = $2;

-- name: add_pages
-- Children are there before their parent page is done, so that a run never ends early.
INSERT INTO jobs (
    id, tenant_id, parent_id, root_id, source_id, type, handler, lane, host, url_key, depth, max_attempts, payload,
    request_id)
SELECT k.id, $1, $2, $2, $3, 'page', 'web', 'bulk', k.host, k.url_key, k.depth, $4, k.payload, $5
FROM unnest($6::uuid[], $7::text[], $8::text[], $9::integer[], $10::jsonb[]) WITH ORDINALITY
    AS k (id, host, url_key, depth, payload, place)
ORDER BY k.place;

-- name: grow_run
UPDATE jobs SET total = total + $2, updated_at = now() WHERE id = $1;

-- name: note_run
-- Facts about a run that its pages found out.
UPDATE jobs SET stats = stats || $2, config = config || $3, updated_at = now() WHERE id = $1;

-- name: open_runs_of_source
SELECT id, status, type FROM jobs
WHERE source_id = $1 AND parent_id IS NULL AND status IN ('queued', 'running') ORDER BY seq;

-- name: open_of_runs
-- Every open job of these runs, the runs among them.
SELECT id FROM jobs WHERE (parent_id = ANY ($1::uuid[]) OR id = ANY ($1::uuid[])) AND status IN ('queued', 'running');

-- name: twin_in_flight
-- An open upload of the same bytes into the same group, accepted earlier, of another source.
SELECT j.id FROM jobs j JOIN sources s ON s.id = j.source_id
WHERE j.tenant_id = $1 AND j.bytes_sha256 = $2 AND j.type = 'upload' AND j.status IN ('queued', 'running')
  AND s.group_id = $3 AND s.status = 'live' AND j.source_id <> $4
ORDER BY j.seq DESC LIMIT 1;

-- name: capacity
-- Slots of the workers that are alive.
SELECT coalesce(sum(slots), 0)::integer FROM workers WHERE kind = 'ingest-worker' AND lease_until > now();

-- name: turn
-- One dispatcher at a time; the next one sees what this one decided.
SELECT id FROM dispatch_turn WHERE id = 1 FOR UPDATE;

-- name: occupancy
-- What the windows hold now: computed from rows, never counted along.
SELECT lane, tenant_id, root_id, host, count(*)::integer AS jobs FROM (
    SELECT lane, tenant_id, root_id, host FROM jobs WHERE status = 'queued' AND announced_at IS NOT NULL
    UNION ALL
    SELECT lane, tenant_id, root_id, host FROM jobs WHERE status = 'running' AND stage = 'claimed'
) held GROUP BY lane, tenant_id, root_id, host;

-- name: unstored
-- Delivered results that no consumer has stored yet.
SELECT count(*)::integer FROM jobs WHERE status = 'running' AND stage = 'delivered';

-- name: waiting_uploads
-- Per tenant, oldest first: due, their source's turn, no twin in flight.
SELECT j.id, j.tenant_id, j.root_id, j.host, j.lane, j.seq, 0::double precision AS pace_seconds
FROM tenants t
CROSS JOIN LATERAL (
    SELECT w.id, w.tenant_id, w.root_id, w.host, w.lane, w.seq FROM jobs w
    WHERE w.tenant_id = t.id AND w.status = 'queued' AND w.announced_at IS NULL AND w.handler IS NOT NULL
      AND w.parent_id IS NULL AND w.available_at <= now()
      AND NOT EXISTS (
          SELECT 1 FROM jobs e WHERE e.source_id = w.source_id AND e.parent_id IS NULL
            AND e.status IN ('queued', 'running') AND e.seq < w.seq)
      AND NOT EXISTS (SELECT 1 FROM jobs e WHERE e.id = w.waits_for AND e.status IN ('queued', 'running'))
    ORDER BY w.seq LIMIT $1
) j
WHERE t.deleted_at IS NULL
ORDER BY j.seq;

-- name: waiting_pages
-- Per open run whose turn it is, in the order of discovery. Only runs that have a page to announce take one of the $2
-- places, and tenants fill these in turns: neither runs that wait nor one tenant's many keep the others out.
SELECT j.id, j.tenant_id, j.root_id, j.host, j.lane, j.seq, coalesce(h.pace_seconds, 0) AS pace_seconds
FROM (
    SELECT o.id, o.updated_at
    FROM tenants t
    CROSS JOIN LATERAL (
        SELECT r.id, r.updated_at, row_number() OVER (ORDER BY r.updated_at) AS turn FROM jobs r
        WHERE r.tenant_id = t.id AND r.type = 'crawler' AND r.status IN ('queued', 'running')
          AND NOT EXISTS (
              SELECT 1 FROM jobs e WHERE e.source_id = r.source_id AND e.parent_id IS NULL
                AND e.status IN ('queued', 'running') AND e.seq < r.seq)
          AND EXISTS (
              SELECT 1 FROM jobs w
              WHERE w.root_id = r.id AND w.status = 'queued' AND w.announced_at IS NULL AND w.handler IS NOT NULL
                AND w.parent_id IS NOT NULL AND w.available_at <= now())
        ORDER BY r.updated_at LIMIT $2
    ) o
    ORDER BY o.turn, o.updated_at LIMIT $2
) r
CROSS JOIN LATERAL (
    SELECT w.id, w.tenant_id, w.root_id, w.host, w.lane, w.seq FROM jobs w
    WHERE w.root_id = r.id AND w.status = 'queued' AND w.announced_at IS NULL AND w.handler IS NOT NULL
      AND w.parent_id IS NOT NULL AND w.available_at <= now()
    ORDER BY w.seq LIMIT $1
) j
LEFT JOIN hosts h ON h.key = j.host
ORDER BY r.updated_at, j.root_id, j.seq;

-- name: announce
-- Locked in the order that all keep: whoever cancels them holds their runs and waits for one page after the other.
WITH fitting AS (
    SELECT id FROM jobs WHERE id = ANY ($1::uuid[]) AND status = 'queued' AND announced_at IS NULL
    ORDER BY (parent_id IS NOT NULL), id FOR NO KEY UPDATE
)
UPDATE jobs j SET announced_at = now(), announcements = announcements + 1
FROM fitting f WHERE j.id = f.id
RETURNING j.id, j.epoch, j.tenant_id, j.handler, j.attempt, j.request_id, j.payload;

-- name: unannounce
-- The publish did not happen: they wait again, and it counts for no pause before a next announcement.
WITH unheard AS (
    SELECT j.id FROM jobs j JOIN unnest($1::uuid[], $2::integer[]) AS k (id, epoch) ON k.id = j.id AND k.epoch = j.epoch
    WHERE j.status = 'queued' AND j.announced_at IS NOT NULL
    ORDER BY (j.parent_id IS NOT NULL), j.id FOR NO KEY UPDATE OF j
)
UPDATE jobs j SET announced_at = NULL, announcements = greatest(j.announcements - 1, 0)
FROM unheard u WHERE j.id = u.id;

-- name: announce_again
-- An announcement that nobody claimed: lost, or in a long queue. The pause doubles each time. Of those in the queue,
-- which holds $3 messages, none needs another: announced again are no more than can be lost, so that the queue never
-- holds more than the window. (An array is made once. What stands behind IN may be done again for each row, and with
-- what is locked already left out, it would find the next ones each time.)
UPDATE jobs SET announced_at = now(), announcements = announcements + 1
WHERE id = ANY (ARRAY(
    SELECT id FROM jobs
    WHERE status = 'queued' AND announced_at IS NOT NULL
      AND announced_at < now() - make_interval(secs => $1 * 2 ^ least(announcements - 1, 6))
    ORDER BY announced_at
    LIMIT least($2::integer, greatest(0, (
        SELECT count(*)::integer FROM jobs WHERE status = 'queued' AND announced_at IS NOT NULL) - $3::integer))
    FOR UPDATE SKIP LOCKED))
RETURNING id, epoch, tenant_id, handler, attempt, request_id, payload;

-- name: start_runs
-- A run starts with the first of its pages. Roots are locked before pages: those of uploads, which are the work
-- itself and only claimed next, together with those of crawls.
WITH roots AS (
    SELECT r.id, r.type FROM jobs r WHERE r.id IN (SELECT j.root_id FROM jobs j WHERE j.id = ANY ($1::uuid[]))
      AND r.status = 'queued' ORDER BY r.id FOR NO KEY UPDATE
)
UPDATE jobs SET status = 'running', started_at = now(), updated_at = now()
WHERE id IN (SELECT id FROM roots WHERE type = 'crawler');

-- name: claim
-- queued -> running for a batch, where the epoch matches; what comes back is all that the worker needs.
-- What is this worker's own already comes back again: the answer to the first claim may have been lost.
WITH wanted AS (
    SELECT j.id FROM jobs j JOIN unnest($2::uuid[], $3::integer[]) AS k (id, epoch) ON k.id = j.id AND k.epoch = j.epoch
    WHERE (j.status = 'queued' OR (j.status = 'running' AND j.stage = 'claimed' AND j.worker_id = $1))
      AND EXISTS (SELECT 1 FROM workers w WHERE w.id = $1 AND w.lease_until > now())
    ORDER BY (j.parent_id IS NOT NULL), j.id FOR NO KEY UPDATE OF j
), claimed AS (
    UPDATE jobs j SET status = 'running', stage = 'claimed', worker_id = $1, announced_at = NULL,
        started_at = coalesce(j.started_at, now()), updated_at = now(),
        deadline_at = now() + make_interval(secs => $4)
    FROM wanted w, sources s
    WHERE j.id = w.id AND s.id = j.source_id AND s.status = 'live'
    RETURNING j.id, j.epoch, j.tenant_id, j.root_id, j.source_id, j.document_id, j.handler, j.attempt, j.request_id,
        j.payload, j.url_key, j.depth, j.is_seed, j.host, s.secret_headers, s.url AS source_url
)
SELECT c.*, r.config, p.etag, p.last_modified,
       -- Asking "only if changed" is right only while the unchanged page is being served.
       (d.status = 'active') AS is_served
FROM claimed c
JOIN jobs r ON r.id = c.root_id
LEFT JOIN crawl_pages p ON p.source_id = c.source_id AND p.url_key = c.url_key
LEFT JOIN documents d ON d.id = p.document_id;

-- name: deliver
-- The result is with nsqd: the worker is free, the host's slot too. A consumer may have been faster.
WITH mine AS (
    SELECT j.id FROM jobs j JOIN unnest($2::uuid[], $3::integer[]) AS k (id, epoch) ON k.id = j.id AND k.epoch = j.epoch
    WHERE j.status = 'running' AND j.stage = 'claimed' AND j.worker_id = $1
    ORDER BY (j.parent_id IS NOT NULL), j.id FOR NO KEY UPDATE OF j
)
UPDATE jobs j SET stage = 'delivered', updated_at = now(), deadline_at = now() + make_interval(secs => $4)
FROM mine m WHERE j.id = m.id;

-- name: held
-- What a worker has claimed, by the rows.
SELECT id, epoch FROM jobs WHERE status = 'running' AND stage = 'claimed' AND worker_id = $1;

-- name: hand_back
-- Being shut down is no failure: queued again, next epoch, no attempt spent, no reclaim counted. Its announcement was
-- taken up, so the next one is its first.
WITH mine AS (
    SELECT j.id FROM jobs j JOIN unnest($2::uuid[], $3::integer[]) AS k (id, epoch) ON k.id = j.id AND k.epoch = j.epoch
    WHERE j.status = 'running' AND j.stage = 'claimed' AND j.worker_id = $1
    ORDER BY (j.parent_id IS NOT NULL), j.id FOR NO KEY UPDATE OF j
)
UPDATE jobs j SET status = 'queued', stage = NULL, worker_id = NULL, deadline_at = NULL, announced_at = NULL,
    announcements = 0, epoch = j.epoch + 1, available_at = now() + make_interval(secs => $4), updated_at = now()
FROM mine m WHERE j.id = m.id
RETURNING j.id;

-- name: to_indexing
-- The set of parts is complete: from here on everything is driven from rows.
UPDATE jobs j SET stage = 'indexing', worker_id = $1, version_id = k.version_id, document_id = k.document_id,
    deadline_at = NULL, updated_at = now(), stats = j.stats || k.stats
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::jsonb[]) AS k (id, version_id, document_id, stats)
WHERE j.id = k.id AND j.status = 'running';

-- name: try_again
-- A transient failure: the next attempt, due later. Or (attempt unchanged) an owner or a result was lost.
UPDATE jobs j SET status = 'queued', stage = NULL, worker_id = NULL, deadline_at = NULL, announced_at = NULL,
    announcements = 0, epoch = j.epoch + 1, attempt = j.attempt + k.attempts, reclaims = j.reclaims + k.reclaims,
    available_at = now() + make_interval(secs => k.after_seconds), updated_at = now(),
    error_code = k.error_code, error = k.error, http_status = k.http_status
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::double precision[], $5::text[], $6::text[], $7::integer[])
    AS k (id, attempts, reclaims, after_seconds, error_code, error, http_status)
WHERE j.id = k.id AND j.status = 'running';

-- name: finish
-- Into a terminal state. Counters, ledger and fates follow in the same transaction.
UPDATE jobs j SET status = k.status, stage = NULL, worker_id = NULL, deadline_at = NULL, announced_at = NULL,
    finished_at = now(), updated_at = now(), reason = k.reason, error_code = k.error_code, error = k.error,
    http_status = coalesce(k.http_status, j.http_status), duplicate_of = k.duplicate_of, stats = j.stats || k.stats
FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::uuid[], $8::jsonb[])
    AS k (id, status, reason, error_code, error, http_status, duplicate_of, stats)
WHERE j.id = k.id AND j.status IN ('queued', 'running')
RETURNING j.id, j.tenant_id, j.parent_id, j.type, j.status, j.source_id, j.document_id, j.error_code;

-- name: count_ended
-- A run's counters, under its lock.
UPDATE jobs r SET succeeded = r.succeeded + k.succeeded, failed = r.failed + k.failed,
    skipped = r.skipped + k.skipped, cancelled = r.cancelled + k.cancelled, updated_at = now()
FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::integer[])
    AS k (id, succeeded, failed, skipped, cancelled)
WHERE r.id = k.id;

-- name: close_runs
-- A run ends when none of its pages is open. A failed seed page makes it failed, with the same code.
UPDATE jobs r SET
    status = CASE WHEN seed.status = 'failed' THEN 'failed' ELSE 'succeeded' END,
    error_code = CASE WHEN seed.status = 'failed' THEN seed.error_code END,
    error = CASE WHEN seed.status = 'failed' THEN seed.error END,
    http_status = CASE WHEN seed.status = 'failed' THEN seed.http_status END,
    finished_at = now(), updated_at = now()
FROM unnest($1::uuid[]) AS k (id)
CROSS JOIN LATERAL (
    SELECT s.status, s.error_code, s.error, s.http_status FROM jobs s WHERE s.parent_id = k.id AND s.is_seed ORDER BY s.seq LIMIT 1
) seed
WHERE r.id = k.id AND r.type = 'crawler' AND r.status IN ('queued', 'running')
  AND r.total = r.succeeded + r.failed + r.skipped + r.cancelled
RETURNING r.id, r.tenant_id, r.source_id, r.status, r.failed, r.cancelled, r.stats, r.seq;

-- name: newest_crawls
-- The last accepted crawl of each source: an older one that is tried again neither adds nor retires pages.
SELECT source_id, max(seq) AS seq FROM jobs
WHERE source_id = ANY ($1::uuid[]) AND parent_id IS NULL AND type = 'crawler' GROUP BY source_id;

-- name: lower_pages
-- Found again on a shorter path.
UPDATE jobs j SET depth = k.depth FROM unnest($1::uuid[], $2::integer[]) AS k (id, depth)
WHERE j.id = k.id AND j.depth > k.depth;

-- name: reopen_runs
-- A page of it is tried again.
UPDATE jobs SET status = 'running', finished_at = NULL, error_code = NULL, error = NULL, updated_at = now(),
    failed = failed - k.pages
FROM unnest($1::uuid[], $2::integer[]) AS k (id, pages)
WHERE jobs.id = k.id RETURNING jobs.id;

-- name: retry
-- failed -> queued, attempt 1, one retry more, next epoch.
UPDATE jobs SET status = 'queued', stage = NULL, epoch = epoch + 1, attempt = 1, retries = retries + 1, reclaims = 0,
    available_at = now(), announced_at = NULL, announcements = 0, finished_at = NULL, error_code = NULL, error = NULL,
    http_status = NULL, reason = NULL, updated_at = now()
WHERE id = ANY ($1::uuid[]) AND status = 'failed' RETURNING id;

-- name: seed_to_retry
-- What stands for a crawl when it is retried: its failed seed page, else its first one in whatever state.
SELECT id FROM jobs WHERE parent_id = $1 AND is_seed ORDER BY (status = 'failed') DESC, seq LIMIT 1;

-- name: lost
-- Claimed jobs whose worker has lapsed or whose own deadline has passed; delivered ones whose result never came
-- although a consumer has been there all along.
SELECT j.id FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id
WHERE j.status = 'running' AND (
    (j.stage = 'claimed' AND (w.id IS NULL OR w.lease_until < now() OR j.deadline_at < now()))
    OR (j.stage = 'delivered' AND j.deadline_at < now() AND EXISTS (
        SELECT 1 FROM workers c WHERE c.kind = 'result-consumer' AND c.lease_until > now()
          AND c.started_at < now() - make_interval(secs => $2))))
ORDER BY j.id LIMIT $1;

-- name: lost_facts
-- The same, looked at again under the locks.
SELECT j.id, j.stage, (w.id IS NULL OR w.lease_until < now()) AS owner_lost, (j.deadline_at < now()) AS deadline_passed
FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id
WHERE j.id = ANY ($1::uuid[]) AND j.status = 'running' AND j.stage IN ('claimed', 'delivered');

-- name: adopt_indexing
-- Content that is staged and has no living owner: this consumer goes on with it. So it does with what is its own and
-- it does not know of ($3 is what it knows): the answer to the commit that gave it the job was lost.
WITH adopted AS (
    UPDATE jobs SET worker_id = $1, updated_at = now()
    WHERE id = ANY (ARRAY(
        SELECT j.id FROM jobs j LEFT JOIN workers w ON w.id = j.worker_id
        WHERE j.status = 'running' AND j.stage = 'indexing' AND (w.id IS NULL OR w.lease_until < now())
        ORDER BY j.id LIMIT $2 FOR NO KEY UPDATE OF j SKIP LOCKED))
    RETURNING id
)
SELECT id FROM adopted
UNION
(SELECT id FROM jobs
 WHERE status = 'running' AND stage = 'indexing' AND worker_id = $1 AND id <> ALL ($3::uuid[]) ORDER BY id LIMIT $2);

-- name: queued_activations
-- An earlier version is to be served again, and it is its source's turn.
SELECT a.id FROM jobs a
WHERE a.type = 'activate' AND a.status = 'queued' AND a.available_at <= now()
  AND NOT EXISTS (
      SELECT 1 FROM jobs e WHERE e.source_id = a.source_id AND e.parent_id IS NULL
        AND e.status IN ('queued', 'running') AND e.seq < a.seq)
ORDER BY a.seq LIMIT $1;

-- name: start_activations
UPDATE jobs SET status = 'running', stage = 'indexing', worker_id = $1, started_at = now(), updated_at = now()
WHERE id = ANY ($2::uuid[]) AND status = 'queued' AND type = 'activate' RETURNING id;

-- name: open_runs_without_open_pages
-- Runs that should have been closed: looked at again by the janitor.
SELECT r.id FROM jobs r
WHERE r.type = 'crawler' AND r.status IN ('queued', 'running') AND r.total = r.succeeded + r.failed + r.skipped + r.cancelled
ORDER BY r.id LIMIT $1;

-- name: remove_of_root
-- A finished run and its pages; log lines and failed_jobs go with them.
DELETE FROM jobs WHERE parent_id = $1 OR id = $1 RETURNING status;

-- name: remove_of_source
-- Pages of a source that is being removed, in slices, found through their runs.
DELETE FROM jobs WHERE id IN (
    SELECT p.id FROM jobs r JOIN jobs p ON p.parent_id = r.id
    WHERE r.source_id = $1 AND r.parent_id IS NULL AND p.status NOT IN ('queued', 'running') LIMIT $2)
RETURNING status;

-- name: oldest_waiting
-- Age in seconds of the oldest job that is due and not yet claimed; 0 without one.
SELECT coalesce(extract(epoch FROM now() - min(greatest(created_at, available_at))), 0)::double precision
FROM jobs WHERE status = 'queued' AND handler IS NOT NULL AND available_at <= now();

-- name: open_by_status
SELECT status, count(*)::integer AS jobs FROM jobs WHERE status IN ('queued', 'running') GROUP BY status;

-- name: seed_of
SELECT host, url_key, payload FROM jobs WHERE parent_id = $1 AND is_seed ORDER BY seq LIMIT 1;

-- name: remove_runs_of_source
-- Runs of a source that is being removed, once they have no page any more.
DELETE FROM jobs WHERE id IN (
    SELECT r.id FROM jobs r
    WHERE r.source_id = $1 AND r.parent_id IS NULL AND r.status NOT IN ('queued', 'running')
      AND NOT EXISTS (SELECT 1 FROM jobs p WHERE p.parent_id = r.id)
    LIMIT $2)
RETURNING status;

-- name: anything_waiting
-- Whether a dispatch could find anything: looked at every second, so it takes no lock and writes nothing.
SELECT EXISTS (
    SELECT 1 FROM jobs WHERE status = 'queued' AND announced_at IS NULL AND handler IS NOT NULL
      AND parent_id IS NOT NULL AND available_at <= now())
OR EXISTS (
    SELECT 1 FROM jobs WHERE status = 'queued' AND announced_at IS NULL AND handler IS NOT NULL
      AND parent_id IS NULL AND available_at <= now());

-- name: note_lost_results
-- A result that never came is no owner that was lost: counted apart from reclaims.
UPDATE jobs SET stats = stats || jsonb_build_object('lost_results', coalesce((stats ->> 'lost_results')::integer, 0) + 1)
WHERE id = ANY ($1::uuid[]);

-- name: stalled_runs
-- Crawls in which nothing has moved for $1 seconds and no page is open, whatever their counters say.
SELECT r.id FROM jobs r
WHERE r.type = 'crawler' AND r.status IN ('queued', 'running') AND r.updated_at < now() - make_interval(secs => $1)
  AND NOT EXISTS (SELECT 1 FROM jobs p WHERE p.parent_id = r.id AND p.status IN ('queued', 'running'))
ORDER BY r.id LIMIT $2;

-- name: recount_runs
-- Counters that do not agree with the rows would keep a run open for ever: the rows are right.
UPDATE jobs r SET total = k.total, succeeded = k.succeeded, failed = k.failed, skipped = k.skipped, cancelled = k.cancelled
FROM (
    SELECT r2.id, count(p.id)::integer AS total,
           count(p.id) FILTER (WHERE p.status = 'succeeded')::integer AS succeeded,
           count(p.id) FILTER (WHERE p.status = 'failed')::integer AS failed,
           count(p.id) FILTER (WHERE p.status = 'skipped')::integer AS skipped,
           count(p.id) FILTER (WHERE p.status = 'cancelled')::integer AS cancelled
    FROM jobs r2 LEFT JOIN jobs p ON p.parent_id = r2.id WHERE r2.id = ANY ($1::uuid[]) GROUP BY r2.id
) k
WHERE r.id = k.id
  AND (r.total, r.succeeded, r.failed, r.skipped, r.cancelled)
      IS DISTINCT FROM (k.total, k.succeeded, k.failed, k.skipped, k.cancelled)
RETURNING r.id;

-- name: uploads_of_source
-- Where the originals of a source lie, in the order of acceptance; a run that was repeated names the same one again.
SELECT seq, payload ->> 'upload_uri' AS upload_uri FROM jobs
WHERE source_id = $1 AND parent_id IS NULL AND type = 'upload' AND seq > $2 ORDER BY seq LIMIT $3;

-- name: needed_blobs
-- Of these blobs those that something can still need: their own run, a version that it made, or a run that was
-- repeated with them. The store may have moved, so the ends of URIs are compared.
SELECT k.place FROM unnest($1::uuid[], $2::uuid[], $3::text[]) WITH ORDINALITY AS k (tenant_id, run_id, path, place)
WHERE EXISTS (SELECT 1 FROM jobs j WHERE j.id = k.run_id)
   OR EXISTS (SELECT 1 FROM document_versions v WHERE v.job_id = k.run_id)
   OR EXISTS (
       SELECT 1 FROM jobs j WHERE j.tenant_id = k.tenant_id AND j.parent_id IS NULL AND j.type = 'upload'
         AND right(j.payload ->> 'upload_uri', length(k.path)) = k.path);
