-- What of a table's rows is embedded, by group.

ALTER TABLE groups
    -- The columns whose values make the text of a row, in the order of the file; empty: all of them.
    ADD COLUMN columns text[] NOT NULL DEFAULT '{}',
    -- The columns whose values stand above each row's text, in the heading path.
    ADD COLUMN context_columns text[] NOT NULL DEFAULT '{}';
ALTER TABLE document_versions
    -- A digest of the preferences that its chunks were made with: the same bytes with others are not the same.
    ADD COLUMN shape text NOT NULL DEFAULT '';
