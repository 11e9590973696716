-- name: add
-- A chunk that is there already did not change: neither written nor embedded again.
INSERT INTO chunks (id, tenant_id, source_id, document_id, heading_path, text)
SELECT k.id, k.tenant_id, k.source_id, k.document_id, ARRAY(SELECT jsonb_array_elements_text(k.heading_path::jsonb)), k.text
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[])
    AS k (id, tenant_id, source_id, document_id, heading_path, text)
ON CONFLICT (id) DO NOTHING;

-- name: to_index
-- Chunks of staged versions that no object stands for yet: not active, not superseded (that one is used again),
-- not staged in a verified batch. Of each job only what comes after an ordinal, and found before texts are read: a
-- version may have hundreds of thousands, of which a batch is a small part.
WITH missing AS MATERIALIZED (
    SELECT j.id AS job_id, j.tenant_id, m.ordinal, m.chunk_id, s.type AS source_type, v.language
    FROM unnest($1::uuid[], $2::integer[]) AS k (job_id, after)
    JOIN jobs j ON j.id = k.job_id
    JOIN document_versions v ON v.id = j.version_id
    JOIN sources s ON s.id = v.source_id
    CROSS JOIN LATERAL (
        SELECT vc.ordinal, vc.chunk_id FROM version_chunks vc
        WHERE vc.version_id = v.id AND vc.ordinal > k.after
          AND NOT EXISTS (
              SELECT 1 FROM objects o LEFT JOIN index_batches b ON b.batch_id = o.batch_id
              WHERE o.chunk_id = vc.chunk_id AND o.collection = $3
                AND (o.state IN ('active', 'superseded') OR (o.state = 'staged' AND b.state = 'verified'))
              -- Keeps this a look-up for each chunk, in order, that ends at the limit.
              OFFSET 0)
        ORDER BY vc.ordinal LIMIT $4
    ) m
    WHERE j.status = 'running' AND j.stage = 'indexing' AND s.status = 'live'
    ORDER BY j.tenant_id, j.id, m.ordinal LIMIT $4
)
SELECT c.id AS chunk_id, c.tenant_id, c.source_id, c.document_id, c.heading_path, c.text, m.job_id, m.ordinal,
       m.source_type, m.language
FROM missing m JOIN chunks c ON c.id = m.chunk_id
ORDER BY m.tenant_id, m.job_id, m.ordinal;

-- name: unreferenced
-- Chunks of these documents that no version has any more, in slices; under their sources' locks, because what is
-- being staged may have one of them again.
DELETE FROM chunks WHERE id IN (
    SELECT c.id FROM chunks c WHERE c.document_id = ANY ($1::uuid[]) AND c.source_id = ANY ($2::uuid[])
      AND NOT EXISTS (SELECT 1 FROM version_chunks vc WHERE vc.chunk_id = c.id)
    LIMIT $3);

-- name: drop_of_source
DELETE FROM chunks WHERE id IN (SELECT id FROM chunks WHERE source_id = $1 LIMIT $2);
