-- name: create_roles
-- scope: system
-- Roles belong to the whole server, so several databases of one server may run this at the same time.
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
            EXECUTE 'CREATE ROLE ' || wanted || ' NOCREATEDB NOCREATEROLE NOSUPERUSER';
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;
        END;
    END LOOP;
END
$$;

-- name: create_extensions
-- scope: system
CREATE EXTENSION IF NOT EXISTS btree_gin WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;

-- name: create_schema
-- scope: system
CREATE SCHEMA IF NOT EXISTS octavo AUTHORIZATION octavo_owner;
GRANT USAGE ON SCHEMA octavo TO octavo_app, octavo_system, octavo_lookup, octavo_backup;
GRANT octavo_owner, octavo_lookup TO CURRENT_USER;
GRANT CREATE ON SCHEMA octavo TO octavo_lookup;
DO $$
BEGIN
    EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO octavo_owner, octavo_system', current_database());
END
$$;
