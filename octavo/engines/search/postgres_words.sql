-- name: newest_texts
-- $1 organization, $2 passages at most. Ids grow with time, so the last of them are the newest.
SELECT title, text
FROM octavo.search_text
WHERE organization_id = $1::octavo.organization
ORDER BY organization_id DESC, document_id DESC, ordinal DESC
LIMIT $2
