-- phase: expand
-- What keeps a run waiting beside its time: other runs, and limits of how many may be under way. And what starts runs
-- by the clock: schedules.
SET LOCAL ROLE octavo_owner;

-- A statement with a parameter of this type is planned once a connection. With lists among its parameters PostgreSQL
-- would plan it anew each time, since it believes in what it knows of their lengths; for one run that costs as much
-- as to claim it. As with octavo.organization, the domain is checked before a plan is chosen.
CREATE DOMAIN octavo.planned_once AS integer CHECK (
    set_config('plan_cache_mode', 'force_generic_plan', true) IS NOT NULL
);

-- How many of the runs that it waits for have not ended. Such a run has no ticket: its row's lock decides.
ALTER TABLE octavo.run ADD COLUMN waits_for integer NOT NULL DEFAULT 0;
ALTER TABLE octavo.run ADD CONSTRAINT run_waits CHECK (
    waits_for >= 0 AND (waits_for = 0 OR state = 'delayed')
) NOT VALID;
-- What its version of the pipeline says, and the caller's key. At most so many of the pipeline, and of its runs with
-- this key, are under way.
ALTER TABLE octavo.run ADD COLUMN max_running integer;
ALTER TABLE octavo.run ADD COLUMN max_running_per_key integer;
ALTER TABLE octavo.run ADD COLUMN concurrency text;
ALTER TABLE octavo.run ADD CONSTRAINT run_limits CHECK (
    max_running >= 0 AND max_running_per_key >= 0 AND length(concurrency) BETWEEN 1 AND 200
) NOT VALID;

-- What is counted: leases of runs that have a limit. The others have null here, and are in no index of it.
ALTER TABLE octavo.run_lease ADD COLUMN pipeline_id uuid;
ALTER TABLE octavo.run_lease ADD COLUMN concurrency text;

-- `run_id` waits for the end of `needs`. Deleted when that has ended.
CREATE TABLE octavo.run_dependency (
    organization_id uuid NOT NULL,
    needs uuid NOT NULL,
    run_id uuid NOT NULL,
    any_end boolean NOT NULL,
    PRIMARY KEY (organization_id, needs, run_id),
    CHECK (needs <> run_id)
);

-- The ticket of a queued run that a limit holds back. The lane says which: nothing: the organization's, an id: of a
-- pipeline, an id and a key: of a caller's key. Who waits rises by one priority a minute, so the order among those
-- that are held does not change: it is that of `rank`, since when each waits less a minute for each of its priorities.
CREATE TABLE octavo.run_held (
    organization_id uuid NOT NULL,
    lane text COLLATE "C" NOT NULL CHECK (length(lane) <= 240),
    rank timestamptz NOT NULL,
    run_id uuid NOT NULL,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    queued_at timestamptz NOT NULL,
    -- The limit that held it back; of an organization what its settings say now counts.
    at_most integer NOT NULL CHECK (at_most >= 0),
    PRIMARY KEY (organization_id, run_id)
);
CREATE INDEX run_held_lane ON octavo.run_held (organization_id, lane, rank);

-- Runs that an organization with a quota has started on a day (UTC), counted up: each start adds a row with the sum.
CREATE TABLE octavo.run_quota (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    started bigint NOT NULL CHECK (started >= 1),
    PRIMARY KEY (organization_id, day, started)
);
CREATE INDEX run_quota_day ON octavo.run_quota (day);

CREATE TYPE octavo.catch_up AS ENUM ('last', 'all', 'none');
CREATE TABLE octavo.schedule (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    pipeline text NOT NULL CHECK (length(pipeline) BETWEEN 1 AND 500),
    tag text CHECK (length(tag) BETWEEN 1 AND 100),
    version integer CHECK (version >= 1),
    document_id uuid,
    input jsonb NOT NULL CHECK (jsonb_typeof(input) = 'object'),
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    cron text NOT NULL CHECK (length(cron) BETWEEN 1 AND 200),
    timezone text NOT NULL CHECK (length(timezone) BETWEEN 1 AND 100),
    catch_up octavo.catch_up NOT NULL,
    overlap boolean NOT NULL,
    paused boolean NOT NULL DEFAULT false,
    -- When it is due next; null while it is paused. Who moves it on starts the runs, and nobody else.
    next_at timestamptz,
    last_at timestamptz,
    -- Why the last time it was due no run was started.
    problem text CHECK (length(problem) <= 100),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    PRIMARY KEY (organization_id, name),
    CHECK (paused = (next_at IS NULL)),
    CHECK (tag IS NULL OR version IS NULL)
);
CREATE UNIQUE INDEX schedule_id ON octavo.schedule (organization_id, id);
CREATE INDEX schedule_due ON octavo.schedule (next_at) WHERE next_at IS NOT NULL;

