-- name: plan_application
-- scope: system
-- What is missing for an application to have a schema of its own: $1 its name, $2 its owner's role. Its tables serve
-- calls and background work, as Octavo's do; a backup reads everything anyway.
SELECT step.statement
FROM
    (
        VALUES
            (1, format('CREATE ROLE %I NOLOGIN', $2::text), to_regrole($2) IS NULL),
            (
                2,
                format('GRANT %I TO %I', $2, current_user),
                to_regrole($2) IS NULL OR NOT pg_has_role(current_user, to_regrole($2), 'SET')
            ),
            (3, format('CREATE SCHEMA %I AUTHORIZATION %I', $1::text, $2), to_regnamespace($1) IS NULL),
            (4, format('GRANT USAGE, CREATE ON SCHEMA %I TO %I', $1, $2), to_regnamespace($1) IS NOT NULL),
            (5, format('GRANT USAGE ON SCHEMA octavo TO %I', $2), true),
            (6, format('GRANT USAGE ON SCHEMA %I TO octavo_app, octavo_system', $1), true),
            (
                7,
                format(
                    'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I '
                    'GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO octavo_app, octavo_system',
                    $2, $1
                ),
                true
            ),
            (
                8,
                format(
                    'ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA %I '
                    'GRANT USAGE ON SEQUENCES TO octavo_app, octavo_system',
                    $2, $1
                ),
                true
            )
    ) AS step (place, statement, missing)
WHERE step.missing
ORDER BY step.place

-- name: format_become
-- scope: system
-- For one transaction: $1 the schema, $2 its owner.
SELECT format('SET LOCAL ROLE %I; SET LOCAL search_path = %I, pg_catalog, public', $2::text, $1::text) AS become

-- name: format_stay
-- scope: system
-- For statements without a transaction, on a connection of the administrator's own.
SELECT format('SET ROLE %I; SET search_path = %I, pg_catalog, public', $2::text, $1::text) AS become

-- name: format_owners
-- scope: system
-- Roles belong to the server and are in no dump of a database: $1 those that a dump names.
SELECT format('CREATE ROLE %I NOLOGIN', wanted.name) AS statement
FROM unnest($1::text []) AS wanted (name)
WHERE to_regrole(wanted.name) IS NULL
ORDER BY wanted.name
