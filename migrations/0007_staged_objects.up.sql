-- The janitor's discard_unused: staged objects are few at any time, and looked for often.
CREATE INDEX objects_staged ON objects (created_at) WHERE state = 'staged';
