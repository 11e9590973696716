-- name: stage
-- Parts of one result meet the same row.
INSERT INTO document_versions (
    id, tenant_id, source_id, document_id, job_id, epoch, run_seq, version_label, content_hash, source_uri,
    title, url, content_type, language, markdown, columns, pages, chunk_count)
SELECT k.id, k.tenant_id, k.source_id, k.document_id, k.job_id, k.epoch, k.run_seq, k.version_label, k.content_hash,
    k.source_uri, k.title, k.url, k.content_type, k.language, k.markdown, k.columns::jsonb, k.pages, k.chunk_count
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::integer[], $7::bigint[], $8::text[],
    $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
    $17::integer[], $18::integer[])
    AS k (id, tenant_id, source_id, document_id, job_id, epoch, run_seq, version_label, content_hash, source_uri,
          title, url, content_type, language, markdown, columns, pages, chunk_count)
ON CONFLICT (id) DO NOTHING;

-- name: join_markdown
-- A result in parts is complete: its Markdown is put together.
UPDATE document_versions v SET markdown = p.markdown
FROM (
    SELECT job_id, epoch, string_agg(markdown, '' ORDER BY part) AS markdown
    FROM result_parts WHERE job_id = ANY ($1::uuid[]) GROUP BY job_id, epoch
) p
WHERE v.job_id = p.job_id AND v.epoch = p.epoch AND v.job_id = ANY ($1::uuid[]);

-- name: of_jobs
-- What the jobs in stage indexing are about to activate.
SELECT j.id AS job_id, v.id AS version_id, v.document_id, v.chunk_count, v.run_seq
FROM jobs j JOIN document_versions v ON v.id = j.version_id WHERE j.id = ANY ($1::uuid[]);

-- name: sources_of_uploads
-- Sources that hold the bytes of these uploads now: locked with their own, since what is said of them must stay true.
-- The jobs come first, whatever the planner thinks of tables that have just grown: it has compared every version with
-- every job of the tenant.
WITH asked AS MATERIALIZED (
    SELECT tenant_id, bytes_sha256 FROM jobs WHERE id = ANY ($1::uuid[]) AND type = 'upload'
)
SELECT DISTINCT v.source_id FROM asked a
JOIN document_versions v ON v.tenant_id = a.tenant_id AND v.content_hash = a.bytes_sha256 AND v.is_active;

-- name: active_with_hash
-- The active upload with these bytes in this group.
SELECT v.document_id, v.source_id FROM document_versions v
JOIN sources s ON s.id = v.source_id
WHERE v.tenant_id = $1 AND v.content_hash = $2 AND v.is_active
  AND s.group_id = $3 AND s.type = 'upload' AND s.status = 'live'
  -- Another version of that file may be on its way: then what is active now is not what will be.
  AND NOT EXISTS (
      SELECT 1 FROM jobs o WHERE o.source_id = s.id AND o.parent_id IS NULL AND o.status IN ('queued', 'running')
        AND o.id IS DISTINCT FROM $4)
ORDER BY v.seq LIMIT 1;

-- name: count_chunks
-- How many chunks these documents serve.
SELECT coalesce(sum(chunk_count), 0)::bigint FROM document_versions WHERE document_id = ANY ($1::uuid[]) AND is_active;

-- name: deactivate
UPDATE document_versions SET is_active = false WHERE document_id = ANY ($1::uuid[]) AND is_active;

-- name: activate
-- A roll back takes the place of its own run: what was accepted after it still wins.
UPDATE document_versions v SET is_active = true, activated_at = now(), run_seq = k.run_seq
FROM unnest($1::uuid[], $2::bigint[]) AS k (id, run_seq) WHERE v.id = k.id;

-- name: kept
-- An earlier version of a document that can be served again.
SELECT v.id, v.is_active, v.source_id, v.run_seq FROM document_versions v
JOIN sources s ON s.id = v.source_id
WHERE v.id = $1 AND v.document_id = $2 AND v.tenant_id = $3 AND v.activated_at IS NOT NULL AND s.status = 'live';

-- name: beyond_kept
-- Versions that were served once and are more than the setting keeps; not while a search that began before the last
-- switch may still look at one.
SELECT ranked.id FROM (
    SELECT v.id, v.is_active, row_number() OVER (PARTITION BY v.document_id ORDER BY v.is_active DESC, v.seq DESC) AS place
    FROM document_versions v JOIN documents d ON d.id = v.document_id
    WHERE v.document_id = ANY ($1::uuid[]) AND v.activated_at IS NOT NULL
      AND d.updated_at < now() - make_interval(secs => $3)
) ranked
WHERE ranked.place > $2 AND NOT ranked.is_active
  AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.version_id = ranked.id AND j.status IN ('queued', 'running'));

-- name: abandoned
-- Staged by a try that is over, or let go: nothing will ever activate them.
SELECT v.id, v.document_id, v.source_id FROM document_versions v
LEFT JOIN jobs j ON j.id = v.job_id AND j.epoch = v.epoch AND j.status = 'running'
WHERE v.activated_at IS NULL AND NOT v.is_active AND j.id IS NULL
  AND v.created_at < now() - make_interval(secs => $1)
ORDER BY v.created_at LIMIT $2;

-- name: drop
DELETE FROM document_versions WHERE id = ANY ($1::uuid[]) AND NOT is_active AND activated_at IS NULL RETURNING id;

-- name: drop_of_source
-- Of a source that is being removed: the next versions; their places go first.
DELETE FROM document_versions WHERE id = ANY ($1::uuid[]);

-- name: let_go
-- Not offered for a roll back any more: from now on it is like one that was never served, and is removed in slices.
UPDATE document_versions SET activated_at = NULL WHERE id = ANY ($1::uuid[]) AND NOT is_active RETURNING id;

-- name: counted
-- The next documents in the order of ids, with how many versions of each are kept.
SELECT d.id, d.source_id, (
    SELECT count(*) FROM document_versions v WHERE v.document_id = d.id AND v.activated_at IS NOT NULL)::integer AS versions
FROM documents d WHERE d.id > $1 ORDER BY d.id LIMIT $2;

-- name: next_of_source
SELECT id FROM document_versions WHERE source_id = $1 LIMIT $2;
