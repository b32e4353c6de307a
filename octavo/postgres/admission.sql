-- name: describe_role
-- scope: system
SELECT
    role.rolname AS name,
    role.rolsuper AS is_superuser,
    role.rolbypassrls AS bypasses_policies,
    coalesce(current_setting('octavo.organization', true), '') <> '' AS is_bound,
    ARRAY(
        SELECT granted.rolname::text
        FROM pg_roles AS granted
        WHERE granted.rolname IN ('octavo_app', 'octavo_system', 'octavo_owner', 'octavo_lookup', 'octavo_backup')
            AND pg_has_role(role.oid, granted.oid, 'MEMBER')
        ORDER BY granted.rolname
    ) AS memberships,
    EXISTS (
        SELECT FROM pg_class AS relation
        INNER JOIN pg_namespace AS namespace ON namespace.oid = relation.relnamespace
        WHERE namespace.nspname = 'octavo' AND relation.relname = 'migration'
    ) AS has_ledger,
    current_database() AS database,
    least(
        current_setting('max_connections')::integer
            - current_setting('superuser_reserved_connections')::integer
            - current_setting('reserved_connections')::integer,
        CASE WHEN role.rolconnlimit >= 0 THEN role.rolconnlimit END
    ) AS connections
FROM pg_roles AS role
WHERE role.rolname = current_user

-- name: read_schema_state
-- scope: system
SELECT number, name, phase, checksum, state FROM octavo.migration ORDER BY number
