DROP INDEX objects_staged;
