-- name: count_ended
-- How many ended root jobs of these states there are of that age, those that are kept among them.
SELECT count(*) FROM jobs r
WHERE r.tenant_id = $1 AND r.parent_id IS NULL AND r.finished_at < now() - make_interval(secs => $3)
  AND r.status = ANY ($2::text[]);

-- name: removable
-- The next ended root jobs that nothing needs any more, the oldest first (index jobs_ended_roots). Kept are the newest
-- of each type of a live source, by which the source's state is told and an older one knows that it is older; what has
-- a dead job that will be retried by itself, or that people may retry ($4: they gave it up too); and what still has
-- pages to retire or to decide about. Keep the conditions equal to those of `still_removable`.
SELECT r.id, r.finished_at FROM jobs r
WHERE r.tenant_id = $1 AND r.parent_id IS NULL AND r.finished_at < now() - make_interval(secs => $3)
  AND r.status = ANY ($2::text[])
  AND (r.finished_at, r.id) > ($5::timestamptz, $6::uuid)
  AND NOT EXISTS (SELECT 1 FROM failed_jobs f WHERE f.root_id = r.id AND (f.next_retry_at IS NOT NULL OR NOT $4))
  AND NOT EXISTS (SELECT 1 FROM prunes p WHERE p.run_id = r.id AND p.finished_at IS NULL)
  AND (NOT EXISTS (SELECT 1 FROM sources s WHERE s.id = r.source_id AND s.status = 'live')
       OR EXISTS (SELECT 1 FROM jobs n
                  WHERE n.source_id = r.source_id AND n.parent_id IS NULL AND n.type = r.type AND n.seq > r.seq))
ORDER BY r.finished_at, r.id LIMIT $7;

-- name: still_removable
-- The same of these, under their locks; and no page of them is open, which would go with its run.
SELECT r.id FROM jobs r
WHERE r.id = ANY ($5::uuid[]) AND r.tenant_id = $1 AND r.parent_id IS NULL
  AND r.finished_at < now() - make_interval(secs => $3) AND r.status = ANY ($2::text[])
  AND NOT EXISTS (SELECT 1 FROM failed_jobs f WHERE f.root_id = r.id AND (f.next_retry_at IS NOT NULL OR NOT $4))
  AND NOT EXISTS (SELECT 1 FROM prunes p WHERE p.run_id = r.id AND p.finished_at IS NULL)
  AND (NOT EXISTS (SELECT 1 FROM sources s WHERE s.id = r.source_id AND s.status = 'live')
       OR EXISTS (SELECT 1 FROM jobs n
                  WHERE n.source_id = r.source_id AND n.parent_id IS NULL AND n.type = r.type AND n.seq > r.seq))
  AND NOT EXISTS (SELECT 1 FROM jobs p WHERE p.parent_id = r.id AND p.status IN ('queued', 'running'))
ORDER BY r.id;

-- name: counted
-- What removing these runs would remove.
SELECT (SELECT count(*) FROM jobs p WHERE p.parent_id = ANY ($1::uuid[])) AS pages,
       (SELECT count(*) FROM job_logs l WHERE l.root_id = ANY ($1::uuid[])) AS log_lines,
       (SELECT count(*) FROM failed_jobs f WHERE f.root_id = ANY ($1::uuid[])) AS failed_jobs;

-- name: next_pages
-- Pages of these runs; the seed page last, because a run can be repeated as long as it is there.
SELECT id FROM jobs WHERE parent_id = ANY ($1::uuid[]) ORDER BY is_seed, seq LIMIT $2;

-- name: drop_logs
DELETE FROM job_logs WHERE job_id = ANY ($1::uuid[]);

-- name: drop
-- Ended ones only, whatever was chosen: what is still open stands in nobody's way.
DELETE FROM jobs WHERE id = ANY ($1::uuid[]) AND status NOT IN ('queued', 'running') RETURNING status;

-- name: tenants
-- Whose jobs the retention looks through.
SELECT id FROM tenants ORDER BY id;
