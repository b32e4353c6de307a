-- name: list_relations
-- scope: system
-- Every table and view that is not PostgreSQL's own, with its columns and those that want a value and have no default.
SELECT
    relation.oid,
    relation.relkind IN ('r', 'p', 'm') AS has_rows,
    format('%I.%I', namespace.nspname, relation.relname) AS name,
    ARRAY(
        SELECT attribute.attname::text
        FROM pg_attribute AS attribute
        WHERE attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
        ORDER BY attribute.attnum
    ) AS columns,
    ARRAY(
        SELECT attribute.attname::text
        FROM pg_attribute AS attribute
        WHERE attribute.attrelid = relation.oid AND attribute.attnum > 0 AND NOT attribute.attisdropped
            AND attribute.attnotnull AND NOT attribute.atthasdef AND attribute.attidentity = ''
        ORDER BY attribute.attnum
    ) AS required
FROM pg_class AS relation
INNER JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE relation.relkind IN ('r', 'p', 'm', 'v')
    AND namespace.nspname !~ '^pg_' AND namespace.nspname <> 'information_schema'

-- name: list_functions
-- scope: system
SELECT DISTINCT routine.oid::regprocedure::text AS name
FROM pg_proc AS routine
INNER JOIN pg_namespace AS namespace ON namespace.oid = routine.pronamespace
WHERE namespace.nspname !~ '^pg_' AND namespace.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = routine.oid AND deptype = 'e')

-- name: observe
-- scope: system
-- What this transaction did to tables so far: the file that holds their rows, how often they were read from end to
-- end, and the locks on them.
SELECT
    relation.oid,
    format('%I.%I', namespace.nspname, relation.relname) AS name,
    pg_relation_filenode(relation.oid) AS file,
    coalesce(pg_stat_get_xact_numscans(relation.oid), 0) AS scans,
    ARRAY(
        SELECT held.mode FROM pg_locks AS held
        WHERE held.pid = pg_backend_pid() AND held.locktype = 'relation' AND held.granted
            AND held.relation = relation.oid
            AND held.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    ) AS locks
FROM pg_class AS relation
INNER JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
WHERE relation.oid = ANY($1::oid [])

-- name: format_drop_database
-- scope: system
SELECT format('DROP DATABASE IF EXISTS %I WITH (FORCE)', $1::text) AS drop_database
