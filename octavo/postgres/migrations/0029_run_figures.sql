-- phase: expand
-- Figures of runs that ended, added up by the minute, the hour and the day in which they were started. Whoever leads the
-- queue's upkeep adds what the log tells to have ended; what is behind the cursor is counted from the runs themselves.
SET LOCAL ROLE octavo_owner;

-- Up to where in the log the ends of runs are added up. One row; it moves in the statement that adds them.
CREATE TABLE octavo.run_figure_cursor (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 20);
INSERT INTO octavo.run_figure_cursor (epoch, position_xid, position_id) VALUES (0, '0', 0);

-- What can be added up further: sums, and how many durations each class of size has (octavo.values.classes). The subject
-- `run` has pipelines and their versions and no name; `component` and `model` are of steps, and have no version.
CREATE TABLE octavo.run_figure (
    organization_id uuid NOT NULL,
    subject text NOT NULL CHECK (subject IN ('run', 'component', 'model')),
    grain text NOT NULL CHECK (grain IN ('minute', 'hour', 'day')),
    begins timestamptz NOT NULL,
    pipeline text NOT NULL,
    version integer NOT NULL CHECK ((version = 0) = (subject <> 'run')),
    name text NOT NULL CHECK ((name = '') = (subject = 'run')),
    completed bigint NOT NULL CHECK (completed >= 0),
    failed bigint NOT NULL CHECK (failed >= 0),
    cancelled bigint NOT NULL CHECK (cancelled >= 0),
    skipped bigint NOT NULL CHECK (skipped >= 0),
    retries bigint NOT NULL,
    items bigint NOT NULL,
    items_failed bigint NOT NULL,
    tokens_in bigint NOT NULL,
    tokens_out bigint NOT NULL,
    cost_usd numeric NOT NULL,
    cpu_seconds numeric NOT NULL,
    memory_mb float8,
    took_classes integer [] NOT NULL DEFAULT '{}',
    took_counts bigint [] NOT NULL DEFAULT '{}',
    waited_classes integer [] NOT NULL DEFAULT '{}',
    waited_counts bigint [] NOT NULL DEFAULT '{}',
    PRIMARY KEY (organization_id, subject, grain, begins, pipeline, version, name),
    CHECK (cardinality(took_classes) = cardinality(took_counts)),
    CHECK (cardinality(waited_classes) = cardinality(waited_counts))
) WITH (fillfactor = 80);

ALTER TABLE octavo.run_figure ENABLE ROW LEVEL SECURITY;
ALTER TABLE octavo.run_figure FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON octavo.run_figure TO octavo_app
    USING (organization_id = nullif(current_setting('octavo.organization', true), '')::uuid);
CREATE POLICY system ON octavo.run_figure TO octavo_system USING (true);
GRANT SELECT ON octavo.run_figure TO octavo_app, octavo_backup;
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.run_figure TO octavo_system;

GRANT SELECT ON octavo.run_figure_cursor TO octavo_app, octavo_backup;
GRANT SELECT, UPDATE ON octavo.run_figure_cursor TO octavo_system;
