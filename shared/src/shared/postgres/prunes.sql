-- name: of_run
-- Under the locks of the source and the run, which everybody takes who changes it.
SELECT run_id, tenant_id, source_id, state, pages, retired, decided_by, finished_at FROM prunes WHERE run_id = $1;

-- name: note
-- A run that is closed again, after one of its pages was tried again, is judged anew.
INSERT INTO prunes (run_id, tenant_id, source_id, state, pages, served, decided_at, decided_by)
VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $4 = 'approved' THEN now() END, $7)
ON CONFLICT (run_id) DO UPDATE SET
    state = excluded.state, pages = excluded.pages, served = excluded.served, retired = 0, noted_at = now(),
    decided_at = excluded.decided_at, decided_by = excluded.decided_by, finished_at = NULL;

-- name: supersede
-- A later run, or the run itself when it was closed again, has looked anew.
UPDATE prunes SET state = 'superseded', decided_at = now(), finished_at = now()
WHERE source_id = $1 AND state = 'held' RETURNING run_id;

-- name: decide
-- Once, whoever comes first.
UPDATE prunes SET state = $2, decided_at = now(), decided_by = $3,
    finished_at = CASE WHEN $2 = 'rejected' THEN now() END
WHERE run_id = $1 AND state = 'held' RETURNING run_id;

-- name: count_retired
UPDATE prunes SET retired = retired + $2, finished_at = CASE WHEN $3 THEN now() END WHERE run_id = $1 RETURNING retired;

-- name: unfinished
-- Approved, and not all retired yet.
SELECT run_id FROM prunes WHERE state = 'approved' AND finished_at IS NULL ORDER BY run_id LIMIT $1;

-- name: figures
-- What waits for a person: runs, and documents that are held.
SELECT count(*)::integer AS runs, coalesce(sum(p.pages), 0)::integer AS pages
FROM prunes p JOIN sources s ON s.id = p.source_id AND s.status = 'live' WHERE p.state = 'held';

-- name: page
-- GET /v1/prunes, newest first (index prunes_listed); not of sources that are being deleted.
SELECT p.run_id, p.source_id, s.name AS source_name, p.state, p.pages, p.served, p.retired, p.noted_at, p.decided_at,
       p.decided_by, p.finished_at
FROM prunes p JOIN sources s ON s.id = p.source_id AND s.status = 'live'
WHERE p.tenant_id = $1 AND ($2::text IS NULL OR p.state = $2) AND ($3::uuid IS NULL OR p.source_id = $3)
ORDER BY p.noted_at DESC, p.run_id DESC LIMIT $4 OFFSET $5;

-- name: total
-- How many there are of the same; keep the conditions equal to those of `page`.
SELECT count(*) FROM prunes p JOIN sources s ON s.id = p.source_id AND s.status = 'live'
WHERE p.tenant_id = $1 AND ($2::text IS NULL OR p.state = $2) AND ($3::uuid IS NULL OR p.source_id = $3);
