-- name: current
SELECT name, model, dimensions FROM collections WHERE is_current;

-- name: all
SELECT name, model, dimensions FROM collections ORDER BY created_at;

-- name: add_first
-- The first collection of an installation is the current one; later ones are switched to.
INSERT INTO collections (name, model, dimensions, is_current)
SELECT $1, $2, $3, NOT EXISTS (SELECT 1 FROM collections WHERE is_current)
ON CONFLICT DO NOTHING;
