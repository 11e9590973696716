ALTER TABLE rebuilds
    -- The collection that was written to when it was asked for: it ends where that is not so any more.
    ADD COLUMN collection text,
    -- A rebuild of one source walks by document: noted_up_to is in this one.
    ADD COLUMN noted_in_document uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- Why it ended before everything was done: collection_changed. Null where it did not.
    ADD COLUMN reason text CHECK (reason IN ('collection_changed'));
UPDATE rebuilds SET collection = (SELECT name FROM collections WHERE is_current);
