-- phase: expand
-- What ingest has read: a row a file, so that a second run reads only what changed. A file that could not be read
-- has no row, so every run tries it again.
SET LOCAL ROLE octavo_owner;

CREATE TABLE octavo.source (
    organization_id uuid NOT NULL,
    namespace text NOT NULL,
    -- A path may be longer than an index allows and need not be UTF-8: its bytes' digest is the key.
    path_key bytea NOT NULL CHECK (octet_length(path_key) = 32),
    path text NOT NULL CHECK (length(path) BETWEEN 1 AND 20000),
    bytes bigint NOT NULL CHECK (bytes >= 0),
    modified_ns bigint NOT NULL,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    document_ids uuid [] NOT NULL DEFAULT '{}',
    read_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, namespace, path_key)
);

ALTER TABLE octavo.source ENABLE ROW LEVEL SECURITY;
ALTER TABLE octavo.source FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON octavo.source TO octavo_app
    USING (organization_id = nullif(current_setting('octavo.organization', true), '')::uuid);
CREATE POLICY system ON octavo.source TO octavo_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.source TO octavo_app, octavo_system;
GRANT SELECT ON octavo.source TO octavo_backup;
