-- name: hold
-- The one row, held until the end of the transaction, and which database this is now.
SELECT w.*, quern_database_identity() AS identity_now FROM audit_watch w FOR UPDATE;

-- name: begin
-- The first look of an installation, or of one that was restored from before it had this table.
INSERT INTO audit_watch (database_identity, history, turn, weaviate_starts, full_since, full_reason)
VALUES (quern_database_identity(), $1, $2, $3, CASE WHEN $4::text <> '' THEN now() END, $4) ON CONFLICT DO NOTHING;

-- name: note
-- What a look found. A restart of Weaviate has batches verified again that were closed up to $5 seconds before the
-- last look at its previous start; a window that is still open is widened.
UPDATE audit_watch SET
    database_identity = quern_database_identity(),
    turn = $1, marked = $2, weaviate_starts = $3, weaviate_seen_at = now(),
    recheck_from = CASE WHEN weaviate_starts <> $3
        THEN least(recheck_from, weaviate_seen_at - make_interval(secs => $5)) ELSE recheck_from END,
    recheck_to = CASE WHEN weaviate_starts <> $3 THEN now() ELSE recheck_to END,
    full_since = CASE WHEN $4::text <> '' THEN now() ELSE full_since END,
    full_reason = CASE WHEN $4::text <> '' THEN $4 ELSE full_reason END
RETURNING recheck_from, recheck_to, full_since;

-- name: rechecked
-- Batches were verified down to $2, or all of them (null). Not if Weaviate was started again meanwhile.
UPDATE audit_watch SET recheck_to = $2, recheck_from = CASE WHEN $2::timestamptz IS NULL THEN NULL ELSE recheck_from END
WHERE weaviate_starts = $1;

-- name: changes_seen
UPDATE audit_watch SET changed_at = $1, changed_id = $2 WHERE (changed_at, changed_id) < ($1, $2);

-- name: end_full
-- Every place had a round that began after the full audit did.
UPDATE audit_watch w SET full_since = NULL, full_reason = ''
WHERE w.full_since IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM tenants t CROSS JOIN collections c
    LEFT JOIN audit_state a ON a.tenant_id = t.id AND a.collection = c.name
    WHERE t.deleted_at IS NULL AND (a.whole_round_began_at IS NULL OR a.whole_round_began_at < w.full_since))
RETURNING w.is_single;

-- name: cursor
-- Up to where versions were looked at, and up to where their order is final: activated_at is the beginning of a
-- transaction, so that one that is still under way may commit an earlier time than one that has committed. All services
-- are this role, whose transactions it sees. The margin is for one that has begun and does not show yet. The versions
-- are read in a statement of their own, after this one: what ended in between is visible there.
SELECT changed_at, changed_id, least(now() - make_interval(secs => $1), (
    SELECT min(a.xact_start) FROM pg_stat_activity a
    WHERE a.datname = current_database() AND a.usename = current_user)) AS settled_to
FROM audit_watch;

-- name: changed_versions
-- Versions that are served since the cursor, the oldest first.
SELECT v.id, v.activated_at, v.source_id, v.document_id, v.chunk_count
FROM document_versions v
WHERE v.is_active AND (v.activated_at, v.id) > ($1::timestamptz, $2::uuid) AND v.activated_at < $3
ORDER BY v.activated_at, v.id LIMIT $4;
