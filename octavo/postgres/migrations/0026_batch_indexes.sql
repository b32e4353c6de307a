-- phase: expand
-- transaction: none
-- The runs of a batch, beside writers. Partial, so a run of none costs nothing. What changes while a run is under way
-- is in no index; what ended is counted from the index alone.
CREATE INDEX CONCURRENTLY IF NOT EXISTS run_batch ON octavo.run (organization_id, batch_id, id)
    WHERE batch_id IS NOT NULL;
CREATE INDEX CONCURRENTLY IF NOT EXISTS run_history_batch
    ON octavo.run_history (organization_id, batch_id, id) INCLUDE (state, started_at, ended_at)
    WHERE batch_id IS NOT NULL;
