-- phase: expand
-- Analytics: one fact an event, and what is added up of them by the hour and by the day.
SET LOCAL ROLE octavo_owner;

-- Where the engine stands. One row; whoever fills the engine locks it first.
CREATE TABLE octavo.analytics_engine (
    is_only boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    generation uuid NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 20);
INSERT INTO octavo.analytics_engine (generation, epoch, position_xid, position_id)
VALUES (gen_random_uuid(), 0, '0', 0);

-- Events in a flat form. `fields` holds the scalars of an own event's data by path; a number is what its digits say.
CREATE TABLE octavo.analytics_fact (
    organization_id uuid NOT NULL,
    time timestamptz NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    type text NOT NULL CHECK (length(type) BETWEEN 1 AND 100),
    kind text NOT NULL CHECK (length(kind) <= 200),
    stream text NOT NULL CHECK (length(stream) <= 200),
    document_id uuid,
    document_type text NOT NULL,
    actor text NOT NULL CHECK (length(actor) <= 400),
    session text NOT NULL CHECK (length(session) <= 400),
    fields jsonb NOT NULL CHECK (jsonb_typeof(fields) = 'object'),
    PRIMARY KEY (organization_id, time, epoch, id)
) PARTITION BY RANGE (time);
CREATE INDEX analytics_fact_type ON octavo.analytics_fact (organization_id, type, time);
CREATE TABLE octavo.analytics_fact_default PARTITION OF octavo.analytics_fact DEFAULT;

-- Sums that can be added up further. The empty field counts the facts; another one the numbers of that field.
CREATE TABLE octavo.analytics_total (
    organization_id uuid NOT NULL,
    grain text NOT NULL CHECK (grain IN ('hour', 'day')),
    begins timestamptz NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    document_type text NOT NULL,
    field text NOT NULL,
    facts bigint NOT NULL CHECK (facts >= 1),
    total numeric,
    least numeric,
    greatest numeric,
    CHECK ((field = '') = (total IS NULL)),
    PRIMARY KEY (organization_id, grain, field, begins, type, kind, document_type)
) WITH (fillfactor = 80);

-- How many numbers of a field each class of size has: octavo.analytics_class().
CREATE TABLE octavo.analytics_classed (
    organization_id uuid NOT NULL,
    grain text NOT NULL CHECK (grain IN ('hour', 'day')),
    begins timestamptz NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    document_type text NOT NULL,
    field text NOT NULL CHECK (field <> ''),
    class integer NOT NULL,
    facts bigint NOT NULL CHECK (facts >= 1),
    PRIMARY KEY (organization_id, grain, field, begins, type, kind, document_type, class)
) WITH (fillfactor = 80);

-- Who was there: exact, so that different ones can be counted over any steps, and one can be forgotten.
CREATE TABLE octavo.analytics_member (
    organization_id uuid NOT NULL,
    grain text NOT NULL CHECK (grain IN ('hour', 'day')),
    begins timestamptz NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    document_type text NOT NULL,
    dimension text NOT NULL CHECK (dimension IN ('actor', 'session')),
    member text NOT NULL CHECK (length(member) BETWEEN 1 AND 400),
    PRIMARY KEY (organization_id, grain, dimension, begins, type, kind, document_type, member)
);

-- Events no fact could be made of.
CREATE TABLE octavo.analytics_parked (
    organization_id uuid NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    type text NOT NULL,
    code text NOT NULL CHECK (length(code) <= 100),
    message text NOT NULL CHECK (length(message) <= 1000),
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, epoch, id)
);

-- The class of size of a number: octavo.values.classes has the rule. Total for every number that is kept. Not
-- STRICT, and so a part of the statement that uses it instead of a call for each row; of null it is null anyway.
CREATE FUNCTION octavo.analytics_class(number numeric) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN number = 0 THEN 0
        ELSE sign(number)::integer
            * (1100 + ceil(ln(abs(number)::float8) / 0.020000666706669435::float8)::integer) END;

-- The number of a field, null when it is none; a cast of anything else would be an error.
CREATE FUNCTION octavo.analytics_number(fields jsonb, field text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN jsonb_typeof(fields -> field) = 'number' THEN (fields -> field)::numeric END;

CREATE FUNCTION octavo.keep_analytics_partitions(months_ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
AS $$
DECLARE
    month date;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('octavo.keep_analytics_partitions'));
    FOR month IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                               date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => months_ahead),
                               interval '1 month')::date
    LOOP
        partition := 'analytics_fact_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('octavo.' || partition) IS NOT NULL;
        BEGIN
            -- Made beside and then attached, as the partitions of the log are.
            EXECUTE format('CREATE TABLE octavo.%I (LIKE octavo.analytics_fact INCLUDING ALL)', partition);
            EXECUTE format(
                'ALTER TABLE octavo.analytics_fact ATTACH PARTITION octavo.%I FOR VALUES FROM (%L) TO (%L)',
                partition,
                month::timestamp AT TIME ZONE 'UTC',
                (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
            RETURN NEXT partition;
        EXCEPTION WHEN check_violation THEN
            -- Facts of this month lie in the default partition already, and are read from there.
            CONTINUE;
        END;
    END LOOP;
END
$$;
REVOKE ALL ON FUNCTION octavo.keep_analytics_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION octavo.keep_analytics_partitions(integer) TO octavo_system;

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['analytics_fact', 'analytics_total', 'analytics_classed', 'analytics_member',
                                    'analytics_parked']
    LOOP
        EXECUTE format('ALTER TABLE octavo.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE octavo.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON octavo.%I TO octavo_app
                        USING (organization_id = nullif(current_setting(''octavo.organization'', true), '''')::uuid)',
                       relation);
        EXECUTE format('CREATE POLICY system ON octavo.%I TO octavo_system USING (true)', relation);
        EXECUTE format('GRANT SELECT ON octavo.%I TO octavo_app, octavo_backup', relation);
        -- TRUNCATE: to begin a new generation.
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON octavo.%I TO octavo_system', relation);
    END LOOP;
END
$$;

GRANT SELECT ON octavo.analytics_engine TO octavo_app, octavo_backup;
GRANT SELECT, UPDATE ON octavo.analytics_engine TO octavo_system;
