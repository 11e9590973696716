-- name: slug
SELECT slug FROM tenants WHERE id = $1;

-- name: live
-- Tenants that have content, for the audit and for making them in Weaviate.
SELECT id, slug FROM tenants WHERE deleted_at IS NULL ORDER BY id;
