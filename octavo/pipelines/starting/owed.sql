-- What triggers owe: changes whose run the quota of the day did not allow (migration 0030).

-- name: owing
-- scope: system
-- $1 organizations at most: those that are owed a run.
WITH RECURSIVE owing AS (
    (SELECT organization_id FROM octavo.run_owed ORDER BY organization_id LIMIT 1)
    UNION ALL
    SELECT (
        SELECT owed.organization_id
        FROM octavo.run_owed AS owed
        WHERE owed.organization_id > owing.organization_id
        ORDER BY owed.organization_id
        LIMIT 1
    )
    FROM owing
    WHERE owing.organization_id IS NOT NULL
)
SELECT organization_id FROM owing WHERE organization_id IS NOT NULL LIMIT $1

-- name: start_owed
-- $2 of them at most.
SELECT started, settled, is_refused FROM octavo.start_owed($1::octavo.organization, $2)
