ALTER TABLE workers DROP COLUMN waits_for;
