-- phase: expand
SET LOCAL ROLE octavo_owner;

-- Who does what only one process at a time may do. Rows and no locks, because behind a transaction pooler no
-- session is ours. A null organization: a part that serves all of them.
CREATE TABLE octavo.lease (
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    organization_id uuid REFERENCES octavo.organization_profile (id),
    holder uuid NOT NULL,
    fence bigint NOT NULL CHECK (fence >= 1),
    taken_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (organization_id, name)
) WITH (fillfactor = 50);

ALTER TABLE octavo.lease ENABLE ROW LEVEL SECURITY;
ALTER TABLE octavo.lease FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON octavo.lease TO octavo_app
    USING (organization_id = nullif(current_setting('octavo.organization', true), '')::uuid);
CREATE POLICY system ON octavo.lease TO octavo_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.lease TO octavo_app, octavo_system;
GRANT SELECT ON octavo.lease TO octavo_backup;
