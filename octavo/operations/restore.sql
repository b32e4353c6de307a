-- name: examine_target
-- scope: system
-- Whether the database is empty but for extensions, and whose server it is.
SELECT
    current_setting('server_version_num')::integer / 10000 AS major,
    (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) AS is_superuser,
    current_database() AS database,
    (
        SELECT format('%I.%I', namespace.nspname, relation.relname)
        FROM pg_class AS relation
        INNER JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
        WHERE
            namespace.nspname !~ '^(pg_|information_schema$)'
            AND relation.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
            AND NOT EXISTS (
                SELECT FROM pg_depend AS owned
                WHERE owned.classid = 'pg_class'::regclass AND owned.objid = relation.oid
                    AND owned.deptype = 'e'
            )
        ORDER BY 1
        LIMIT 1
    ) AS holds,
    to_regnamespace('octavo') IS NOT NULL AS has_schema

-- name: analyze
-- scope: system
-- Statistics are not in a dump, and plans without them are wrong.
ANALYZE
