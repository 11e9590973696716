ALTER TABLE document_versions DROP COLUMN shape;
ALTER TABLE groups DROP COLUMN context_columns, DROP COLUMN columns;
