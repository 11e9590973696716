DROP INDEX audit_log_of_actor, audit_log_of_action;
ALTER TABLE sources DROP COLUMN created_by;
DROP TABLE login_attempts, api_tokens, sessions, users;
