-- phase: expand
-- Statements are planned once for any organization. With many small ones PostgreSQL would take each for small, and
-- sort or scan what in a large one has to be walked along an index. So it shall believe in few organizations: a plan
-- that suits a large one costs a small one nothing.
SET LOCAL ROLE octavo_owner;

ALTER TABLE octavo.document_filter ALTER COLUMN organization_id SET (n_distinct = 20);
