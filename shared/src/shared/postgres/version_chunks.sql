-- name: add
INSERT INTO version_chunks (version_id, ordinal, chunk_id, tenant_id, page, row)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::uuid[], $4::uuid[], $5::integer[], $6::integer[])
ON CONFLICT DO NOTHING;

-- name: drop_of_versions
-- In slices: of versions that are not served and never will be again.
DELETE FROM version_chunks WHERE (version_id, ordinal) IN (
    SELECT version_id, ordinal FROM version_chunks WHERE version_id = ANY ($1::uuid[]) LIMIT $2);

-- name: of_versions
SELECT chunk_id FROM version_chunks WHERE version_id = ANY ($1::uuid[]);
