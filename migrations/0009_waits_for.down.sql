SET lock_timeout = '5s';
SET statement_timeout = '60s';

ALTER TABLE workers DROP COLUMN waits_for;
