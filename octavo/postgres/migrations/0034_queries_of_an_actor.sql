-- phase: expand
-- transaction: none
-- An actor's kept queries in their order, beside writers. Under row-level security no index serves a comparison of
-- kinds, which is not leakproof, so the kind is not in it.
CREATE INDEX CONCURRENTLY IF NOT EXISTS remembered_query_of ON octavo.remembered_query (organization_id, actor, id);
