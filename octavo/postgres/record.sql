-- name: keep_event_partitions
-- scope: system
SELECT partition FROM octavo.keep_event_partitions($1) AS partition
UNION ALL
SELECT partition FROM octavo.keep_analytics_partitions($1) AS partition
UNION ALL
SELECT partition FROM octavo.keep_run_partitions($1) AS partition
