-- phase: expand
-- transaction: none
-- The documents that are due, soonest first. Built beside writers, since every document is looked at; partial, so one
-- that does not expire has no entry, and its updates stay heap-only.
CREATE INDEX CONCURRENTLY IF NOT EXISTS document_expiry ON octavo.document (expires_at, organization_id, id)
    WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
