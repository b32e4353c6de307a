-- name: list_invalid_indexes
-- scope: system
-- Kept up by every write and used by no query: what an interrupted build leaves. The index of a partitioned table is
-- invalid until each partition has its part.
SELECT format('%I.%I', namespace.nspname, relation.relname) AS name
FROM pg_index AS indexed
INNER JOIN pg_class AS relation ON relation.oid = indexed.indexrelid
INNER JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE NOT indexed.indisvalid AND namespace.nspname = 'octavo'
ORDER BY 1
