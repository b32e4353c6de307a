-- name: count_everything
-- scope: system
SELECT
    (SELECT count(*) FROM octavo.organization_profile) AS organizations,
    (SELECT count(*) FROM octavo.document WHERE deleted_at IS NULL) AS documents,
    (SELECT count(*) FROM octavo.document WHERE deleted_at IS NOT NULL AND purged_at IS NULL) AS deleted,
    (SELECT count(*) FROM octavo.version) AS versions,
    (SELECT count(*) FROM octavo.event) AS events,
    (SELECT count(*) FROM octavo.content) AS files,
    pg_database_size(current_database()) AS size_bytes
