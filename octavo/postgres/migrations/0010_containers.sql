-- phase: expand
-- Sources that are no files of their own: members of an archive or a mailbox, whose container is told so that those
-- it lost are found by an index, and pages of the web with what their server calls their version.
SET LOCAL ROLE octavo_owner;

ALTER TABLE octavo.source
    ADD COLUMN container_key bytea,
    ADD COLUMN etag text,
    ADD COLUMN last_modified text,
    ADD CONSTRAINT source_container_key_check CHECK (octet_length(container_key) = 32) NOT VALID,
    ADD CONSTRAINT source_etag_check CHECK (length(etag) <= 1000) NOT VALID,
    ADD CONSTRAINT source_last_modified_check CHECK (length(last_modified) <= 1000) NOT VALID;
