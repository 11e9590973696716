DROP TABLE audit_state;
DROP TABLE janitor_tasks;
DROP TABLE dead_messages;
DROP TABLE audit_log;
DROP TABLE ledger;
