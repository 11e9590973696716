DROP TABLE tenant_turns, stored_uploads, tenant_usage;
DROP SEQUENCE dispatch_turns;
DROP INDEX tenants_listed, tenants_going;
ALTER TABLE tenants DROP COLUMN limits, DROP COLUMN purged_at;
