-- name: keep_event_partitions
-- scope: system
SELECT partition FROM octavo.keep_event_partitions($1) AS partition