-- Each time a schedule was due, once; `run_id` is null when no run was started, and `problem` says why.
CREATE TABLE octavo.schedule_firing (
    organization_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    due_at timestamptz NOT NULL,
    fired_at timestamptz NOT NULL,
    run_id uuid,
    problem text CHECK (length(problem) <= 100),
    PRIMARY KEY (organization_id, schedule_id, due_at),
    CHECK ((run_id IS NULL) <> (problem IS NULL)),
    FOREIGN KEY (organization_id, schedule_id) REFERENCES octavo.schedule (organization_id, id) ON DELETE CASCADE
);
CREATE INDEX schedule_firing_due ON octavo.schedule_firing (due_at);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['run_dependency', 'run_held', 'run_quota', 'schedule', 'schedule_firing']
    LOOP
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

-- A whole number of a JSON object, or null where it holds none.
CREATE FUNCTION octavo.whole_number(given jsonb, name text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(given -> name) = 'number'
        THEN least(greatest(trunc((given -> name)::numeric), 0), 2147483647)::integer END;

-- Runs under way of an organization, of one of its pipelines, or of a key of it. Whoever asks is alone until his
-- transaction ends, and sees what was committed until then: a volatile function reads with a snapshot of its own.
CREATE FUNCTION octavo.runs_under_way(organization uuid, pipeline uuid, key text) RETURNS bigint
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws(':', 'octavo.runs', organization, pipeline, key), 0));
    RETURN CASE
        WHEN pipeline IS NULL THEN (
            SELECT count(*) FROM octavo.run_lease AS lease WHERE lease.organization_id = organization
        )
        WHEN key IS NULL THEN (
            SELECT count(*) FROM octavo.run_lease AS lease
            WHERE lease.organization_id = organization AND lease.pipeline_id = pipeline
        )
        ELSE (
            SELECT count(*) FROM octavo.run_lease AS lease
            WHERE lease.organization_id = organization AND lease.pipeline_id = pipeline AND lease.concurrency = key
        )
    END;
END
$$;

