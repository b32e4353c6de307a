-- phase: expand
-- Sources that are no files of their own: members of an archive or a mailbox, whose container is told so that those
-- it lost are found by an index, and pages of the web with what their server calls their version.
SET LOCAL ROLE octavo_owner;

ALTER TABLE octavo.source
    ADD COLUMN container_key bytea CHECK (octet_length(container_key) = 32),
    ADD COLUMN etag text CHECK (length(etag) <= 1000),
    ADD COLUMN last_modified text CHECK (length(last_modified) <= 1000);

CREATE INDEX source_container ON octavo.source (organization_id, namespace, container_key)
    WHERE container_key IS NOT NULL;
