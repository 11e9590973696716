-- name: served
-- These had their turn, in this order: they are the last in line now.
INSERT INTO tenant_turns AS t (tenant_id, served)
SELECT k.tenant_id, nextval('dispatch_turns')
FROM (SELECT u.tenant_id FROM unnest($1::uuid[]) WITH ORDINALITY AS u (tenant_id, place) ORDER BY u.place) k
ON CONFLICT (tenant_id) DO UPDATE SET served = excluded.served;
