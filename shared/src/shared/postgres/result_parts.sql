-- name: add
INSERT INTO result_parts (job_id, epoch, part, parts, tenant_id, markdown)
SELECT * FROM unnest($1::uuid[], $2::integer[], $3::integer[], $4::integer[], $5::uuid[], $6::text[])
ON CONFLICT DO NOTHING;

-- name: complete
-- Which of these jobs have all their parts.
SELECT job_id FROM result_parts WHERE job_id = ANY ($1::uuid[]) GROUP BY job_id, epoch, parts HAVING count(*) = parts;

-- name: drop
DELETE FROM result_parts WHERE job_id = ANY ($1::uuid[]);

-- name: forget
-- What tries left behind whose set never became complete.
DELETE FROM result_parts WHERE (job_id, epoch, part) IN (
    SELECT p.job_id, p.epoch, p.part FROM result_parts p
    LEFT JOIN jobs j ON j.id = p.job_id AND j.epoch = p.epoch AND j.status = 'running'
    WHERE j.id IS NULL LIMIT $1);