-- Of tickets that are about to be claimed those whose runs have a limit: the lanes that each counts for, and, if there
-- is no room for it, the lane that holds it back with its limit. Those before it that go on are counted, too.
CREATE FUNCTION octavo.limited_runs(tickets bigint [], organizations uuid [], runs uuid []) RETURNS TABLE (
    ticket bigint, priority smallint, lanes text [], lane text, at_most integer
)
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    -- Mostly none has one: then this is all.
    PERFORM
    FROM unnest(organizations, runs) AS queued (organization_id, run_id)
    INNER JOIN octavo.run AS run ON run.organization_id = queued.organization_id AND run.id = queued.run_id
    LEFT JOIN octavo.organization_profile AS profile ON profile.id = queued.organization_id
    WHERE
        run.max_running IS NOT NULL
        OR (run.max_running_per_key IS NOT NULL AND run.concurrency IS NOT NULL)
        OR octavo.whole_number(profile.settings, 'max_running') IS NOT NULL
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    RETURN QUERY
    WITH wanted AS MATERIALIZED (
        SELECT
            queued.id, queued.organization_id, run.priority, run.pipeline_id, run.concurrency, run.max_running,
            CASE WHEN run.concurrency IS NOT NULL THEN run.max_running_per_key END AS max_per_key,
            octavo.whole_number(profile.settings, 'max_running') AS max_in_all
        FROM unnest(tickets, organizations, runs) AS queued (id, organization_id, run_id)
        INNER JOIN octavo.run AS run ON run.organization_id = queued.organization_id AND run.id = queued.run_id
        LEFT JOIN octavo.organization_profile AS profile ON profile.id = queued.organization_id
    ),
    counted AS MATERIALIZED (
        SELECT named.*, octavo.runs_under_way(named.organization_id, named.pipeline_id, named.concurrency) AS under_way
        FROM (
            SELECT organization_id, NULL::uuid AS pipeline_id, NULL::text AS concurrency
            FROM wanted
            WHERE max_in_all IS NOT NULL
            UNION
            SELECT organization_id, pipeline_id, NULL::text FROM wanted WHERE max_running IS NOT NULL
            UNION
            SELECT organization_id, pipeline_id, concurrency FROM wanted WHERE max_per_key IS NOT NULL
            -- Whoever asks is alone: all ask in one order, so that nobody waits in the opposite one.
            ORDER BY organization_id, pipeline_id, concurrency
        ) AS named
    ),
    within_key AS MATERIALIZED (
        SELECT
            wanted.*,
            coalesce(counted.under_way + row_number() OVER (
                PARTITION BY wanted.organization_id, wanted.pipeline_id, wanted.concurrency
                ORDER BY wanted.priority DESC, wanted.id
            ) <= wanted.max_per_key, true) AS fits_key
        FROM wanted
        LEFT JOIN counted
            ON counted.organization_id = wanted.organization_id
            AND counted.pipeline_id = wanted.pipeline_id
            AND counted.concurrency = wanted.concurrency
    ),
    within_pipeline AS MATERIALIZED (
        SELECT
            within_key.*,
            coalesce(counted.under_way + row_number() OVER (
                PARTITION BY within_key.organization_id, within_key.pipeline_id, within_key.fits_key
                ORDER BY within_key.priority DESC, within_key.id
            ) <= within_key.max_running, true) AS fits_pipeline
        FROM within_key
        LEFT JOIN counted
            ON counted.organization_id = within_key.organization_id
            AND counted.pipeline_id = within_key.pipeline_id
            AND counted.concurrency IS NULL
    ),
    within_all AS MATERIALIZED (
        SELECT
            within_pipeline.*,
            coalesce(counted.under_way + row_number() OVER (
                PARTITION BY
                    within_pipeline.organization_id, within_pipeline.fits_key AND within_pipeline.fits_pipeline
                ORDER BY within_pipeline.priority DESC, within_pipeline.id
            ) <= within_pipeline.max_in_all, true) AS fits_all
        FROM within_pipeline
        LEFT JOIN counted
            ON counted.organization_id = within_pipeline.organization_id AND counted.pipeline_id IS NULL
    )
    SELECT
        within_all.id, within_all.priority,
        array_remove(ARRAY[
            CASE WHEN max_in_all IS NOT NULL THEN '' END,
            CASE WHEN max_running IS NOT NULL THEN pipeline_id::text END,
            CASE WHEN max_per_key IS NOT NULL THEN concat_ws(':', pipeline_id, concurrency) END
        ], NULL),
        CASE
            WHEN NOT fits_key THEN concat_ws(':', pipeline_id, concurrency)
            WHEN NOT fits_pipeline THEN pipeline_id::text
            WHEN NOT fits_all THEN ''
        END,
        CASE WHEN NOT fits_key THEN max_per_key WHEN NOT fits_pipeline THEN max_running ELSE max_in_all END
    FROM within_all
    WHERE coalesce(max_in_all, max_running, max_per_key) IS NOT NULL;
END
$$;

-- Count runs that are about to be started, unless that would be more than a day may have. Starts of an organization
-- with a quota wait for each other.
CREATE FUNCTION octavo.take_quota(organization uuid, quota bigint, runs bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    today date;
    before bigint;
BEGIN
    IF runs <= 0 THEN
        RETURN true;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(concat_ws(':', 'octavo.quota', organization), 0));
    today := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    before := coalesce((
        SELECT counted.started FROM octavo.run_quota AS counted
        WHERE counted.organization_id = organization AND counted.day = today
        ORDER BY counted.started DESC LIMIT 1
    ), 0);
    IF before + runs > quota THEN
        RETURN false;
    END IF;
    INSERT INTO octavo.run_quota (organization_id, day, started) VALUES (organization, today, before + runs);
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION octavo.runs_under_way(uuid, uuid, text), octavo.limited_runs(bigint [], uuid [], uuid []),
    octavo.take_quota(uuid, bigint, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION octavo.runs_under_way(uuid, uuid, text), octavo.limited_runs(bigint [], uuid [], uuid []) TO octavo_system;
GRANT EXECUTE ON FUNCTION octavo.take_quota(uuid, bigint, bigint) TO octavo_app, octavo_system;
