-- phase: expand
-- transaction: none
-- What would keep writers waiting in the migrations that made its columns.

-- What belongs to one request or conversation. Partial, so an event without a correlation costs nothing.
CREATE INDEX CONCURRENTLY IF NOT EXISTS event_correlation
    ON octavo.event (organization_id, correlation_id, epoch, position_xid, id)
    WHERE correlation_id IS NOT NULL;

-- Members of a container that it lost.
CREATE INDEX CONCURRENTLY IF NOT EXISTS source_container
    ON octavo.source (organization_id, namespace, container_key)
    WHERE container_key IS NOT NULL;

ALTER TABLE octavo.source VALIDATE CONSTRAINT source_container_key_check;
ALTER TABLE octavo.source VALIDATE CONSTRAINT source_etag_check;
ALTER TABLE octavo.source VALIDATE CONSTRAINT source_last_modified_check;
