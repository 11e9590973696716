DROP TABLE groups;
DROP TABLE tenants;
DROP FUNCTION quern_visible(uuid);
-- The role stays: other databases of the cluster may use it, and it owns nothing.
REVOKE USAGE ON SCHEMA public FROM quern_service;
