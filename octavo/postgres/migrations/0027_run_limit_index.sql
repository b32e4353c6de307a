-- phase: expand
-- transaction: none
-- Leases of runs that have a limit, beside writers.
CREATE INDEX CONCURRENTLY IF NOT EXISTS run_lease_limit ON octavo.run_lease (organization_id, pipeline_id, concurrency)
    WHERE pipeline_id IS NOT NULL;
