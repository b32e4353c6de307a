-- name: format_create_database
-- scope: system
SELECT format('CREATE DATABASE %I', $1::text) AS create_database
