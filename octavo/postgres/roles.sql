-- name: create_roles
-- scope: system
-- Roles belong to the whole server, so several databases of one server may run this at the same time, and an
-- administrator who is no superuser may run it: what only a superuser can give is left out then.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY[
        'octavo_owner NOLOGIN',
        'octavo_lookup NOLOGIN',
        'octavo_app LOGIN',
        'octavo_system LOGIN',
        'octavo_backup LOGIN BYPASSRLS'
    ] LOOP
        CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = split_part(wanted, ' ', 1));
        BEGIN
            EXECUTE 'CREATE ROLE ' || wanted;
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN NULL;
            WHEN insufficient_privilege THEN EXECUTE 'CREATE ROLE ' || replace(wanted, 'BYPASSRLS', '');
        END;
    END LOOP;
END
$$;
DO $$
DECLARE
    given text[];
BEGIN
    FOREACH given SLICE 1 IN ARRAY ARRAY[
        ['octavo_owner', current_user],
        ['octavo_lookup', current_user],
        ['octavo_system', current_user],
        ['pg_read_all_data', 'octavo_backup'], -- a dump reads every partition, and the user's own tables too
        ['pg_read_all_stats', 'octavo_system'] -- to tell who holds the feed back
    ] LOOP
        CONTINUE WHEN EXISTS (
            SELECT FROM pg_auth_members
            WHERE roleid = given[1]::regrole AND member = given[2]::regrole AND inherit_option AND set_option);
        BEGIN
            EXECUTE format('GRANT %I TO %I', given[1], given[2]);
        EXCEPTION
            WHEN unique_violation OR internal_error THEN NULL; -- another database's migration was faster
            WHEN insufficient_privilege THEN NULL;
        END;
    END LOOP;
END
$$;

-- name: create_extensions
-- scope: system
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public;

-- name: create_schema
-- scope: system
DO $$
BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO octavo_owner', current_database());
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO octavo_owner, octavo_system', current_database());
END
$$;
CREATE SCHEMA IF NOT EXISTS octavo AUTHORIZATION octavo_owner;
GRANT USAGE ON SCHEMA octavo TO octavo_app, octavo_system, octavo_lookup, octavo_backup;
GRANT CREATE ON SCHEMA octavo TO octavo_lookup;

-- name: is_prepared
-- scope: system
-- False where a database was cloned or restored: its rights on the database itself do not travel.
SELECT coalesce(bool_and(NOT has_database_privilege(oid, current_database(), 'TEMPORARY')), false) AS prepared
FROM pg_roles
WHERE rolname = 'octavo_app' AND to_regnamespace('octavo') IS NOT NULL
