-- phase: expand
-- transaction: none
-- The documents of one organization that are due and not swept yet: counting leaves them out, and must not read those
-- of others. Partial as the index of all that expires is, and built beside writers.
CREATE INDEX CONCURRENTLY IF NOT EXISTS document_overdue ON octavo.document (organization_id, expires_at, id)
    WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
