-- name: of_keys
-- Who stands for these pages in which run. A job that ended without content has fallen: it stands for nothing, though
-- its page was seen.
SELECT p.url_key, p.run_id, p.job_id, p.depth,
       coalesce(j.status = 'skipped' AND j.reason IN ('canonical', 'gone', 'robots', 'scope', 'type'), false) AS fallen
FROM crawl_pages p LEFT JOIN jobs j ON j.id = p.job_id
WHERE p.source_id = $1 AND p.url_key = ANY ($2::text[]);

-- name: links
-- Where pages lead to, as last fetched: of pages that are asked for alone, because there may be thousands of each.
SELECT url_key, links FROM crawl_pages WHERE source_id = $1 AND url_key = ANY ($2::text[]);

-- name: lower
-- Found again on a shorter path.
UPDATE crawl_pages p SET depth = k.depth FROM unnest($2::text[], $3::integer[]) AS k (url_key, depth)
WHERE p.source_id = $1 AND p.url_key = k.url_key AND p.depth > k.depth;

-- name: register
-- The frontier: under the source's lock, so that each page is taken once in a run.
INSERT INTO crawl_pages (source_id, url_key, tenant_id, url, run_id, job_id, depth, fate, reason)
SELECT $1, k.url_key, $2, k.url, $3, k.job_id, k.depth, k.fate, k.reason
FROM unnest($4::text[], $5::text[], $6::uuid[], $7::integer[], $8::text[], $9::text[])
    AS k (url_key, url, job_id, depth, fate, reason)
ON CONFLICT (source_id, url_key) DO UPDATE SET
    run_id = excluded.run_id, job_id = excluded.job_id, depth = excluded.depth, fate = excluded.fate,
    reason = excluded.reason, http_status = NULL;

-- name: note_refused
-- Links that are not followed: kept up to a limit, never in the way of a page of this run.
INSERT INTO crawl_pages (source_id, url_key, tenant_id, url, run_id, depth, fate, reason)
SELECT $1, k.url_key, $2, k.url, $3, $4, 'skipped', k.reason
FROM unnest($5::text[], $6::text[], $7::text[]) AS k (url_key, url, reason)
ON CONFLICT (source_id, url_key) DO NOTHING;

-- name: count_refused
-- Counted up to the limit and no further.
SELECT count(*) FROM (SELECT 1 FROM crawl_pages WHERE source_id = $1 AND job_id IS NULL LIMIT $2) listed;

-- name: fetched
-- What the last fetch said. New content comes without validators: they follow when it is activated.
UPDATE crawl_pages p SET
    document_id = k.document_id, http_status = k.http_status, fetched_at = now(),
    etag = CASE WHEN k.new_content THEN NULL ELSE coalesce(k.etag, p.etag) END,
    last_modified = CASE WHEN k.new_content THEN NULL ELSE coalesce(k.last_modified, p.last_modified) END,
    links = CASE WHEN k.links IS NULL THEN p.links
                 WHEN p.links_of = k.links_of THEN p.links || ARRAY(SELECT jsonb_array_elements_text(k.links::jsonb))
                 ELSE ARRAY(SELECT jsonb_array_elements_text(k.links::jsonb)) END,
    links_of = CASE WHEN k.links IS NULL THEN p.links_of ELSE k.links_of END
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::integer[], $5::boolean[], $6::text[], $7::text[], $8::text[],
        $9::uuid[])
    AS k (source_id, url_key, document_id, http_status, new_content, etag, last_modified, links, links_of)
WHERE p.source_id = k.source_id AND p.url_key = k.url_key;

-- name: activated
-- The content that these pages were fetched with is served now.
UPDATE crawl_pages p SET etag = j.stats ->> 'etag', last_modified = j.stats ->> 'last_modified',
    content_hash = v.content_hash
FROM jobs j JOIN document_versions v ON v.id = j.version_id
WHERE j.id = ANY ($1::uuid[]) AND j.type = 'page' AND p.source_id = j.source_id AND p.url_key = j.url_key
  AND p.job_id = j.id;

-- name: forget_validators
-- What counts as in scope has changed: every page is fetched anew.
UPDATE crawl_pages SET etag = NULL, last_modified = NULL WHERE source_id = $1;

-- name: finish
-- The fate of a page that a job stood for, unless a later run has taken it over.
UPDATE crawl_pages p SET fate = j.status, reason = j.reason, http_status = coalesce(j.http_status, p.http_status)
FROM jobs j
WHERE j.id = ANY ($1::uuid[]) AND j.type = 'page' AND p.job_id = j.id;

-- name: mark_gone
UPDATE crawl_pages p SET fate = 'skipped', reason = 'gone'
FROM documents d
WHERE d.id = ANY ($1::uuid[]) AND p.source_id = d.source_id AND p.url_key = d.source_uri;

-- name: drop_of_source
DELETE FROM crawl_pages WHERE (source_id, url_key) IN (
    SELECT source_id, url_key FROM crawl_pages WHERE source_id = $1 LIMIT $2);
