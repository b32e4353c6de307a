-- phase: expand
-- Streams of the users' own: snapshots of aggregates, what is kept how long, what is correlated; the moment a
-- document expires; and what the upkeep in the background did last.
SET LOCAL ROLE octavo_owner;

-- What an aggregate was after an event of its stream: a shortcut, never the truth. One row an aggregate, so code of
-- an older shape reads the events instead. Bytes and no jsonb: what was written comes back to the digit.
CREATE TABLE octavo.snapshot (
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    aggregate text NOT NULL CHECK (length(aggregate) BETWEEN 1 AND 200),
    schema_version integer NOT NULL CHECK (schema_version >= 1),
    sequence bigint NOT NULL CHECK (sequence >= 1),
    state bytea NOT NULL CHECK (octet_length(state) <= 16777216),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, stream, aggregate),
    FOREIGN KEY (organization_id, stream) REFERENCES octavo.stream (organization_id, name) ON DELETE CASCADE
);

-- How long events of an organization's own streams are kept; streams of documents are never among them.
CREATE TABLE octavo.retention (
    organization_id uuid NOT NULL REFERENCES octavo.organization_profile (id),
    prefix text COLLATE "C" NOT NULL CHECK (length(prefix) BETWEEN 1 AND 200),
    kept interval NOT NULL CHECK (kept > interval '0'),
    set_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    set_by text NOT NULL CHECK (length(set_by) BETWEEN 1 AND 200),
    set_by_kind octavo.actor_kind NOT NULL,
    PRIMARY KEY (organization_id, prefix),
    CHECK (NOT starts_with(prefix, 'document-') AND NOT starts_with('document-', prefix))
);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['snapshot', 'retention'] LOOP
        EXECUTE format('ALTER TABLE octavo.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE octavo.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON octavo.%I TO octavo_app
                        USING (organization_id = nullif(current_setting(''octavo.organization'', true), '''')::uuid)',
                       relation);
        EXECUTE format('CREATE POLICY system ON octavo.%I TO octavo_system USING (true)', relation);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.%I TO octavo_app, octavo_system', relation);
        EXECUTE format('GRANT SELECT ON octavo.%I TO octavo_backup', relation);
    END LOOP;
END
$$;

-- When the sweep deletes a document, softly; a deletion by anybody clears it.
ALTER TABLE octavo.document ADD COLUMN expires_at timestamptz;

-- Tasks of the upkeep, of the record as a whole: when each is due, and how its last run ended.
CREATE TABLE octavo.upkeep (
    task text PRIMARY KEY CHECK (task ~ '^[a-z_]{1,50}$'),
    due_at timestamptz NOT NULL,
    started_at timestamptz,
    ended_at timestamptz,
    examined bigint NOT NULL DEFAULT 0 CHECK (examined >= 0),
    changed bigint NOT NULL DEFAULT 0 CHECK (changed >= 0),
    -- Where a bounded run stopped, and the next one goes on.
    after text,
    waits text,
    error text,
    CHECK (ended_at IS NULL OR ended_at >= started_at)
);
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.upkeep TO octavo_system;
GRANT SELECT ON octavo.upkeep TO octavo_backup;
