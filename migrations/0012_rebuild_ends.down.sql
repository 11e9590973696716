ALTER TABLE rebuilds DROP COLUMN reason, DROP COLUMN noted_in_document, DROP COLUMN collection;
