-- name: roots
-- GET /v1/jobs and /v1/ingestion-runs: root jobs, newest first (index jobs_roots).
SELECT j.id FROM jobs j
WHERE j.tenant_id = $1 AND j.parent_id IS NULL
  AND ($2::text[] IS NULL OR j.type = ANY ($2))
  AND ($3::text IS NULL OR j.status = $3)
ORDER BY j.seq DESC LIMIT $4 OFFSET $5;

-- name: roots_total
-- How many there are of the same; keep the conditions equal to those of `roots`.
SELECT count(*) FROM jobs j
WHERE j.tenant_id = $1 AND j.parent_id IS NULL
  AND ($2::text[] IS NULL OR j.type = ANY ($2))
  AND ($3::text IS NULL OR j.status = $3);

-- name: roots_of_source
-- The runs of one source, newest first (index jobs_roots_of_source).
SELECT j.id FROM jobs j
WHERE j.tenant_id = $1 AND j.parent_id IS NULL AND j.source_id = $4
  AND ($2::text[] IS NULL OR j.type = ANY ($2))
  AND ($3::text IS NULL OR j.status = $3)
ORDER BY j.seq DESC LIMIT $5 OFFSET $6;

-- name: roots_of_source_total
-- How many there are of the same; keep the conditions equal to those of `roots_of_source`.
SELECT count(*) FROM jobs j
WHERE j.tenant_id = $1 AND j.parent_id IS NULL AND j.source_id = $4
  AND ($2::text[] IS NULL OR j.type = ANY ($2))
  AND ($3::text IS NULL OR j.status = $3);

-- name: children
-- Newest first (index jobs_children).
SELECT j.id FROM jobs j
WHERE j.tenant_id = $1 AND j.parent_id = $4
  AND ($2::text[] IS NULL OR j.type = ANY ($2))
  AND ($3::text IS NULL OR j.status = $3)
ORDER BY j.seq DESC LIMIT $5 OFFSET $6;

-- name: children_total
-- How many there are of the same; keep the conditions equal to those of `children`.
SELECT count(*) FROM jobs j
WHERE j.tenant_id = $1 AND j.parent_id = $4
  AND ($2::text[] IS NULL OR j.type = ANY ($2))
  AND ($3::text IS NULL OR j.status = $3);

-- name: exists
SELECT 1 FROM jobs j WHERE j.id = $2 AND j.tenant_id = $1;

-- name: shown
-- Jobs by id, in the order asked for. For open ones also what tells why they wait: `unit` is the job itself, or of
-- a crawl the page that is furthest: one at work, else an announced one, else the first that waits.
SELECT j.id, j.parent_id, j.source_id, j.document_id, j.type, j.handler, j.status, j.error_code, j.error,
       j.http_status, j.reason, j.duplicate_of, j.attempt, j.max_attempts, j.retries,
       j.total, j.succeeded, j.failed, j.skipped, j.cancelled, j.config, j.stats,
       j.created_at, j.started_at, j.finished_at,
       extract(epoch FROM clock_timestamp() - j.started_at)::float8 AS elapsed_seconds,
       unit.status AS unit_status, unit.stage AS unit_stage, unit.announced_at IS NOT NULL AS unit_announced,
       unit.available_at > clock_timestamp() AS unit_later,
       unit.status = 'queued' AND unit.announced_at IS NULL AND unit.host IS NOT NULL AND (
           EXISTS (SELECT 1 FROM hosts h WHERE h.key = unit.host AND h.next_slot_at > clock_timestamp())
           OR EXISTS (SELECT 1 FROM jobs b WHERE b.status = 'queued' AND b.announced_at IS NOT NULL AND b.host = unit.host)
           OR EXISTS (SELECT 1 FROM jobs b WHERE b.status = 'running' AND b.stage = 'claimed' AND b.host = unit.host)
       ) AS unit_host_busy,
       j.status IN ('queued', 'running') AND (
           EXISTS (
               SELECT 1 FROM jobs r JOIN jobs e ON e.source_id = r.source_id
               WHERE r.id = j.root_id AND e.parent_id IS NULL AND e.status IN ('queued', 'running') AND e.seq < r.seq)
           OR EXISTS (SELECT 1 FROM jobs e WHERE e.id = j.waits_for AND e.status IN ('queued', 'running'))
       ) AS earlier_open,
       EXISTS (SELECT 1 FROM workers w WHERE w.kind = 'ingest-worker' AND w.lease_until > clock_timestamp()) AS has_workers,
       EXISTS (SELECT 1 FROM workers w WHERE w.kind = 'result-consumer' AND w.lease_until > clock_timestamp()) AS has_consumers,
       ARRAY(
           SELECT missed.name
           FROM workers w LEFT JOIN LATERAL unnest(w.waits_for) AS missed (name) ON true
           WHERE w.kind = 'result-consumer' AND w.lease_until > clock_timestamp()
           GROUP BY missed.name
           HAVING count(*) = (SELECT count(*) FROM workers c
                              WHERE c.kind = 'result-consumer' AND c.lease_until > clock_timestamp())
              AND missed.name IS NOT NULL
       ) AS consumers_wait_for,
       -- Of a crawl that found many pages gone: what becomes of them.
       (SELECT to_jsonb(p) FROM prunes p WHERE p.run_id = j.id) AS prune
FROM unnest($2::uuid[]) WITH ORDINALITY AS asked (id, place)
JOIN jobs j ON j.id = asked.id AND j.tenant_id = $1
LEFT JOIN LATERAL (
    SELECT found.status, found.stage, found.announced_at, found.available_at, found.host FROM (
        (SELECT 1 AS rank, p.status, p.stage, p.announced_at, p.available_at, p.host FROM jobs p
         WHERE p.id = j.id AND j.type <> 'crawler')
        UNION ALL
        (SELECT CASE p.stage WHEN 'claimed' THEN 2 ELSE 3 END, p.status, p.stage, p.announced_at, p.available_at, p.host
         FROM jobs p
         WHERE j.type = 'crawler' AND p.root_id = j.id AND p.status = 'running' AND p.stage IS NOT NULL
         ORDER BY 1 LIMIT 1)
        UNION ALL
        (SELECT 4, p.status, p.stage, p.announced_at, p.available_at, p.host FROM jobs p
         WHERE j.type = 'crawler' AND p.root_id = j.id AND p.status = 'queued' AND p.announced_at IS NOT NULL LIMIT 1)
        UNION ALL
        (SELECT 5, p.status, p.stage, p.announced_at, p.available_at, p.host FROM jobs p
         WHERE j.type = 'crawler' AND p.root_id = j.id AND p.status = 'queued' AND p.announced_at IS NULL
           AND p.handler IS NOT NULL AND p.parent_id IS NOT NULL
         ORDER BY p.seq LIMIT 1)
    ) found ORDER BY found.rank LIMIT 1
) unit ON j.status IN ('queued', 'running')
ORDER BY asked.place;

-- name: logs
-- The lines of one job, each once, in order (index job_logs_of_job). Whoever writes them holds the job's lock, so
-- that a line with a smaller id never appears after one with a larger id was read.
SELECT l.id, l.job_id, l.ts, l.level, l.message, l.fields FROM job_logs l
WHERE l.job_id = $2 AND l.tenant_id = $1 AND l.id > $3 AND l.level = ANY ($4::text[])
ORDER BY l.id LIMIT $5 OFFSET $6;

-- name: logs_total
SELECT count(*) FROM job_logs l
WHERE l.job_id = $2 AND l.tenant_id = $1 AND l.id > $3 AND l.level = ANY ($4::text[]);

-- name: run_lines
-- The lines of a run and of its pages, for who follows it (index job_logs_of_root).
SELECT l.id, l.job_id, l.ts, l.level, l.message, l.fields FROM job_logs l
WHERE l.root_id = $2 AND l.tenant_id = $1 AND l.id > $3
ORDER BY l.id LIMIT $4;
