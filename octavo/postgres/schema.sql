-- What the migrations make. Written by `python -m octavo.postgres.schema`, never by hand, and never run:
-- the migrations are the truth, and a test holds this file against them.
CREATE SCHEMA octavo;

ALTER SCHEMA octavo OWNER TO octavo_owner;

CREATE TYPE octavo.actor_kind AS ENUM (
    'user',
    'service',
    'agent',
    'system'
);

ALTER TYPE octavo.actor_kind OWNER TO octavo_owner;

CREATE TYPE octavo.catch_up AS ENUM (
    'last',
    'all',
    'none'
);

ALTER TYPE octavo.catch_up OWNER TO octavo_owner;

CREATE TYPE octavo.change AS ENUM (
    'created',
    'updated',
    'reverted',
    'deleted',
    'restored'
);

ALTER TYPE octavo.change OWNER TO octavo_owner;

CREATE DOMAIN octavo.model_stage AS text
	CONSTRAINT model_stage_check CHECK ((VALUE = ANY (ARRAY['training'::text, 'validation'::text, 'deployed'::text, 'deprecated'::text, 'failed'::text])));

ALTER DOMAIN octavo.model_stage OWNER TO octavo_owner;

CREATE DOMAIN octavo.organization AS uuid
	CONSTRAINT one_organization_a_transaction CHECK (
CASE
    WHEN (COALESCE(NULLIF(current_setting('octavo.organization'::text, true), ''::text), (VALUE)::text) = (VALUE)::text) THEN (set_config('octavo.organization'::text, (VALUE)::text, true) IS NOT NULL)
    ELSE false
END);

ALTER DOMAIN octavo.organization OWNER TO octavo_owner;

CREATE TYPE octavo.pinned_pipeline AS (
	id uuid,
	version integer,
	max_attempts integer,
	max_running integer,
	max_running_per_key integer
);

ALTER TYPE octavo.pinned_pipeline OWNER TO octavo_owner;

CREATE DOMAIN octavo.planned_once AS integer
	CONSTRAINT planned_once_check CHECK ((set_config('plan_cache_mode'::text, 'force_generic_plan'::text, true) IS NOT NULL));

ALTER DOMAIN octavo.planned_once OWNER TO octavo_owner;

CREATE DOMAIN octavo.processing_type AS text
	CONSTRAINT processing_type_check CHECK ((VALUE = ANY (ARRAY['classification'::text, 'sentiment'::text, 'topic_modeling'::text, 'summarization'::text, 'entity_extraction'::text, 'keyword_extraction'::text, 'embedding'::text])));

ALTER DOMAIN octavo.processing_type OWNER TO octavo_owner;

CREATE TYPE octavo.run_state AS ENUM (
    'queued',
    'delayed',
    'running',
    'dead',
    'completed',
    'failed',
    'cancelled'
);

ALTER TYPE octavo.run_state OWNER TO octavo_owner;

CREATE DOMAIN octavo.search_limit AS integer
	CONSTRAINT search_limit_check CHECK (((set_config('plan_cache_mode'::text, 'force_generic_plan'::text, true) IS NOT NULL) AND (set_config('pg_trgm.word_similarity_threshold'::text, '0.5'::text, true) IS NOT NULL)));

ALTER DOMAIN octavo.search_limit OWNER TO octavo_owner;

CREATE DOMAIN octavo.vector_candidates AS integer
	CONSTRAINT vector_candidates_check CHECK (((VALUE >= 1) AND (VALUE <= 1000000) AND (set_config('hnsw.ef_search'::text, (LEAST(GREATEST(VALUE, 60), 1000))::text, true) IS NOT NULL) AND (set_config('hnsw.iterative_scan'::text, 'relaxed_order'::text, true) IS NOT NULL) AND (set_config('hnsw.max_scan_tuples'::text, '20000'::text, true) IS NOT NULL) AND (set_config('plan_cache_mode'::text, 'force_generic_plan'::text, true) IS NOT NULL)));

ALTER DOMAIN octavo.vector_candidates OWNER TO octavo_owner;

CREATE FUNCTION octavo.admits_type(settings jsonb, namespace text, type text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    IF settings -> 'strict_namespaces' ? namespace
        AND NOT EXISTS (SELECT FROM octavo.document_type AS known WHERE known.name = type)
    THEN
        RAISE EXCEPTION 'the namespace % takes registered types only, and % is none', namespace, type
            USING ERRCODE = 'OC001';
    END IF;
    RETURN true;
END
$$;

ALTER FUNCTION octavo.admits_type(settings jsonb, namespace text, type text) OWNER TO octavo_owner;

CREATE FUNCTION octavo.analytics_class(number numeric) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (number = (0)::numeric) THEN 0 ELSE ((sign(number))::integer * (1100 + (ceil((ln((abs(number))::double precision) / (0.020000666706669435)::double precision)))::integer)) END;

ALTER FUNCTION octavo.analytics_class(number numeric) OWNER TO octavo_owner;

CREATE FUNCTION octavo.analytics_number(fields jsonb, field text) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof((fields -> field)) = 'number'::text) THEN ((fields -> field))::numeric ELSE NULL::numeric END;

ALTER FUNCTION octavo.analytics_number(fields jsonb, field text) OWNER TO octavo_owner;

CREATE FUNCTION octavo.apply_operations(target jsonb, operations jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
DECLARE
    operation jsonb;
    path text[];
    result jsonb := target;
BEGIN
    FOR operation IN SELECT value FROM jsonb_array_elements(operations) LOOP
        path := ARRAY(SELECT jsonb_array_elements_text(operation -> 1));
        IF operation ->> 0 = '$unset' THEN
            result := result #- path;
        ELSIF operation ->> 0 = '$pull' AND result #> path IS NULL THEN
            CONTINUE;
        ELSE
            result := octavo.put_at(result, path, octavo.operate(
                operation ->> 0, array_to_string(path, '.'), result #> path, operation -> 2));
        END IF;
    END LOOP;
    RETURN result;
END
$_$;

ALTER FUNCTION octavo.apply_operations(target jsonb, operations jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.body_hash(inner_pad bytea, outer_pad bytea, body jsonb) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sha256((outer_pad || sha256((inner_pad || convert_to((body)::text, 'UTF8'::name)))));

ALTER FUNCTION octavo.body_hash(inner_pad bytea, outer_pad bytea, body jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.causing_run(organization uuid, causation text, OUT pipeline text, OUT trigger_depth smallint) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1
    AS $_$
#variable_conflict use_column
DECLARE
    wanted uuid := substring(causation FROM
        '^run-([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})(?::|$)')::uuid;
BEGIN
    IF wanted IS NULL THEN
        RETURN;
    END IF;
    RETURN QUERY
    SELECT run.pipeline, run.trigger_depth FROM octavo.run AS run
    WHERE run.organization_id = organization AND run.id = wanted;
    IF NOT FOUND THEN
        RETURN QUERY
        SELECT ended.pipeline, ended.trigger_depth FROM octavo.run_history AS ended
        WHERE ended.organization_id = organization AND ended.id = wanted;
    END IF;
END
$_$;

ALTER FUNCTION octavo.causing_run(organization uuid, causation text, OUT pipeline text, OUT trigger_depth smallint) OWNER TO octavo_owner;

CREATE FUNCTION octavo.changed_fields(before jsonb, after jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT COALESCE(jsonb_agg(COALESCE(old.key, new.key) ORDER BY COALESCE(old.key, new.key)), '[]'::jsonb) AS "coalesce" FROM (jsonb_each(changed_fields.before) old(key, value) FULL JOIN jsonb_each(changed_fields.after) new(key, value) USING (key)) WHERE (old.value IS DISTINCT FROM new.value));

ALTER FUNCTION octavo.changed_fields(before jsonb, after jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.count_other_labels(organization uuid, document uuid, label uuid) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
    RETURN (SELECT count(*) FROM octavo.document_label
            WHERE organization_id = organization AND document_id = document AND label_id IS DISTINCT FROM label);
END
$$;

ALTER FUNCTION octavo.count_other_labels(organization uuid, document uuid, label uuid) OWNER TO octavo_owner;

CREATE FUNCTION octavo.current_organization() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid;

ALTER FUNCTION octavo.current_organization() OWNER TO octavo_owner;

CREATE FUNCTION octavo.document_changed() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM octavo.start_runs_of(NEW, TG_OP = 'INSERT' OR OLD.deleted_at IS NOT NULL);
    RETURN NULL;
END
$$;

ALTER FUNCTION octavo.document_changed() OWNER TO octavo_owner;

CREATE FUNCTION octavo.drop_vector_indexes(kept integer[]) RETURNS integer
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    one text;
    dropped integer := 0;
BEGIN
    FOR one IN
        SELECT index.relname
        FROM pg_index AS made
        INNER JOIN pg_class AS index ON index.oid = made.indexrelid
        WHERE made.indrelid = 'octavo.vector_passage'::regclass
            AND index.relname ~ '^vector_passage_nearest_\d+$'
            AND NOT substring(index.relname FROM '\d+$')::integer = ANY(kept)
        ORDER BY index.relname
    LOOP
        EXECUTE format('DROP INDEX IF EXISTS octavo.%I', one);
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$_$;

ALTER FUNCTION octavo.drop_vector_indexes(kept integer[]) OWNER TO octavo_owner;

CREATE FUNCTION octavo.filter_fields(body jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    fields jsonb;
BEGIN
    IF octet_length(body::text) <= 2000 THEN
        RETURN body;
    END IF;
    fields := octavo.filter_value(body);
    IF pg_column_size(fields) > 1000000 THEN
        RETURN (SELECT jsonb_object_agg(key, CASE
                    WHEN jsonb_typeof(value) NOT IN ('object', 'array') THEN value
                    WHEN value ? '$sha256' OR value ? '$elements' THEN value
                    ELSE jsonb_build_object('$bytes', pg_column_size(value)) END)
                FROM jsonb_each(fields));
    END IF;
    RETURN fields;
END
$_$;

ALTER FUNCTION octavo.filter_fields(body jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.filter_value(value jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
BEGIN
    CASE jsonb_typeof(value)
        WHEN 'object' THEN
            RETURN (SELECT coalesce(jsonb_object_agg(key, CASE
                        WHEN pg_column_size(inside) <= 2000 THEN inside ELSE octavo.filter_value(inside) END), '{}')
                    FROM jsonb_each(value) AS field (key, inside));
        WHEN 'array' THEN
            IF jsonb_array_length(value) > 700 THEN
                RETURN jsonb_build_object('$elements', jsonb_array_length(value));
            END IF;
            RETURN (SELECT coalesce(jsonb_agg(CASE
                        WHEN pg_column_size(inside) <= 2000 THEN inside ELSE octavo.filter_value(inside) END
                        ORDER BY place), '[]')
                    FROM jsonb_array_elements(value) WITH ORDINALITY AS element (inside, place));
        WHEN 'string' THEN
            IF octet_length(value #>> '{}') > 2000 THEN
                RETURN jsonb_build_object('$sha256', encode(sha256(convert_to(value #>> '{}', 'UTF8')), 'hex'));
            END IF;
            RETURN value;
        ELSE
            RETURN value;
    END CASE;
END
$_$;

ALTER FUNCTION octavo.filter_value(value jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.forget_document(organization uuid, document uuid, OUT hashes bytea[], OUT blobs text[]) RETURNS record
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM octavo.document_label WHERE organization_id = organization AND document_id = document;
    DELETE FROM octavo.link WHERE organization_id = organization AND source_id = document;
    DELETE FROM octavo.link WHERE organization_id = organization AND target_id = document;
    DELETE FROM octavo.document_filter WHERE organization_id = organization AND document_id = document;
    DELETE FROM octavo.tag WHERE organization_id = organization AND document_id = document;
    WITH gone AS (
        DELETE FROM octavo.content WHERE organization_id = organization AND document_id = document RETURNING blob
    )
    SELECT coalesce(array_agg(DISTINCT gone.blob), '{}') INTO blobs FROM gone;
    WITH gone AS (
        DELETE FROM octavo.version WHERE organization_id = organization AND document_id = document RETURNING body_hash
    )
    SELECT coalesce(array_agg(DISTINCT gone.body_hash), '{}') INTO hashes FROM gone;
END
$$;

ALTER FUNCTION octavo.forget_document(organization uuid, document uuid, OUT hashes bytea[], OUT blobs text[]) OWNER TO octavo_owner;

CREATE FUNCTION octavo.holds_containing(target jsonb, path jsonpath, operand jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (EXISTS (SELECT FROM jsonb_path_query(holds_containing.target, holds_containing.path, '{}'::jsonb, true) found(value) WHERE ((found.value @> holds_containing.operand) OR (found.value @> jsonb_build_array(holds_containing.operand)))));

ALTER FUNCTION octavo.holds_containing(target jsonb, path jsonpath, operand jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.holds_equal(target jsonb, path jsonpath, elements jsonpath, operand jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((operand IN (SELECT jsonb_path_query(target, path, '{}'::jsonb, true) AS jsonb_path_query)) OR (operand IN (SELECT jsonb_path_query(target, elements, '{}'::jsonb, true) AS jsonb_path_query)));

ALTER FUNCTION octavo.holds_equal(target jsonb, path jsonpath, elements jsonpath, operand jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.index_vectors(shelf integer, dimensions integer) RETURNS void
    LANGUAGE plpgsql STRICT SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
BEGIN
    EXECUTE format('CREATE INDEX IF NOT EXISTS vector_passage_nearest_%1$s ON octavo.vector_passage
                    USING hnsw ((embedding::public.halfvec(%2$s)) public.halfvec_cosine_ops) WHERE shelf = %1$s',
                   shelf, dimensions);
END
$_$;

ALTER FUNCTION octavo.index_vectors(shelf integer, dimensions integer) OWNER TO octavo_owner;

CREATE TABLE octavo.document (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    namespace text NOT NULL,
    type text NOT NULL,
    name text,
    version integer NOT NULL,
    body_hash bytea,
    previous_body_hash bytea,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    created_by_kind octavo.actor_kind NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    updated_by text NOT NULL,
    updated_by_kind octavo.actor_kind NOT NULL,
    deleted_at timestamp with time zone,
    purged_at timestamp with time zone,
    event_sequence bigint NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    schema_version smallint DEFAULT 0 NOT NULL,
    expires_at timestamp with time zone,
    watched boolean,
    CONSTRAINT document_check CHECK ((updated_at >= created_at)),
    CONSTRAINT document_check1 CHECK (((body_hash IS NULL) = (purged_at IS NOT NULL))),
    CONSTRAINT document_check2 CHECK (((purged_at IS NULL) OR ((deleted_at IS NOT NULL) AND (name IS NULL) AND (metadata = '{}'::jsonb)))),
    CONSTRAINT document_created_by_check CHECK (((length(created_by) >= 1) AND (length(created_by) <= 200))),
    CONSTRAINT document_event_sequence_check CHECK ((event_sequence >= 1)),
    CONSTRAINT document_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT document_name_check CHECK (((length(name) >= 1) AND (length(name) <= 500))),
    CONSTRAINT document_namespace_check CHECK ((namespace ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'::text)),
    CONSTRAINT document_type_check CHECK ((type ~ '^[A-Za-z][A-Za-z0-9_.-]{0,99}$'::text)),
    CONSTRAINT document_updated_by_check CHECK (((length(updated_by) >= 1) AND (length(updated_by) <= 200))),
    CONSTRAINT document_version_check CHECK ((version >= 1))
)
WITH (fillfactor='80');

ALTER TABLE ONLY octavo.document FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.document OWNER TO octavo_owner;

CREATE TABLE octavo.run_trigger (
    organization_id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    namespace text NOT NULL,
    type text NOT NULL,
    pipeline text NOT NULL,
    pipeline_tag text,
    pipeline_version integer,
    on_created boolean NOT NULL,
    on_updated boolean NOT NULL,
    filter jsonb DEFAULT '{}'::jsonb NOT NULL,
    body_condition jsonpath,
    metadata_condition jsonpath,
    priority smallint NOT NULL,
    debounce_seconds double precision NOT NULL,
    recursive boolean NOT NULL,
    max_depth smallint NOT NULL,
    is_paused boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    created_by text NOT NULL,
    created_by_kind octavo.actor_kind NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    stopped_at timestamp with time zone,
    stopped_reason text,
    stopped_document_id uuid,
    CONSTRAINT run_trigger_check CHECK ((on_created OR on_updated)),
    CONSTRAINT run_trigger_check1 CHECK (((pipeline_tag IS NULL) OR (pipeline_version IS NULL))),
    CONSTRAINT run_trigger_check2 CHECK (((stopped_at IS NULL) = (stopped_reason IS NULL))),
    CONSTRAINT run_trigger_created_by_check CHECK (((length(created_by) >= 1) AND (length(created_by) <= 200))),
    CONSTRAINT run_trigger_debounce_seconds_check CHECK (((debounce_seconds >= (0)::double precision) AND (debounce_seconds <= (86400)::double precision))),
    CONSTRAINT run_trigger_filter_check CHECK ((jsonb_typeof(filter) = 'object'::text)),
    CONSTRAINT run_trigger_max_depth_check CHECK (((max_depth >= 1) AND (max_depth <= 100))),
    CONSTRAINT run_trigger_name_check CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'::text)),
    CONSTRAINT run_trigger_namespace_check CHECK ((namespace ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'::text)),
    CONSTRAINT run_trigger_pipeline_check CHECK (((length(pipeline) >= 1) AND (length(pipeline) <= 500))),
    CONSTRAINT run_trigger_pipeline_version_check CHECK ((pipeline_version >= 1)),
    CONSTRAINT run_trigger_priority_check CHECK (((priority >= 0) AND (priority <= 9))),
    CONSTRAINT run_trigger_stopped_reason_check CHECK ((stopped_reason = ANY (ARRAY['depth'::text, 'pipeline'::text, 'quota'::text]))),
    CONSTRAINT run_trigger_type_check CHECK ((type ~ '^[A-Za-z][A-Za-z0-9_.-]{0,99}$'::text))
);

ALTER TABLE ONLY octavo.run_trigger FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_trigger OWNER TO octavo_owner;

CREATE FUNCTION octavo.insert_triggered(watching octavo.run_trigger, head octavo.document, depth integer, pinned octavo.pinned_pipeline, session text, correlation text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    cause text := 'document-' || head.id || ':' || head.event_sequence;
BEGIN
    WITH now AS MATERIALIZED (
        -- The transaction has its xid before it draws a ticket: what is numbered below can be told to be final.
        SELECT max(number) AS epoch, pg_current_xact_id() AS xid, clock_timestamp() AS moment FROM octavo.epoch
    ),
    stored AS (
        INSERT INTO octavo.run (
            organization_id, id, pipeline, pipeline_id, pipeline_version, document_id, document_version, priority,
            state, input, unique_key, ticket, max_attempts, max_running, max_running_per_key, created_at, actor,
            actor_kind, session_id, correlation_id, causation_id, event_sequence, epoch, position_xid, position_id,
            trigger, trigger_depth
        )
        SELECT
            head.organization_id, octavo.new_id(), watching.pipeline, pinned.id, pinned.version, head.id,
            head.version, watching.priority,
            (CASE WHEN watching.debounce_seconds > 0 THEN 'delayed' ELSE 'queued' END)::octavo.run_state, '{}',
            'trigger:' || watching.name || ':' || head.id || ':' || head.event_sequence,
            nextval('octavo.run_ticket'), pinned.max_attempts, pinned.max_running, pinned.max_running_per_key,
            now.moment, head.updated_by, head.updated_by_kind, session, coalesce(correlation, cause), cause, 1,
            now.epoch, now.xid, nextval('octavo.event_position'), watching.name, depth
        FROM now
        RETURNING *
    ),
    queued AS (
        INSERT INTO octavo.run_queue (organization_id, priority, id, run_id)
        SELECT organization_id, priority, ticket, id FROM stored WHERE state = 'queued'
    ),
    delayed AS (
        INSERT INTO octavo.run_delay (organization_id, run_id, due_at)
        SELECT organization_id, id, created_at + make_interval(secs => watching.debounce_seconds)
        FROM stored
        WHERE state = 'delayed'
    )
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        created_at, epoch, position_xid, position_id, organization_id, 'run-' || id, 1, 'run.queued', document_id,
        document_version,
        jsonb_build_object(
            'pipeline', pipeline, 'pipelineVersion', pipeline_version, 'priority', priority, 'trigger', trigger
        ),
        actor, actor_kind, session_id, correlation_id, causation_id
    FROM stored;
END
$$;

ALTER FUNCTION octavo.insert_triggered(watching octavo.run_trigger, head octavo.document, depth integer, pinned octavo.pinned_pipeline, session text, correlation text) OWNER TO octavo_owner;

CREATE TABLE octavo.run_owed (
    organization_id uuid NOT NULL,
    trigger text NOT NULL COLLATE pg_catalog."C",
    document_id uuid NOT NULL,
    trigger_depth smallint NOT NULL,
    owed_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY octavo.run_owed FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_owed OWNER TO octavo_owner;

CREATE FUNCTION octavo.is_owed(owed octavo.run_owed, watching octavo.run_trigger, head octavo.document) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF head.id IS NULL OR watching.name IS NULL OR head.deleted_at IS NOT NULL
        OR watching.type <> head.type OR watching.namespace <> head.namespace THEN
        RETURN false;
    END IF;
    RETURN octavo.trigger_holds(watching, head)
        AND NOT EXISTS (
            SELECT FROM octavo.run AS run
            WHERE run.organization_id = head.organization_id AND run.document_id = head.id
                AND run.trigger = watching.name
                AND (run.document_version = head.version OR run.created_at >= owed.owed_at)
        )
        AND NOT EXISTS (
            SELECT FROM octavo.run_history AS ended
            WHERE ended.organization_id = head.organization_id AND ended.document_id = head.id
                AND ended.trigger = watching.name AND ended.ended_at >= owed.owed_at
                AND (ended.document_version = head.version OR ended.created_at >= owed.owed_at)
        );
END
$$;

ALTER FUNCTION octavo.is_owed(owed octavo.run_owed, watching octavo.run_trigger, head octavo.document) OWNER TO octavo_owner;

CREATE FUNCTION octavo.keep_analytics_partitions(months_ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '2s'
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

ALTER FUNCTION octavo.keep_analytics_partitions(months_ahead integer) OWNER TO octavo_owner;

CREATE FUNCTION octavo.keep_event_partitions(months_ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
DECLARE
    month date;
    partition text;
BEGIN
    -- One process at a time; whoever comes second finds the partitions there.
    PERFORM pg_advisory_xact_lock(hashtext('octavo.keep_event_partitions'));
    FOR month IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                               date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => months_ahead),
                               interval '1 month')::date
    LOOP
        partition := 'event_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('octavo.' || partition) IS NOT NULL;
        BEGIN
            -- Made beside and then attached: unlike CREATE … PARTITION OF, that lets writers go on.
            EXECUTE format('CREATE TABLE octavo.%I (LIKE octavo.event INCLUDING ALL)', partition);
            EXECUTE format(
                'ALTER TABLE octavo.event ATTACH PARTITION octavo.%I FOR VALUES FROM (%L) TO (%L)',
                partition,
                month::timestamp AT TIME ZONE 'UTC',
                (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
            RETURN NEXT partition;
        EXCEPTION WHEN check_violation THEN
            -- Events of this month lie in the default partition already, and are read from there.
            CONTINUE;
        END;
    END LOOP;
END
$$;

ALTER FUNCTION octavo.keep_event_partitions(months_ahead integer) OWNER TO octavo_owner;

CREATE FUNCTION octavo.keep_run_partitions(months_ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '2s'
    AS $$
DECLARE
    month date;
    partition text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('octavo.keep_run_partitions'));
    FOR month IN
        SELECT generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                               date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => months_ahead),
                               interval '1 month')::date
    LOOP
        partition := 'run_history_' || to_char(month, 'YYYY_MM');
        CONTINUE WHEN to_regclass('octavo.' || partition) IS NOT NULL;
        BEGIN
            -- Made beside and then attached: unlike CREATE … PARTITION OF, that lets writers go on.
            EXECUTE format('CREATE TABLE octavo.%I (LIKE octavo.run_history INCLUDING ALL)', partition);
            EXECUTE format(
                'ALTER TABLE octavo.run_history ATTACH PARTITION octavo.%I FOR VALUES FROM (%L) TO (%L)',
                partition,
                month::timestamp AT TIME ZONE 'UTC',
                (month + interval '1 month')::timestamp AT TIME ZONE 'UTC');
            RETURN NEXT partition;
        EXCEPTION WHEN check_violation THEN
            -- Runs of this month lie in the default partition already, and are read from there.
            CONTINUE;
        END;
    END LOOP;
END
$$;

ALTER FUNCTION octavo.keep_run_partitions(months_ahead integer) OWNER TO octavo_owner;

CREATE FUNCTION octavo.label_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (lower((name COLLATE pg_c_utf8)) COLLATE "C");

ALTER FUNCTION octavo.label_key(name text) OWNER TO octavo_owner;

CREATE FUNCTION octavo.limited_runs(tickets bigint[], organizations uuid[], runs uuid[]) RETURNS TABLE(ticket bigint, priority smallint, lanes text[], lane text, at_most integer)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

ALTER FUNCTION octavo.limited_runs(tickets bigint[], organizations uuid[], runs uuid[]) OWNER TO octavo_owner;

CREATE FUNCTION octavo.lock_document(organization uuid, wanted uuid, OUT id uuid, OUT version integer, OUT body_hash bytea, OUT body jsonb, OUT metadata jsonb, OUT deleted boolean) RETURNS SETOF record
    LANGUAGE plpgsql ROWS 1
    AS $$
#variable_conflict use_column
BEGIN
    SELECT stored.id, stored.version, stored.body_hash, stored.metadata, stored.deleted_at IS NOT NULL
    INTO id, version, body_hash, metadata, deleted
    FROM octavo.document AS stored
    WHERE stored.organization_id = organization AND stored.id = wanted AND stored.purged_at IS NULL
    FOR NO KEY UPDATE;
    IF FOUND THEN
        SELECT stored.value INTO body FROM octavo.body AS stored
        WHERE stored.organization_id = organization AND stored.hash = lock_document.body_hash;
        RETURN NEXT;
    END IF;
END
$$;

ALTER FUNCTION octavo.lock_document(organization uuid, wanted uuid, OUT id uuid, OUT version integer, OUT body_hash bytea, OUT body jsonb, OUT metadata jsonb, OUT deleted boolean) OWNER TO octavo_owner;

CREATE FUNCTION octavo.loosened(query tsquery) RETURNS tsquery
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (regexp_replace((query)::text, ' <(-|\d+)> '::text, ' & '::text, 'g'::text))::tsquery;

ALTER FUNCTION octavo.loosened(query tsquery) OWNER TO octavo_owner;

CREATE FUNCTION octavo.may_start(organization uuid) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    quota integer := (
        SELECT octavo.whole_number(profile.settings, 'runs_per_day')
        FROM octavo.organization_profile AS profile
        WHERE profile.id = organization
    );
BEGIN
    RETURN quota IS NULL OR octavo.take_quota(organization, quota, 1);
END
$$;

ALTER FUNCTION octavo.may_start(organization uuid) OWNER TO octavo_owner;

CREATE FUNCTION octavo.merge_patch(target jsonb, patch jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
DECLARE
    result jsonb := target;
    field record;
BEGIN
    IF patch IS NULL THEN
        RETURN target;
    ELSIF jsonb_typeof(patch) <> 'object' THEN
        RETURN patch;
    END IF;
    IF jsonb_typeof(target) IS DISTINCT FROM 'object' THEN
        result := '{}';
    END IF;
    FOR field IN SELECT key, value FROM jsonb_each(patch) LOOP
        IF field.value = 'null' THEN
            result := result - field.key;
        ELSIF jsonb_typeof(field.value) = 'object' THEN
            result := result || jsonb_build_object(
                field.key, octavo.merge_patch(coalesce(result -> field.key, '{}'), field.value));
        ELSE
            result := result || jsonb_build_object(field.key, field.value);
        END IF;
    END LOOP;
    RETURN result;
END
$$;

ALTER FUNCTION octavo.merge_patch(target jsonb, patch jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.neighbours(organization uuid, start uuid, types text[], outwards boolean, inwards boolean, depth integer, most integer) RETURNS TABLE(document_id uuid, distance integer, via uuid, type text, confidence double precision)
    LANGUAGE plpgsql STABLE
    AS $$
#variable_conflict use_column
DECLARE
    frontier uuid [] := ARRAY[start];
    visited uuid [] := ARRAY[start];
    kinds text [];
    backwards boolean [];
    arrived uuid [];
    step record;
BEGIN
    SELECT array_agg(kind.name), array_agg(kind.back) INTO kinds, backwards
    FROM (
        SELECT known.name, way.back
        FROM octavo.link_type AS known
        CROSS JOIN (VALUES (false), (true)) AS way (back)
        WHERE known.organization_id = organization
            AND (neighbours.types IS NULL OR known.name = ANY(neighbours.types))
            AND (known.is_symmetric OR CASE WHEN way.back THEN inwards ELSE outwards END)
        ORDER BY known.name, way.back
    ) AS kind;
    FOR level IN 1 .. depth LOOP
        arrived := '{}';
        FOR step IN
            SELECT DISTINCT ON (reached.other) reached.other, origin.id, way.kind, reached.confidence
            FROM unnest(frontier) WITH ORDINALITY AS origin (id, place)
            CROSS JOIN unnest(kinds, backwards) WITH ORDINALITY AS way (kind, back, place)
            CROSS JOIN LATERAL (
                (
                    SELECT link.target_id AS other, link.confidence
                    FROM octavo.link
                    WHERE NOT way.back AND link.organization_id = organization AND link.source_id = origin.id
                        AND link.type = way.kind
                    ORDER BY link.target_id
                    LIMIT most + cardinality(visited)
                )
                UNION ALL
                (
                    SELECT link.source_id, link.confidence
                    FROM octavo.link
                    WHERE way.back AND link.organization_id = organization AND link.target_id = origin.id
                        AND link.type = way.kind
                    ORDER BY link.source_id
                    LIMIT most + cardinality(visited)
                )
            ) AS reached
            WHERE NOT EXISTS (SELECT FROM unnest(visited) AS seen (id) WHERE seen.id = reached.other)
                -- One look by key each: as a join PostgreSQL may read every document instead.
                AND (
                    SELECT head.deleted_at IS NULL FROM octavo.document AS head
                    WHERE head.organization_id = organization AND head.id = reached.other
                )
            ORDER BY reached.other, origin.place, way.place
            LIMIT most
        LOOP
            document_id := step.other;
            distance := level;
            via := step.id;
            type := step.kind;
            confidence := step.confidence;
            RETURN NEXT;
            arrived := arrived || step.other;
        END LOOP;
        most := most - cardinality(arrived);
        EXIT WHEN most <= 0 OR arrived = '{}';
        frontier := arrived;
        visited := visited || arrived;
    END LOOP;
END
$$;

ALTER FUNCTION octavo.neighbours(organization uuid, start uuid, types text[], outwards boolean, inwards boolean, depth integer, most integer) OWNER TO octavo_owner;

CREATE FUNCTION octavo.new_id() RETURNS uuid
    LANGUAGE plpgsql PARALLEL SAFE
    AS $$
DECLARE
    bytes bytea := uuid_send(gen_random_uuid());
    milliseconds bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
BEGIN
    bytes := overlay(bytes PLACING substring(int8send(milliseconds) FROM 3) FROM 1 FOR 6);
    RETURN encode(set_byte(bytes, 6, 112 + get_byte(bytes, 6) % 16), 'hex')::uuid;
END
$$;

ALTER FUNCTION octavo.new_id() OWNER TO octavo_owner;

CREATE FUNCTION octavo.operate(operator text, field text, current jsonb, operand jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
BEGIN
    IF current = 'null' THEN
        current := NULL;
    END IF;
    IF operator IN ('$inc', '$mul', '$min', '$max') AND jsonb_typeof(current) <> 'number' THEN
        RAISE EXCEPTION '% needs a number, and the field % holds none', operator, field USING ERRCODE = 'OC001';
    ELSIF operator IN ('$push', '$add_to_set', '$pull') AND jsonb_typeof(current) <> 'array' THEN
        RAISE EXCEPTION '% needs an array, and the field % holds none', operator, field USING ERRCODE = 'OC001';
    END IF;
    RETURN CASE operator
        WHEN '$set' THEN operand
        WHEN '$inc' THEN to_jsonb(coalesce((current #>> '{}')::numeric, 0) + (operand #>> '{}')::numeric)
        WHEN '$mul' THEN to_jsonb(coalesce((current #>> '{}')::numeric, 0) * (operand #>> '{}')::numeric)
        WHEN '$min' THEN CASE WHEN current <= operand THEN current ELSE operand END
        WHEN '$max' THEN CASE WHEN current >= operand THEN current ELSE operand END
        WHEN '$push' THEN coalesce(current, '[]') || jsonb_build_array(operand)
        WHEN '$add_to_set' THEN
            CASE WHEN EXISTS (SELECT FROM jsonb_array_elements(current) AS element (value) WHERE value = operand)
                THEN current
                ELSE coalesce(current, '[]') || jsonb_build_array(operand)
            END
        WHEN '$pull' THEN (
            SELECT coalesce(jsonb_agg(value ORDER BY place), '[]')
            FROM jsonb_array_elements(current) WITH ORDINALITY AS element (value, place)
            WHERE value <> operand)
    END;
END
$_$;

ALTER FUNCTION octavo.operate(operator text, field text, current jsonb, operand jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.owe_run(watching octavo.run_trigger, head octavo.document, depth integer) RETURNS void
    LANGUAGE sql
    AS $$
    INSERT INTO octavo.run_owed AS known (organization_id, trigger, document_id, trigger_depth, owed_at)
    VALUES (head.organization_id, watching.name, head.id, depth, clock_timestamp())
    ON CONFLICT (organization_id, trigger, document_id) DO UPDATE SET
        trigger_depth = greatest(known.trigger_depth, excluded.trigger_depth), owed_at = excluded.owed_at
$$;

ALTER FUNCTION octavo.owe_run(watching octavo.run_trigger, head octavo.document, depth integer) OWNER TO octavo_owner;

CREATE FUNCTION octavo.pinned_by(watching octavo.run_trigger) RETURNS octavo.pinned_pipeline
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    pinned octavo.pinned_pipeline;
BEGIN
    SELECT
        named.id, version.number,
        CASE WHEN jsonb_typeof(body.value -> 'retry' -> 'attempts') = 'number'
            THEN least(greatest((body.value -> 'retry' -> 'attempts')::integer, 1), 100) ELSE 1 END,
        octavo.whole_number(body.value, 'max_running'), octavo.whole_number(body.value, 'max_running_per_key')
    INTO pinned
    FROM octavo.document AS named
    INNER JOIN octavo.version AS version
        ON version.organization_id = named.organization_id
        AND version.document_id = named.id
        AND version.number = CASE
            WHEN watching.pipeline_version IS NOT NULL THEN watching.pipeline_version
            WHEN watching.pipeline_tag IS NULL THEN named.version
            ELSE (
                SELECT tag.version FROM octavo.tag AS tag
                WHERE tag.organization_id = named.organization_id AND tag.document_id = named.id
                    AND tag.name = watching.pipeline_tag
            )
        END
    INNER JOIN octavo.body AS body
        ON body.organization_id = named.organization_id AND body.hash = version.body_hash
    INNER JOIN octavo.body AS newest
        ON newest.organization_id = named.organization_id AND newest.hash = named.body_hash
    WHERE named.organization_id = watching.organization_id AND named.namespace = 'octavo'
        AND named.type = 'octavo.pipeline' AND named.name = watching.pipeline AND named.deleted_at IS NULL
        -- A version that is not active is not started, and no other one while the newest is not.
        AND (body.value -> 'is_active') IS DISTINCT FROM 'false'::jsonb
        AND (newest.value -> 'is_active') IS DISTINCT FROM 'false'::jsonb;
    RETURN pinned;
END
$$;

ALTER FUNCTION octavo.pinned_by(watching octavo.run_trigger) OWNER TO octavo_owner;

CREATE FUNCTION octavo.project(target jsonb, fields jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $_$
DECLARE
    wanted jsonb;
    part jsonb;
    result jsonb := '{}';
BEGIN
    IF fields = '[]' THEN
        RETURN target;
    END IF;
    -- A copy in memory: each look at a stored one would unpack all of it again.
    target := jsonb_path_query_first(target, 'strict $');
    CASE jsonb_typeof(target)
        WHEN 'object' THEN
            FOR place IN 0 .. jsonb_array_length(fields) - 1 LOOP
                wanted := fields -> place;
                part := target -> (wanted ->> 0);
                IF wanted -> 1 <> '[]' THEN
                    part := octavo.project(part, wanted -> 1);
                END IF;
                IF part IS NOT NULL THEN
                    result := result || jsonb_build_object(wanted ->> 0, part);
                END IF;
            END LOOP;
            RETURN result;
        WHEN 'array' THEN
            RETURN (SELECT coalesce(jsonb_agg(value ORDER BY place), '[]')
                    FROM (SELECT octavo.project(element, fields) AS value, place
                          FROM jsonb_array_elements(target) WITH ORDINALITY AS each (element, place)) AS parts
                    WHERE value IS NOT NULL);
        ELSE
            RETURN NULL;
    END CASE;
END
$_$;

ALTER FUNCTION octavo.project(target jsonb, fields jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.put_at(target jsonb, path text[], value jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    FOR depth IN 1 .. cardinality(path) - 1 LOOP
        IF target #> path[1:depth] IS NULL THEN
            target := jsonb_set(target, path[1:depth], '{}');
        ELSIF jsonb_typeof(target #> path[1:depth]) NOT IN ('object', 'array') THEN
            RAISE EXCEPTION 'the field % is neither an object nor an array',
                array_to_string(path[1:depth], '.') USING ERRCODE = 'OC001';
        END IF;
    END LOOP;
    RETURN jsonb_set(target, path, value);
END
$$;

ALTER FUNCTION octavo.put_at(target jsonb, path text[], value jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.redirect_run(watching octavo.run_trigger, head octavo.document, depth integer, pinned octavo.pinned_pipeline) RETURNS boolean
    LANGUAGE plpgsql
    AS $$
DECLARE
    long interval := make_interval(secs => greatest(60, 10 * watching.debounce_seconds));
    waiting record;
    since timestamptz;
BEGIN
    SELECT run.id, run.ticket, run.state, run.created_at INTO waiting
    FROM octavo.run AS run
    WHERE run.organization_id = head.organization_id AND run.document_id = head.id
        AND run.trigger = watching.name AND run.pipeline = watching.pipeline AND run.priority = watching.priority
        AND run.state IN ('queued', 'delayed') AND run.fence = 0 AND run.created_at > clock_timestamp() - long
    -- By what no index has in order: those of the document are few, those of the organization are not.
    ORDER BY run.created_at DESC, run.id DESC
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN false;
    ELSIF waiting.state = 'delayed' THEN
        UPDATE octavo.run_delay AS ticket
        SET due_at = least(
            clock_timestamp() + make_interval(secs => watching.debounce_seconds), waiting.created_at + long
        )
        WHERE ticket.organization_id = head.organization_id AND ticket.run_id = (
            SELECT free.run_id FROM octavo.run_delay AS free
            WHERE free.organization_id = head.organization_id AND free.run_id = waiting.id
            FOR UPDATE SKIP LOCKED
        );
    ELSE
        DELETE FROM octavo.run_queue AS ticket
        WHERE ticket.organization_id = head.organization_id AND ticket.run_id = waiting.id AND ticket.id = (
            SELECT free.id FROM octavo.run_queue AS free
            WHERE free.organization_id = head.organization_id AND free.id = waiting.ticket
            FOR UPDATE SKIP LOCKED
        )
        RETURNING ticket.queued_at INTO since;
        IF NOT FOUND THEN
            -- A limit holds it back: its place there depends on no number.
            PERFORM FROM octavo.run_held AS held
            WHERE held.organization_id = head.organization_id AND held.run_id = waiting.id
            FOR UPDATE SKIP LOCKED;
        END IF;
    END IF;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE octavo.run AS stored
    SET
        document_version = head.version,
        pipeline_id = pinned.id,
        pipeline_version = pinned.version,
        max_attempts = pinned.max_attempts,
        max_running = pinned.max_running,
        max_running_per_key = pinned.max_running_per_key,
        trigger_depth = greatest(stored.trigger_depth, depth),
        ticket = CASE WHEN since IS NULL THEN stored.ticket ELSE nextval('octavo.run_ticket') END
    WHERE stored.organization_id = head.organization_id AND stored.id = waiting.id;
    IF since IS NOT NULL THEN
        INSERT INTO octavo.run_queue (organization_id, priority, id, run_id, queued_at)
        SELECT stored.organization_id, stored.priority, stored.ticket, stored.id, since
        FROM octavo.run AS stored
        WHERE stored.organization_id = head.organization_id AND stored.id = waiting.id;
    END IF;
    RETURN true;
END
$$;

ALTER FUNCTION octavo.redirect_run(watching octavo.run_trigger, head octavo.document, depth integer, pinned octavo.pinned_pipeline) OWNER TO octavo_owner;

CREATE FUNCTION octavo.refuse_many(fields jsonb, scalars jsonpath, elements jsonpath, field text, most integer) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    found jsonb := jsonb_path_query_array(fields, scalars, '{}', true);
BEGIN
    IF jsonb_array_length(found) > 1 THEN
        RAISE EXCEPTION 'the field % has a declared index and holds more than one value', field
            USING ERRCODE = 'OC001';
    ELSIF jsonb_array_length(found) = 1
        AND found -> 0 NOT IN (SELECT jsonb_path_query(fields, elements, '{}', true))
    THEN
        -- jsonpath looks into a list in a list, and an equality of filters does not.
        RAISE EXCEPTION 'the field % has a declared index and holds a list in a list', field
            USING ERRCODE = 'OC001';
    ELSIF pg_column_size(found) > most THEN
        RAISE EXCEPTION 'the field % has a declared index and holds more than % bytes', field, most
            USING ERRCODE = 'OC001';
    END IF;
    RETURN false;
END
$$;

ALTER FUNCTION octavo.refuse_many(fields jsonb, scalars jsonpath, elements jsonpath, field text, most integer) OWNER TO octavo_owner;

CREATE FUNCTION octavo.require_index(name text) RETURNS boolean
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM pg_catalog.pg_index AS definition
        WHERE definition.indexrelid = to_regclass('octavo.' || name) AND definition.indisvalid
    ) THEN
        RAISE EXCEPTION 'the declared index % was dropped', name USING ERRCODE = 'OC002';
    END IF;
    RETURN true;
END
$$;

ALTER FUNCTION octavo.require_index(name text) OWNER TO octavo_owner;

CREATE FUNCTION octavo.run_cancelled() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO octavo.result_due (organization_id, run_id) VALUES (NEW.organization_id, NEW.id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

ALTER FUNCTION octavo.run_cancelled() OWNER TO octavo_owner;

CREATE FUNCTION octavo.run_died() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO octavo.result_due (organization_id, run_id) VALUES (NEW.organization_id, NEW.run_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

ALTER FUNCTION octavo.run_died() OWNER TO octavo_owner;

CREATE FUNCTION octavo.runs_under_way(organization uuid, pipeline uuid, key text) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

ALTER FUNCTION octavo.runs_under_way(organization uuid, pipeline uuid, key text) OWNER TO octavo_owner;

CREATE FUNCTION octavo.settle_search() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    SELECT gin_clean_pending_list('octavo.search_passage_words')
        + gin_clean_pending_list('octavo.search_passage_titles')
        + gin_clean_pending_list('octavo.search_passage_trigrams')
$$;

ALTER FUNCTION octavo.settle_search() OWNER TO octavo_owner;

CREATE FUNCTION octavo.sort_value(fields jsonb, scalars jsonpath, place jsonpath) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN COALESCE(jsonb_path_query_first(fields, scalars, '{}'::jsonb, true), (CASE WHEN jsonb_path_exists(fields, place, '{}'::jsonb, true) THEN 'null'::text ELSE '[]'::text END)::jsonb);

ALTER FUNCTION octavo.sort_value(fields jsonb, scalars jsonpath, place jsonpath) OWNER TO octavo_owner;

CREATE FUNCTION octavo.start_owed(organization uuid, at_most integer, OUT started integer, OUT settled integer, OUT is_refused boolean) RETURNS record
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    owed octavo.run_owed;
    watching octavo.run_trigger;
    head octavo.document;
    change record;
    pinned octavo.pinned_pipeline;
BEGIN
    started := 0;
    settled := 0;
    is_refused := false;
    FOR owed IN
        SELECT page.*
        FROM (
            SELECT debt.*
            FROM octavo.run_owed AS debt
            LEFT JOIN octavo.run_trigger AS known
                ON known.organization_id = debt.organization_id AND known.name = debt.trigger
            WHERE debt.organization_id = organization AND known.is_paused IS NOT TRUE
            ORDER BY debt.owed_at
            LIMIT at_most
        ) AS page
        -- Heads are locked in the order of their ids, as everywhere.
        ORDER BY page.document_id, page.trigger
    LOOP
        SELECT stored.* INTO head FROM octavo.document AS stored
        WHERE stored.organization_id = organization AND stored.id = owed.document_id
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND AND EXISTS (
            SELECT FROM octavo.document AS held WHERE held.organization_id = organization AND held.id = owed.document_id
        );
        SELECT known.* INTO watching FROM octavo.run_trigger AS known
        WHERE known.organization_id = organization AND known.name = owed.trigger AND NOT known.is_paused;
        IF octavo.is_owed(owed, watching, head) THEN
            pinned := octavo.pinned_by(watching);
            IF pinned.id IS NULL THEN
                PERFORM octavo.stop_trigger(watching, head, 'pipeline', owed.trigger_depth);
            ELSIF NOT octavo.redirect_run(watching, head, owed.trigger_depth, pinned) THEN
                IF NOT octavo.may_start(organization) THEN
                    is_refused := true;
                    RETURN;
                END IF;
                SELECT fact.session_id, fact.correlation_id INTO change
                FROM octavo.event AS fact
                WHERE fact.organization_id = organization AND fact.recorded_at = head.updated_at
                    AND fact.document_id = head.id AND fact.version = head.version
                LIMIT 1;
                PERFORM octavo.insert_triggered(
                    watching, head, owed.trigger_depth, pinned, change.session_id, change.correlation_id
                );
                started := started + 1;
            END IF;
        END IF;
        DELETE FROM octavo.run_owed AS paid
        WHERE paid.organization_id = organization AND paid.trigger = owed.trigger AND paid.document_id = owed.document_id;
        settled := settled + 1;
    END LOOP;
END
$$;

ALTER FUNCTION octavo.start_owed(organization uuid, at_most integer, OUT started integer, OUT settled integer, OUT is_refused boolean) OWNER TO octavo_owner;

CREATE FUNCTION octavo.start_runs_of(head octavo.document, arrived boolean) RETURNS void
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
    watching octavo.run_trigger;
    change record;
    writer record;
    pinned octavo.pinned_pipeline;
    depth integer;
BEGIN
    SELECT fact.session_id, fact.correlation_id, fact.causation_id INTO change
    FROM octavo.event AS fact
    WHERE fact.organization_id = head.organization_id AND fact.recorded_at = head.updated_at
        AND fact.position_xid = head.position_xid AND fact.id = head.position_id;
    SELECT run.pipeline, run.trigger_depth INTO writer
    FROM octavo.causing_run(head.organization_id, change.causation_id) AS run;
    depth := coalesce(writer.trigger_depth, 0) + 1;
    FOR watching IN
        SELECT * FROM octavo.run_trigger AS known
        WHERE known.organization_id = head.organization_id AND known.type = head.type
            AND known.namespace = head.namespace AND NOT known.is_paused
            AND CASE WHEN arrived THEN known.on_created ELSE known.on_updated END
            AND (known.recursive OR known.pipeline IS DISTINCT FROM writer.pipeline)
        ORDER BY known.name
    LOOP
        CONTINUE WHEN NOT octavo.trigger_holds(watching, head);
        pinned := octavo.pinned_by(watching);
        CASE
            WHEN depth > watching.max_depth THEN
                PERFORM octavo.stop_trigger(watching, head, 'depth', depth);
            WHEN pinned.id IS NULL THEN
                PERFORM octavo.stop_trigger(watching, head, 'pipeline', depth);
            WHEN octavo.redirect_run(watching, head, depth, pinned) THEN
                CONTINUE;
            WHEN NOT octavo.may_start(head.organization_id) THEN
                PERFORM octavo.stop_trigger(watching, head, 'quota', depth);
                PERFORM octavo.owe_run(watching, head, depth);
            ELSE
                PERFORM octavo.insert_triggered(
                    watching, head, depth, pinned, change.session_id, change.correlation_id
                );
        END CASE;
    END LOOP;
END
$$;

ALTER FUNCTION octavo.start_runs_of(head octavo.document, arrived boolean) OWNER TO octavo_owner;

CREATE FUNCTION octavo.stop_trigger(watching octavo.run_trigger, head octavo.document, reason text, depth integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    WITH now AS (SELECT max(number) AS epoch, pg_current_xact_id() AS xid FROM octavo.epoch),
    placed AS (
        UPDATE octavo.document AS stored
        SET
            event_sequence = stored.event_sequence + 1,
            epoch = now.epoch,
            position_xid = CASE
                WHEN stored.epoch = now.epoch THEN greatest(stored.position_xid, now.xid) ELSE now.xid
            END,
            position_id = nextval('octavo.event_position')
        FROM now
        WHERE stored.organization_id = head.organization_id AND stored.id = head.id
        RETURNING stored.*
    )
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version, data,
        actor, actor_kind, causation_id
    )
    SELECT
        clock_timestamp(), epoch, position_xid, position_id, organization_id, 'document-' || id, event_sequence,
        'trigger.stopped', id, version,
        jsonb_build_object(
            'trigger', watching.name, 'pipeline', watching.pipeline, 'reason', reason, 'depth', depth
        ),
        'octavo', 'system'::octavo.actor_kind, 'document-' || head.id || ':' || head.event_sequence
    FROM placed;

    UPDATE octavo.run_trigger AS told
    SET stopped_at = clock_timestamp(), stopped_reason = reason, stopped_document_id = head.id
    WHERE told.organization_id = head.organization_id AND told.name = (
        SELECT free.name FROM octavo.run_trigger AS free
        WHERE free.organization_id = head.organization_id AND free.name = watching.name
        FOR UPDATE SKIP LOCKED
    );
END
$$;

ALTER FUNCTION octavo.stop_trigger(watching octavo.run_trigger, head octavo.document, reason text, depth integer) OWNER TO octavo_owner;

CREATE FUNCTION octavo.take_quota(organization uuid, quota bigint, runs bigint) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
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

ALTER FUNCTION octavo.take_quota(organization uuid, quota bigint, runs bigint) OWNER TO octavo_owner;

CREATE FUNCTION octavo.trigger_holds(watching octavo.run_trigger, head octavo.document) RETURNS boolean
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF watching.metadata_condition IS NOT NULL AND (head.metadata @@ watching.metadata_condition) IS NOT TRUE THEN
        RETURN false;
    ELSIF watching.body_condition IS NULL THEN
        RETURN true;
    END IF;
    RETURN EXISTS (
        SELECT FROM octavo.body AS stored
        WHERE stored.organization_id = head.organization_id AND stored.hash = head.body_hash
            AND (stored.value @@ watching.body_condition) IS TRUE
    );
END
$$;

ALTER FUNCTION octavo.trigger_holds(watching octavo.run_trigger, head octavo.document) OWNER TO octavo_owner;

CREATE FUNCTION octavo.unique_value(fields jsonb, place jsonpath) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    found jsonb := jsonb_path_query_array(fields, place, '{}', true);
BEGIN
    IF found IN ('[]', '[null]') THEN
        RETURN NULL;
    ELSIF pg_column_size(found) > 2100 THEN
        RETURN to_jsonb(encode(sha256(convert_to(found::text, 'UTF8')), 'hex'));
    END IF;
    RETURN found;
END
$$;

ALTER FUNCTION octavo.unique_value(fields jsonb, place jsonpath) OWNER TO octavo_owner;

CREATE FUNCTION octavo.unpacked_bytes(value jsonb) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
BEGIN
    RETURN pg_column_size(value);
END
$$;

ALTER FUNCTION octavo.unpacked_bytes(value jsonb) OWNER TO octavo_owner;

CREATE FUNCTION octavo.watch_types() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    organization uuid := coalesce(NEW.organization_id, OLD.organization_id);
BEGIN
    -- One after the other: each sees what those before it have left.
    PERFORM FROM octavo.organization_profile AS profile WHERE profile.id = organization FOR NO KEY UPDATE;
    UPDATE octavo.organization_profile AS profile
    SET watched_types = (
        SELECT array_agg(DISTINCT known.type)
        FROM octavo.run_trigger AS known
        WHERE known.organization_id = organization AND NOT known.is_paused
    )
    WHERE profile.id = organization;
    RETURN NULL;
END
$$;

ALTER FUNCTION octavo.watch_types() OWNER TO octavo_owner;

CREATE FUNCTION octavo.whole_number(given jsonb, name text) RETURNS integer
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN (jsonb_typeof((given -> name)) = 'number'::text) THEN (LEAST(GREATEST(trunc(((given -> name))::numeric), (0)::numeric), (2147483647)::numeric))::integer ELSE NULL::integer END;

ALTER FUNCTION octavo.whole_number(given jsonb, name text) OWNER TO octavo_owner;

CREATE AGGREGATE octavo.all_of(tsquery) (
    SFUNC = tsquery_and,
    STYPE = tsquery,
    PARALLEL = safe
);

ALTER AGGREGATE octavo.all_of(tsquery) OWNER TO octavo_owner;

CREATE AGGREGATE octavo.any_of(tsquery) (
    SFUNC = tsquery_or,
    STYPE = tsquery,
    PARALLEL = safe
);

ALTER AGGREGATE octavo.any_of(tsquery) OWNER TO octavo_owner;

CREATE TABLE octavo.analytics_classed (
    organization_id uuid NOT NULL,
    grain text NOT NULL,
    begins timestamp with time zone NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    document_type text NOT NULL,
    field text NOT NULL,
    class integer NOT NULL,
    facts bigint NOT NULL,
    CONSTRAINT analytics_classed_facts_check CHECK ((facts >= 1)),
    CONSTRAINT analytics_classed_field_check CHECK ((field <> ''::text)),
    CONSTRAINT analytics_classed_grain_check CHECK ((grain = ANY (ARRAY['hour'::text, 'day'::text])))
)
WITH (fillfactor='80');

ALTER TABLE ONLY octavo.analytics_classed FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_classed OWNER TO octavo_owner;

CREATE TABLE octavo.analytics_engine (
    is_only boolean DEFAULT true NOT NULL,
    generation uuid NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT analytics_engine_is_only_check CHECK (is_only)
)
WITH (fillfactor='20');

ALTER TABLE octavo.analytics_engine OWNER TO octavo_owner;

CREATE TABLE octavo.analytics_fact (
    organization_id uuid NOT NULL,
    "time" timestamp with time zone NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    stream text NOT NULL,
    document_id uuid,
    document_type text NOT NULL,
    actor text NOT NULL,
    session text NOT NULL,
    fields jsonb NOT NULL,
    CONSTRAINT analytics_fact_actor_check CHECK ((length(actor) <= 400)),
    CONSTRAINT analytics_fact_fields_check CHECK ((jsonb_typeof(fields) = 'object'::text)),
    CONSTRAINT analytics_fact_kind_check CHECK ((length(kind) <= 200)),
    CONSTRAINT analytics_fact_session_check CHECK ((length(session) <= 400)),
    CONSTRAINT analytics_fact_stream_check CHECK ((length(stream) <= 200)),
    CONSTRAINT analytics_fact_type_check CHECK (((length(type) >= 1) AND (length(type) <= 100)))
)
PARTITION BY RANGE ("time");

ALTER TABLE ONLY octavo.analytics_fact FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_fact OWNER TO octavo_owner;

CREATE TABLE octavo.analytics_fact_default (
    organization_id uuid CONSTRAINT analytics_fact_organization_id_not_null NOT NULL,
    "time" timestamp with time zone CONSTRAINT analytics_fact_time_not_null NOT NULL,
    epoch integer CONSTRAINT analytics_fact_epoch_not_null NOT NULL,
    position_xid xid8 CONSTRAINT analytics_fact_position_xid_not_null NOT NULL,
    id bigint CONSTRAINT analytics_fact_id_not_null NOT NULL,
    recorded_at timestamp with time zone CONSTRAINT analytics_fact_recorded_at_not_null NOT NULL,
    type text CONSTRAINT analytics_fact_type_not_null NOT NULL,
    kind text CONSTRAINT analytics_fact_kind_not_null NOT NULL,
    stream text CONSTRAINT analytics_fact_stream_not_null NOT NULL,
    document_id uuid,
    document_type text CONSTRAINT analytics_fact_document_type_not_null NOT NULL,
    actor text CONSTRAINT analytics_fact_actor_not_null NOT NULL,
    session text CONSTRAINT analytics_fact_session_not_null NOT NULL,
    fields jsonb CONSTRAINT analytics_fact_fields_not_null NOT NULL,
    CONSTRAINT analytics_fact_actor_check CHECK ((length(actor) <= 400)),
    CONSTRAINT analytics_fact_fields_check CHECK ((jsonb_typeof(fields) = 'object'::text)),
    CONSTRAINT analytics_fact_kind_check CHECK ((length(kind) <= 200)),
    CONSTRAINT analytics_fact_session_check CHECK ((length(session) <= 400)),
    CONSTRAINT analytics_fact_stream_check CHECK ((length(stream) <= 200)),
    CONSTRAINT analytics_fact_type_check CHECK (((length(type) >= 1) AND (length(type) <= 100)))
);

ALTER TABLE octavo.analytics_fact_default OWNER TO octavo_owner;

CREATE TABLE octavo.analytics_member (
    organization_id uuid NOT NULL,
    grain text NOT NULL,
    begins timestamp with time zone NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    document_type text NOT NULL,
    dimension text NOT NULL,
    member text NOT NULL,
    CONSTRAINT analytics_member_dimension_check CHECK ((dimension = ANY (ARRAY['actor'::text, 'session'::text]))),
    CONSTRAINT analytics_member_grain_check CHECK ((grain = ANY (ARRAY['hour'::text, 'day'::text]))),
    CONSTRAINT analytics_member_member_check CHECK (((length(member) >= 1) AND (length(member) <= 400)))
);

ALTER TABLE ONLY octavo.analytics_member FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_member OWNER TO octavo_owner;

CREATE TABLE octavo.analytics_parked (
    organization_id uuid NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    id bigint NOT NULL,
    recorded_at timestamp with time zone NOT NULL,
    type text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    parked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT analytics_parked_code_check CHECK ((length(code) <= 100)),
    CONSTRAINT analytics_parked_message_check CHECK ((length(message) <= 1000))
);

ALTER TABLE ONLY octavo.analytics_parked FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_parked OWNER TO octavo_owner;

CREATE TABLE octavo.analytics_total (
    organization_id uuid NOT NULL,
    grain text NOT NULL,
    begins timestamp with time zone NOT NULL,
    type text NOT NULL,
    kind text NOT NULL,
    document_type text NOT NULL,
    field text NOT NULL,
    facts bigint NOT NULL,
    total numeric,
    "least" numeric,
    "greatest" numeric,
    CONSTRAINT analytics_total_check CHECK (((field = ''::text) = (total IS NULL))),
    CONSTRAINT analytics_total_facts_check CHECK ((facts >= 1)),
    CONSTRAINT analytics_total_grain_check CHECK ((grain = ANY (ARRAY['hour'::text, 'day'::text])))
)
WITH (fillfactor='80');

ALTER TABLE ONLY octavo.analytics_total FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_total OWNER TO octavo_owner;

CREATE TABLE octavo.application_migration (
    application text NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    checksum bytea NOT NULL,
    state text NOT NULL,
    error text,
    started_at timestamp with time zone NOT NULL,
    completed_at timestamp with time zone,
    duration_ms bigint,
    applied_by text NOT NULL,
    CONSTRAINT application_migration_application_check CHECK ((application ~ '^[a-z][a-z0-9_]{0,30}$'::text)),
    CONSTRAINT application_migration_check CHECK (((state = 'completed'::text) = (completed_at IS NOT NULL))),
    CONSTRAINT application_migration_check1 CHECK (((state = 'failed'::text) = (error IS NOT NULL))),
    CONSTRAINT application_migration_checksum_check CHECK ((octet_length(checksum) = 32)),
    CONSTRAINT application_migration_duration_ms_check CHECK ((duration_ms >= 0)),
    CONSTRAINT application_migration_number_check CHECK ((number >= 1)),
    CONSTRAINT application_migration_phase_check CHECK ((phase = ANY (ARRAY['expand'::text, 'backfill'::text, 'contract'::text]))),
    CONSTRAINT application_migration_state_check CHECK ((state = ANY (ARRAY['started'::text, 'completed'::text, 'failed'::text])))
);

ALTER TABLE octavo.application_migration OWNER TO octavo_owner;

CREATE TABLE octavo.backfill (
    application text NOT NULL,
    number integer NOT NULL,
    checksum bytea NOT NULL,
    last_key jsonb NOT NULL,
    rows_done bigint NOT NULL,
    rows_estimated bigint,
    chunks bigint NOT NULL,
    begun_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    progressed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT backfill_checksum_check CHECK ((octet_length(checksum) = 32)),
    CONSTRAINT backfill_chunks_check CHECK ((chunks >= 1)),
    CONSTRAINT backfill_last_key_check CHECK ((jsonb_typeof(last_key) = 'object'::text)),
    CONSTRAINT backfill_number_check CHECK ((number >= 1)),
    CONSTRAINT backfill_rows_done_check CHECK ((rows_done >= 0)),
    CONSTRAINT backfill_rows_estimated_check CHECK ((rows_estimated >= 0))
)
WITH (fillfactor='50');

ALTER TABLE octavo.backfill OWNER TO octavo_owner;

CREATE TABLE octavo.batch (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text,
    description text DEFAULT ''::text NOT NULL,
    key text,
    request bytea NOT NULL,
    pipeline text NOT NULL,
    pipeline_id uuid NOT NULL,
    pipeline_version integer NOT NULL,
    priority smallint NOT NULL,
    input jsonb NOT NULL,
    asked jsonb NOT NULL,
    cursor text DEFAULT ''::text NOT NULL,
    filled_at timestamp with time zone,
    error jsonb,
    cancelled_at timestamp with time zone,
    settled_at timestamp with time zone,
    reopened integer DEFAULT 0 NOT NULL,
    completed integer,
    failed integer,
    cancelled integer,
    started_at timestamp with time zone,
    finished_at timestamp with time zone,
    purged_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    session_id text,
    correlation_id text,
    causation_id text,
    event_sequence bigint NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    CONSTRAINT batch_asked_check CHECK ((jsonb_typeof(asked) = 'object'::text)),
    CONSTRAINT batch_check CHECK (((settled_at IS NULL) OR (filled_at IS NOT NULL))),
    CONSTRAINT batch_check1 CHECK (((cancelled_at IS NULL) OR (filled_at IS NOT NULL))),
    CONSTRAINT batch_check2 CHECK ((((completed IS NULL) = (failed IS NULL)) AND ((completed IS NULL) = (cancelled IS NULL)))),
    CONSTRAINT batch_check3 CHECK (((completed IS NULL) OR (settled_at IS NOT NULL))),
    CONSTRAINT batch_check4 CHECK (((purged_at IS NULL) OR (completed IS NOT NULL))),
    CONSTRAINT batch_description_check CHECK ((length(description) <= 2000)),
    CONSTRAINT batch_event_sequence_check CHECK ((event_sequence >= 1)),
    CONSTRAINT batch_input_check CHECK ((jsonb_typeof(input) = 'object'::text)),
    CONSTRAINT batch_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200))),
    CONSTRAINT batch_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT batch_pipeline_check CHECK (((length(pipeline) >= 1) AND (length(pipeline) <= 500))),
    CONSTRAINT batch_pipeline_version_check CHECK ((pipeline_version >= 1)),
    CONSTRAINT batch_priority_check CHECK (((priority >= 0) AND (priority <= 9))),
    CONSTRAINT batch_reopened_check CHECK ((reopened >= 0))
);

ALTER TABLE ONLY octavo.batch FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.batch OWNER TO octavo_owner;

CREATE TABLE octavo.batch_list (
    organization_id uuid NOT NULL,
    batch_id uuid NOT NULL,
    place integer NOT NULL,
    documents uuid[] NOT NULL,
    CONSTRAINT batch_list_documents_check CHECK (((cardinality(documents) >= 1) AND (cardinality(documents) <= 10000))),
    CONSTRAINT batch_list_place_check CHECK ((place >= 1))
);

ALTER TABLE ONLY octavo.batch_list FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.batch_list OWNER TO octavo_owner;

CREATE TABLE octavo.body (
    organization_id uuid NOT NULL,
    hash bytea NOT NULL,
    value jsonb NOT NULL,
    bytes integer GENERATED ALWAYS AS (octavo.unpacked_bytes(value)) STORED NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT body_hash_check CHECK ((octet_length(hash) = 32)),
    CONSTRAINT body_value_check CHECK ((jsonb_typeof(value) = 'object'::text))
);

ALTER TABLE ONLY octavo.body FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.body OWNER TO octavo_owner;

CREATE TABLE octavo.content (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    sha256 bytea NOT NULL,
    blob text NOT NULL,
    bytes bigint NOT NULL,
    media_type text NOT NULL,
    encoding text,
    language text DEFAULT 'und'::text NOT NULL,
    preview text NOT NULL,
    words bigint NOT NULL,
    characters bigint NOT NULL,
    paragraphs bigint NOT NULL,
    CONSTRAINT content_blob_check CHECK (((length(blob) >= 1) AND (length(blob) <= 1000))),
    CONSTRAINT content_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT content_characters_check CHECK ((characters >= 0)),
    CONSTRAINT content_encoding_check CHECK ((length(encoding) <= 50)),
    CONSTRAINT content_language_check CHECK (((length(language) >= 2) AND (length(language) <= 35))),
    CONSTRAINT content_media_type_check CHECK (((length(media_type) >= 3) AND (length(media_type) <= 200))),
    CONSTRAINT content_paragraphs_check CHECK ((paragraphs >= 0)),
    CONSTRAINT content_preview_check CHECK ((length(preview) <= 1000)),
    CONSTRAINT content_sha256_check CHECK ((octet_length(sha256) = 32)),
    CONSTRAINT content_words_check CHECK ((words >= 0))
);

ALTER TABLE ONLY octavo.content FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.content OWNER TO octavo_owner;

CREATE TABLE octavo.document_filter (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    namespace text NOT NULL COLLATE pg_catalog."C",
    type text NOT NULL COLLATE pg_catalog."C",
    name text COLLATE pg_catalog."C",
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL COLLATE pg_catalog."C",
    updated_at timestamp with time zone NOT NULL,
    updated_by text NOT NULL COLLATE pg_catalog."C",
    version integer NOT NULL,
    fields jsonb NOT NULL,
    metadata jsonb NOT NULL
);
ALTER TABLE ONLY octavo.document_filter ALTER COLUMN organization_id SET (n_distinct=20);

ALTER TABLE ONLY octavo.document_filter FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.document_filter OWNER TO octavo_owner;

CREATE TABLE octavo.document_label (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    label_id uuid NOT NULL,
    confidence double precision,
    assigned_at timestamp with time zone NOT NULL,
    assigned_by text NOT NULL,
    assigned_by_kind octavo.actor_kind NOT NULL,
    session_id text,
    CONSTRAINT document_label_assigned_by_check CHECK (((length(assigned_by) >= 1) AND (length(assigned_by) <= 200))),
    CONSTRAINT document_label_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
    CONSTRAINT document_label_session_id_check CHECK (((length(session_id) >= 1) AND (length(session_id) <= 200)))
);

ALTER TABLE ONLY octavo.document_label FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.document_label OWNER TO octavo_owner;

CREATE TABLE octavo.document_type (
    name text NOT NULL,
    version smallint NOT NULL,
    schema jsonb NOT NULL,
    indexes jsonb NOT NULL,
    digest bytea NOT NULL,
    registered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    registered_by text NOT NULL,
    CONSTRAINT document_type_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT document_type_indexes_check CHECK ((jsonb_typeof(indexes) = 'array'::text)),
    CONSTRAINT document_type_name_check CHECK ((name ~ '^[A-Za-z][A-Za-z0-9_.-]{0,99}$'::text)),
    CONSTRAINT document_type_registered_by_check CHECK (((length(registered_by) >= 1) AND (length(registered_by) <= 200))),
    CONSTRAINT document_type_schema_check CHECK ((jsonb_typeof(schema) = 'object'::text)),
    CONSTRAINT document_type_version_check CHECK ((version >= 1))
);

ALTER TABLE octavo.document_type OWNER TO octavo_owner;

CREATE TABLE octavo.engine (
    role text NOT NULL,
    url text NOT NULL,
    state text NOT NULL,
    added_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    changed_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    kept_until timestamp with time zone,
    equal_at timestamp with time zone,
    equal_position text,
    equal_documents bigint,
    rebuilt_to text,
    rebuilt_at timestamp with time zone,
    CONSTRAINT engine_check CHECK (((kept_until IS NULL) OR (state = 'kept'::text))),
    CONSTRAINT engine_check1 CHECK ((((equal_at IS NULL) = (equal_position IS NULL)) AND ((equal_at IS NULL) = (equal_documents IS NULL)))),
    CONSTRAINT engine_equal_documents_check CHECK ((equal_documents >= 0)),
    CONSTRAINT engine_role_check CHECK ((role ~ '^[a-z]{1,40}$'::text)),
    CONSTRAINT engine_state_check CHECK ((state = ANY (ARRAY['building'::text, 'live'::text, 'kept'::text, 'retired'::text]))),
    CONSTRAINT engine_url_check CHECK (((length(url) >= 1) AND (length(url) <= 2000))),
    CONSTRAINT engine_url_check1 CHECK ((url !~ '://[^/]*@'::text))
);

ALTER TABLE octavo.engine OWNER TO octavo_owner;

CREATE TABLE octavo.epoch (
    number integer NOT NULL,
    system_identifier bigint NOT NULL,
    timeline integer NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT epoch_number_check CHECK ((number >= 1))
);

ALTER TABLE octavo.epoch OWNER TO octavo_owner;

CREATE TABLE octavo.event (
    recorded_at timestamp with time zone NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    id bigint NOT NULL,
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL,
    schema_version smallint DEFAULT 1 NOT NULL,
    document_id uuid,
    version integer,
    data jsonb NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    session_id text,
    correlation_id text,
    causation_id text,
    CONSTRAINT event_causation_id_check CHECK ((length(causation_id) <= 200)),
    CONSTRAINT event_correlation_id_check CHECK ((length(correlation_id) <= 200)),
    CONSTRAINT event_data_check CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT event_type_check CHECK ((type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'::text))
)
PARTITION BY RANGE (recorded_at);

ALTER TABLE ONLY octavo.event FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.event OWNER TO octavo_owner;

CREATE TABLE octavo.event_default (
    recorded_at timestamp with time zone CONSTRAINT event_recorded_at_not_null NOT NULL,
    epoch integer CONSTRAINT event_epoch_not_null NOT NULL,
    position_xid xid8 CONSTRAINT event_position_xid_not_null NOT NULL,
    id bigint CONSTRAINT event_id_not_null NOT NULL,
    organization_id uuid CONSTRAINT event_organization_id_not_null NOT NULL,
    stream text CONSTRAINT event_stream_not_null NOT NULL,
    sequence bigint CONSTRAINT event_sequence_not_null NOT NULL,
    type text CONSTRAINT event_type_not_null NOT NULL,
    schema_version smallint DEFAULT 1 CONSTRAINT event_schema_version_not_null NOT NULL,
    document_id uuid,
    version integer,
    data jsonb CONSTRAINT event_data_not_null NOT NULL,
    actor text CONSTRAINT event_actor_not_null NOT NULL,
    actor_kind octavo.actor_kind CONSTRAINT event_actor_kind_not_null NOT NULL,
    session_id text,
    correlation_id text,
    causation_id text,
    CONSTRAINT event_causation_id_check CHECK ((length(causation_id) <= 200)),
    CONSTRAINT event_correlation_id_check CHECK ((length(correlation_id) <= 200)),
    CONSTRAINT event_data_check CHECK ((jsonb_typeof(data) = 'object'::text)),
    CONSTRAINT event_type_check CHECK ((type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'::text))
);

ALTER TABLE octavo.event_default OWNER TO octavo_owner;

CREATE SEQUENCE octavo.event_position
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE octavo.event_position OWNER TO octavo_owner;

CREATE TABLE octavo.idempotency (
    organization_id uuid NOT NULL,
    key text NOT NULL,
    request bytea NOT NULL,
    answer jsonb,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT idempotency_key_check CHECK (((length(key) >= 1) AND (length(key) <= 200)))
);

ALTER TABLE ONLY octavo.idempotency FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.idempotency OWNER TO octavo_owner;

CREATE TABLE octavo.label (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    key text GENERATED ALWAYS AS (octavo.label_key(name)) STORED NOT NULL COLLATE pg_catalog."C",
    colour text,
    description text,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    created_by_kind octavo.actor_kind NOT NULL,
    CONSTRAINT label_colour_check CHECK ((colour ~ '^#[0-9a-f]{6}$'::text)),
    CONSTRAINT label_created_by_check CHECK (((length(created_by) >= 1) AND (length(created_by) <= 200))),
    CONSTRAINT label_description_check CHECK (((length(description) >= 1) AND (length(description) <= 1000))),
    CONSTRAINT label_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT label_name_is_plain CHECK (((name = btrim(name)) AND (name !~ '[\x01-\x1f\x7f]'::text)))
);

ALTER TABLE ONLY octavo.label FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.label OWNER TO octavo_owner;

CREATE TABLE octavo.lease (
    name text NOT NULL,
    organization_id uuid,
    holder uuid NOT NULL,
    fence bigint NOT NULL,
    taken_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT lease_fence_check CHECK ((fence >= 1)),
    CONSTRAINT lease_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200)))
)
WITH (fillfactor='50');

ALTER TABLE ONLY octavo.lease FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.lease OWNER TO octavo_owner;

CREATE TABLE octavo.link (
    organization_id uuid NOT NULL,
    source_id uuid NOT NULL,
    target_id uuid NOT NULL,
    type text NOT NULL COLLATE pg_catalog."C",
    is_symmetric boolean NOT NULL,
    confidence double precision,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    created_by_kind octavo.actor_kind NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    session_id text,
    CONSTRAINT link_confidence_check CHECK (((confidence >= (0)::double precision) AND (confidence <= (1)::double precision))),
    CONSTRAINT link_created_by_check CHECK (((length(created_by) >= 1) AND (length(created_by) <= 200))),
    CONSTRAINT link_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT link_session_id_check CHECK (((length(session_id) >= 1) AND (length(session_id) <= 200))),
    CONSTRAINT link_to_another CHECK ((source_id <> target_id)),
    CONSTRAINT symmetric_link_once CHECK (((NOT is_symmetric) OR (source_id < target_id)))
);

ALTER TABLE ONLY octavo.link FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.link OWNER TO octavo_owner;

CREATE TABLE octavo.link_type (
    organization_id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    is_symmetric boolean NOT NULL,
    description text,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    created_by_kind octavo.actor_kind NOT NULL,
    CONSTRAINT link_type_created_by_check CHECK (((length(created_by) >= 1) AND (length(created_by) <= 200))),
    CONSTRAINT link_type_description_check CHECK (((length(description) >= 1) AND (length(description) <= 1000))),
    CONSTRAINT link_type_name_check CHECK ((name ~ '^[a-z][a-z0-9_-]{0,62}$'::text))
);

ALTER TABLE ONLY octavo.link_type FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.link_type OWNER TO octavo_owner;

CREATE VIEW octavo.lookup AS
 SELECT organization_id,
    document_id,
    namespace,
    type,
    COALESCE(name, ''::text) AS name,
    created_at,
    created_by,
    updated_at,
    updated_by,
    version,
    fields,
    metadata
   FROM octavo.document_filter
  WHERE (organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid);

ALTER VIEW octavo.lookup OWNER TO octavo_lookup;

CREATE TABLE octavo.migration (
    number integer NOT NULL,
    name text NOT NULL,
    phase text NOT NULL,
    checksum bytea NOT NULL,
    state text NOT NULL,
    error text,
    started_at timestamp with time zone NOT NULL,
    completed_at timestamp with time zone,
    duration_ms bigint,
    applied_by text NOT NULL,
    CONSTRAINT migration_check CHECK (((state = 'completed'::text) = (completed_at IS NOT NULL))),
    CONSTRAINT migration_check1 CHECK (((state = 'failed'::text) = (error IS NOT NULL))),
    CONSTRAINT migration_checksum_check CHECK ((octet_length(checksum) = 32)),
    CONSTRAINT migration_duration_ms_check CHECK ((duration_ms >= 0)),
    CONSTRAINT migration_number_check CHECK ((number >= 1)),
    CONSTRAINT migration_phase_check CHECK ((phase = ANY (ARRAY['expand'::text, 'backfill'::text, 'contract'::text]))),
    CONSTRAINT migration_state_check CHECK ((state = ANY (ARRAY['started'::text, 'completed'::text, 'failed'::text])))
);

ALTER TABLE octavo.migration OWNER TO octavo_owner;

CREATE TABLE octavo.model_artifact (
    organization_id uuid NOT NULL,
    model_id uuid NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    sha256 bytea NOT NULL,
    blob text NOT NULL,
    bytes bigint NOT NULL,
    CONSTRAINT model_artifact_blob_check CHECK (((length(blob) >= 1) AND (length(blob) <= 1000))),
    CONSTRAINT model_artifact_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT model_artifact_name_check CHECK ((name ~ '^[a-z][a-z0-9_.-]{0,62}$'::text)),
    CONSTRAINT model_artifact_sha256_check CHECK ((octet_length(sha256) = 32))
);

ALTER TABLE ONLY octavo.model_artifact FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.model_artifact OWNER TO octavo_owner;

CREATE TABLE octavo.model_deployment (
    organization_id uuid NOT NULL,
    model_id uuid NOT NULL,
    environment text NOT NULL,
    version integer NOT NULL,
    stage octavo.model_stage DEFAULT 'deployed'::text NOT NULL,
    previous_version integer,
    deployed_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    checked_at timestamp with time zone,
    is_healthy boolean,
    health text,
    CONSTRAINT model_deployment_check CHECK (((checked_at IS NULL) = (is_healthy IS NULL))),
    CONSTRAINT model_deployment_environment_check CHECK ((environment ~ '^[a-z][a-z0-9_-]{0,62}$'::text)),
    CONSTRAINT model_deployment_health_check CHECK ((length(health) <= 500)),
    CONSTRAINT model_deployment_stage_check CHECK (((stage)::text = 'deployed'::text))
);

ALTER TABLE ONLY octavo.model_deployment FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.model_deployment OWNER TO octavo_owner;

CREATE TABLE octavo.model_version (
    organization_id uuid NOT NULL,
    model_id uuid NOT NULL,
    version integer NOT NULL,
    type octavo.processing_type NOT NULL,
    stage octavo.model_stage NOT NULL,
    previous_stage octavo.model_stage,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    deployed_at timestamp with time zone,
    deprecated_at timestamp with time zone,
    CONSTRAINT model_begins CHECK (((previous_stage IS NOT NULL) OR ((stage)::text = ANY (ARRAY['training'::text, 'validation'::text])))),
    CONSTRAINT model_stage_follows CHECK (((previous_stage IS NULL) OR ((((previous_stage)::text || ' to '::text) || (stage)::text) = ANY (ARRAY['training to validation'::text, 'training to failed'::text, 'validation to deployed'::text, 'validation to deprecated'::text, 'validation to failed'::text, 'deployed to validation'::text, 'deprecated to validation'::text])))),
    CONSTRAINT model_version_check CHECK ((((stage)::text <> 'deployed'::text) OR (deployed_at IS NOT NULL))),
    CONSTRAINT model_version_check1 CHECK ((((stage)::text = 'deprecated'::text) = (deprecated_at IS NOT NULL)))
);

ALTER TABLE ONLY octavo.model_version FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.model_version OWNER TO octavo_owner;

CREATE TABLE octavo.organization_profile (
    id uuid NOT NULL,
    name text NOT NULL,
    inner_pad bytea NOT NULL,
    outer_pad bytea NOT NULL,
    settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    watched_types text[],
    CONSTRAINT organization_profile_inner_pad_check CHECK ((octet_length(inner_pad) = 64)),
    CONSTRAINT organization_profile_name_check CHECK ((name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'::text)),
    CONSTRAINT organization_profile_outer_pad_check CHECK ((octet_length(outer_pad) = 64)),
    CONSTRAINT organization_profile_settings_check CHECK ((jsonb_typeof(settings) = 'object'::text))
);

ALTER TABLE ONLY octavo.organization_profile FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.organization_profile OWNER TO octavo_owner;

CREATE TABLE octavo.query_consent (
    organization_id uuid NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    days integer NOT NULL,
    given_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT query_consent_actor_check CHECK (((length(actor) >= 1) AND (length(actor) <= 200))),
    CONSTRAINT query_consent_days_check CHECK (((days >= 1) AND (days <= 3650)))
);

ALTER TABLE ONLY octavo.query_consent FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.query_consent OWNER TO octavo_owner;

CREATE TABLE octavo.remembered_query (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    text text NOT NULL,
    mode text NOT NULL,
    found integer NOT NULL,
    model_name text,
    model_version text,
    embedding public.halfvec,
    asked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT remembered_query_check CHECK ((((embedding IS NULL) = (model_name IS NULL)) AND ((embedding IS NULL) = (model_version IS NULL)))),
    CONSTRAINT remembered_query_check1 CHECK ((expires_at > asked_at)),
    CONSTRAINT remembered_query_found_check CHECK ((found >= 0)),
    CONSTRAINT remembered_query_mode_check CHECK ((mode = ANY (ARRAY['keyword'::text, 'semantic'::text, 'hybrid'::text]))),
    CONSTRAINT remembered_query_text_check CHECK (((length(text) >= 1) AND (length(text) <= 10000)))
);

ALTER TABLE ONLY octavo.remembered_query FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.remembered_query OWNER TO octavo_owner;

CREATE TABLE octavo.result (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    fits_version integer NOT NULL,
    type octavo.processing_type NOT NULL,
    model text NOT NULL,
    model_version text NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    options_key uuid GENERATED ALWAYS AS ((md5((options)::text))::uuid) STORED NOT NULL,
    status octavo.run_state NOT NULL,
    value jsonb,
    error jsonb,
    label text GENERATED ALWAYS AS ("left"(COALESCE((value ->> 'predicted_category'::text), (value ->> 'sentiment'::text), (value ->> 'dominant_topic'::text)), 500)) STORED,
    score double precision GENERATED ALWAYS AS (
CASE
    WHEN (jsonb_typeof(COALESCE((value -> 'confidence'::text), (value -> 'dominant_topic_score'::text), (value -> 'ratio'::text))) = 'number'::text) THEN (COALESCE((value -> 'confidence'::text), (value -> 'dominant_topic_score'::text), (value -> 'ratio'::text)))::double precision
    ELSE NULL::double precision
END) STORED,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    run_id uuid,
    step text,
    component text,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    CONSTRAINT result_check CHECK ((fits_version >= version)),
    CONSTRAINT result_check1 CHECK (((status = 'completed'::octavo.run_state) = (value IS NOT NULL))),
    CONSTRAINT result_check2 CHECK (((status = 'failed'::octavo.run_state) = (error IS NOT NULL))),
    CONSTRAINT result_check3 CHECK ((ended_at >= started_at)),
    CONSTRAINT result_check4 CHECK (((run_id IS NULL) = (step IS NULL))),
    CONSTRAINT result_component_check CHECK (((length(component) >= 1) AND (length(component) <= 100))),
    CONSTRAINT result_error_check CHECK ((jsonb_typeof(error) = 'object'::text)),
    CONSTRAINT result_metrics_check CHECK ((jsonb_typeof(metrics) = 'object'::text)),
    CONSTRAINT result_model_check CHECK (((length(model) >= 1) AND (length(model) <= 500))),
    CONSTRAINT result_model_version_check CHECK (((length(model_version) >= 1) AND (length(model_version) <= 100))),
    CONSTRAINT result_options_check CHECK ((jsonb_typeof(options) = 'object'::text)),
    CONSTRAINT result_status_check CHECK ((status = ANY (ARRAY['completed'::octavo.run_state, 'failed'::octavo.run_state]))),
    CONSTRAINT result_step_check CHECK (((length(step) >= 1) AND (length(step) <= 100))),
    CONSTRAINT result_value_check CHECK ((jsonb_typeof(value) = 'object'::text))
);

ALTER TABLE ONLY octavo.result FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.result OWNER TO octavo_owner;

CREATE TABLE octavo.result_due (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    due_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY octavo.result_due FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.result_due OWNER TO octavo_owner;

CREATE TABLE octavo.retention (
    organization_id uuid NOT NULL,
    prefix text NOT NULL COLLATE pg_catalog."C",
    kept interval NOT NULL,
    set_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    set_by text NOT NULL,
    set_by_kind octavo.actor_kind NOT NULL,
    CONSTRAINT retention_kept_check CHECK ((kept > '00:00:00'::interval)),
    CONSTRAINT retention_prefix_check CHECK (((length(prefix) >= 1) AND (length(prefix) <= 200))),
    CONSTRAINT retention_prefix_check1 CHECK (((NOT starts_with(prefix, 'document-'::text)) AND (NOT starts_with('document-'::text, prefix)))),
    CONSTRAINT retention_set_by_check CHECK (((length(set_by) >= 1) AND (length(set_by) <= 200)))
);

ALTER TABLE ONLY octavo.retention FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.retention OWNER TO octavo_owner;

CREATE TABLE octavo.run (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    pipeline text NOT NULL,
    pipeline_id uuid NOT NULL,
    pipeline_version integer NOT NULL,
    document_id uuid,
    document_version integer,
    priority smallint NOT NULL,
    state octavo.run_state NOT NULL,
    input jsonb NOT NULL,
    unique_key text,
    ticket bigint NOT NULL,
    fence bigint DEFAULT 0 NOT NULL,
    attempt integer DEFAULT 0 NOT NULL,
    max_attempts integer NOT NULL,
    cancel_requested boolean DEFAULT false NOT NULL,
    error jsonb,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    started_at timestamp with time zone,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    session_id text,
    correlation_id text,
    causation_id text,
    event_sequence bigint NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    batch_id uuid,
    waits_for integer DEFAULT 0 NOT NULL,
    max_running integer,
    max_running_per_key integer,
    concurrency text,
    trigger text,
    trigger_depth smallint DEFAULT 0 NOT NULL,
    CONSTRAINT run_attempt_check CHECK ((attempt >= 0)),
    CONSTRAINT run_check CHECK (((document_id IS NULL) = (document_version IS NULL))),
    CONSTRAINT run_check1 CHECK (((state <> 'running'::octavo.run_state) OR ((started_at IS NOT NULL) AND (fence >= 1)))),
    CONSTRAINT run_check2 CHECK (((state <> 'dead'::octavo.run_state) OR (error IS NOT NULL))),
    CONSTRAINT run_event_sequence_check CHECK ((event_sequence >= 1)),
    CONSTRAINT run_fence_check CHECK ((fence >= 0)),
    CONSTRAINT run_input_check CHECK ((jsonb_typeof(input) = 'object'::text)),
    CONSTRAINT run_max_attempts_check CHECK (((max_attempts >= 1) AND (max_attempts <= 100))),
    CONSTRAINT run_pipeline_check CHECK (((length(pipeline) >= 1) AND (length(pipeline) <= 500))),
    CONSTRAINT run_pipeline_version_check CHECK ((pipeline_version >= 1)),
    CONSTRAINT run_priority_check CHECK (((priority >= 0) AND (priority <= 9))),
    CONSTRAINT run_state_check CHECK ((state = ANY (ARRAY['queued'::octavo.run_state, 'delayed'::octavo.run_state, 'running'::octavo.run_state, 'dead'::octavo.run_state]))),
    CONSTRAINT run_unique_key_check CHECK (((length(unique_key) >= 1) AND (length(unique_key) <= 200)))
)
WITH (fillfactor='70');

ALTER TABLE ONLY octavo.run FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run OWNER TO octavo_owner;

CREATE TABLE octavo.run_dead (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    died_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY octavo.run_dead FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_dead OWNER TO octavo_owner;

CREATE TABLE octavo.run_delay (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL
);

ALTER TABLE ONLY octavo.run_delay FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_delay OWNER TO octavo_owner;

CREATE TABLE octavo.run_dependency (
    organization_id uuid NOT NULL,
    needs uuid NOT NULL,
    run_id uuid NOT NULL,
    any_end boolean NOT NULL,
    CONSTRAINT run_dependency_check CHECK ((needs <> run_id))
);

ALTER TABLE ONLY octavo.run_dependency FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_dependency OWNER TO octavo_owner;

CREATE TABLE octavo.run_figure (
    organization_id uuid NOT NULL,
    subject text NOT NULL,
    grain text NOT NULL,
    begins timestamp with time zone NOT NULL,
    pipeline text NOT NULL,
    version integer NOT NULL,
    name text NOT NULL,
    completed bigint NOT NULL,
    failed bigint NOT NULL,
    cancelled bigint NOT NULL,
    skipped bigint NOT NULL,
    retries bigint NOT NULL,
    items bigint NOT NULL,
    items_failed bigint NOT NULL,
    tokens_in bigint NOT NULL,
    tokens_out bigint NOT NULL,
    cost_usd numeric NOT NULL,
    cpu_seconds numeric NOT NULL,
    memory_mb double precision,
    took_classes integer[] DEFAULT '{}'::integer[] NOT NULL,
    took_counts bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    waited_classes integer[] DEFAULT '{}'::integer[] NOT NULL,
    waited_counts bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    CONSTRAINT run_figure_cancelled_check CHECK ((cancelled >= 0)),
    CONSTRAINT run_figure_check CHECK (((version = 0) = (subject <> 'run'::text))),
    CONSTRAINT run_figure_check1 CHECK (((name = ''::text) = (subject = 'run'::text))),
    CONSTRAINT run_figure_check2 CHECK ((cardinality(took_classes) = cardinality(took_counts))),
    CONSTRAINT run_figure_check3 CHECK ((cardinality(waited_classes) = cardinality(waited_counts))),
    CONSTRAINT run_figure_completed_check CHECK ((completed >= 0)),
    CONSTRAINT run_figure_failed_check CHECK ((failed >= 0)),
    CONSTRAINT run_figure_grain_check CHECK ((grain = ANY (ARRAY['minute'::text, 'hour'::text, 'day'::text]))),
    CONSTRAINT run_figure_skipped_check CHECK ((skipped >= 0)),
    CONSTRAINT run_figure_subject_check CHECK ((subject = ANY (ARRAY['run'::text, 'component'::text, 'model'::text])))
)
WITH (fillfactor='80');

ALTER TABLE ONLY octavo.run_figure FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_figure OWNER TO octavo_owner;

CREATE TABLE octavo.run_figure_cursor (
    is_only boolean DEFAULT true NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT run_figure_cursor_is_only_check CHECK (is_only)
)
WITH (fillfactor='20');

ALTER TABLE octavo.run_figure_cursor OWNER TO octavo_owner;

CREATE TABLE octavo.run_held (
    organization_id uuid NOT NULL,
    lane text NOT NULL COLLATE pg_catalog."C",
    rank timestamp with time zone NOT NULL,
    run_id uuid NOT NULL,
    priority smallint NOT NULL,
    queued_at timestamp with time zone NOT NULL,
    at_most integer NOT NULL,
    CONSTRAINT run_held_at_most_check CHECK ((at_most >= 0)),
    CONSTRAINT run_held_lane_check CHECK ((length(lane) <= 240)),
    CONSTRAINT run_held_priority_check CHECK (((priority >= 0) AND (priority <= 9)))
);

ALTER TABLE ONLY octavo.run_held FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_held OWNER TO octavo_owner;

CREATE TABLE octavo.run_history (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    pipeline text NOT NULL,
    pipeline_id uuid NOT NULL,
    pipeline_version integer NOT NULL,
    document_id uuid,
    document_version integer,
    priority smallint NOT NULL,
    state octavo.run_state NOT NULL,
    input jsonb NOT NULL,
    output jsonb,
    error jsonb,
    steps jsonb DEFAULT '[]'::jsonb NOT NULL,
    attempt integer NOT NULL,
    max_attempts integer NOT NULL,
    created_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    session_id text,
    correlation_id text,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    batch_id uuid,
    trigger text,
    trigger_depth smallint DEFAULT 0 NOT NULL,
    CONSTRAINT run_history_check CHECK (((state = 'completed'::octavo.run_state) = (output IS NOT NULL))),
    CONSTRAINT run_history_check1 CHECK (((ended_at >= created_at) AND (ended_at >= started_at))),
    CONSTRAINT run_history_state_check CHECK ((state = ANY (ARRAY['completed'::octavo.run_state, 'failed'::octavo.run_state, 'cancelled'::octavo.run_state]))),
    CONSTRAINT run_history_steps_check CHECK ((jsonb_typeof(steps) = 'array'::text))
)
PARTITION BY RANGE (ended_at);

ALTER TABLE ONLY octavo.run_history FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_history OWNER TO octavo_owner;

CREATE TABLE octavo.run_history_default (
    organization_id uuid CONSTRAINT run_history_organization_id_not_null NOT NULL,
    id uuid CONSTRAINT run_history_id_not_null NOT NULL,
    pipeline text CONSTRAINT run_history_pipeline_not_null NOT NULL,
    pipeline_id uuid CONSTRAINT run_history_pipeline_id_not_null NOT NULL,
    pipeline_version integer CONSTRAINT run_history_pipeline_version_not_null NOT NULL,
    document_id uuid,
    document_version integer,
    priority smallint CONSTRAINT run_history_priority_not_null NOT NULL,
    state octavo.run_state CONSTRAINT run_history_state_not_null NOT NULL,
    input jsonb CONSTRAINT run_history_input_not_null NOT NULL,
    output jsonb,
    error jsonb,
    steps jsonb DEFAULT '[]'::jsonb CONSTRAINT run_history_steps_not_null NOT NULL,
    attempt integer CONSTRAINT run_history_attempt_not_null NOT NULL,
    max_attempts integer CONSTRAINT run_history_max_attempts_not_null NOT NULL,
    created_at timestamp with time zone CONSTRAINT run_history_created_at_not_null NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone CONSTRAINT run_history_ended_at_not_null NOT NULL,
    actor text CONSTRAINT run_history_actor_not_null NOT NULL,
    actor_kind octavo.actor_kind CONSTRAINT run_history_actor_kind_not_null NOT NULL,
    session_id text,
    correlation_id text,
    epoch integer CONSTRAINT run_history_epoch_not_null NOT NULL,
    position_xid xid8 CONSTRAINT run_history_position_xid_not_null NOT NULL,
    position_id bigint CONSTRAINT run_history_position_id_not_null NOT NULL,
    batch_id uuid,
    trigger text,
    trigger_depth smallint DEFAULT 0 CONSTRAINT run_history_trigger_depth_not_null NOT NULL,
    CONSTRAINT run_history_check CHECK (((state = 'completed'::octavo.run_state) = (output IS NOT NULL))),
    CONSTRAINT run_history_check1 CHECK (((ended_at >= created_at) AND (ended_at >= started_at))),
    CONSTRAINT run_history_state_check CHECK ((state = ANY (ARRAY['completed'::octavo.run_state, 'failed'::octavo.run_state, 'cancelled'::octavo.run_state]))),
    CONSTRAINT run_history_steps_check CHECK ((jsonb_typeof(steps) = 'array'::text))
);

ALTER TABLE octavo.run_history_default OWNER TO octavo_owner;

CREATE TABLE octavo.run_lease (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    worker_id uuid NOT NULL,
    fence bigint NOT NULL,
    expires_at timestamp with time zone,
    pipeline_id uuid,
    concurrency text,
    progress jsonb
);

ALTER TABLE ONLY octavo.run_lease FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_lease OWNER TO octavo_owner;

CREATE TABLE octavo.run_queue (
    organization_id uuid NOT NULL,
    priority smallint NOT NULL,
    id bigint NOT NULL,
    run_id uuid NOT NULL,
    queued_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT run_queue_priority_check CHECK (((priority >= 0) AND (priority <= 9)))
);

ALTER TABLE ONLY octavo.run_queue FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_queue OWNER TO octavo_owner;

CREATE TABLE octavo.run_quota (
    organization_id uuid NOT NULL,
    day date NOT NULL,
    started bigint NOT NULL,
    CONSTRAINT run_quota_started_check CHECK ((started >= 1))
);

ALTER TABLE ONLY octavo.run_quota FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_quota OWNER TO octavo_owner;

CREATE TABLE octavo.run_step (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    name text NOT NULL,
    attempt integer NOT NULL,
    output jsonb NOT NULL,
    started_at timestamp with time zone NOT NULL,
    ended_at timestamp with time zone NOT NULL,
    details jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT run_step_attempt_check CHECK ((attempt >= 1)),
    CONSTRAINT run_step_check CHECK ((ended_at >= started_at)),
    CONSTRAINT run_step_name_check CHECK (((length(name) >= 1) AND (length(name) <= 100))),
    CONSTRAINT run_step_output_check CHECK ((jsonb_typeof(output) = 'object'::text))
);

ALTER TABLE ONLY octavo.run_step FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_step OWNER TO octavo_owner;

CREATE SEQUENCE octavo.run_ticket
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE octavo.run_ticket OWNER TO octavo_owner;

CREATE TABLE octavo.run_worker (
    id uuid NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    seen_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    running integer DEFAULT 0 NOT NULL,
    draining boolean DEFAULT false NOT NULL,
    CONSTRAINT run_worker_host_check CHECK ((length(host) <= 255)),
    CONSTRAINT run_worker_running_check CHECK ((running >= 0))
)
WITH (fillfactor='50');

ALTER TABLE octavo.run_worker OWNER TO octavo_owner;

CREATE TABLE octavo.schedule (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    pipeline text NOT NULL,
    tag text,
    version integer,
    document_id uuid,
    input jsonb NOT NULL,
    priority smallint NOT NULL,
    cron text NOT NULL,
    timezone text NOT NULL,
    catch_up octavo.catch_up NOT NULL,
    overlap boolean NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    next_at timestamp with time zone,
    last_at timestamp with time zone,
    problem text,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    CONSTRAINT schedule_check CHECK ((paused = (next_at IS NULL))),
    CONSTRAINT schedule_check1 CHECK (((tag IS NULL) OR (version IS NULL))),
    CONSTRAINT schedule_cron_check CHECK (((length(cron) >= 1) AND (length(cron) <= 200))),
    CONSTRAINT schedule_input_check CHECK ((jsonb_typeof(input) = 'object'::text)),
    CONSTRAINT schedule_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT schedule_pipeline_check CHECK (((length(pipeline) >= 1) AND (length(pipeline) <= 500))),
    CONSTRAINT schedule_priority_check CHECK (((priority >= 0) AND (priority <= 9))),
    CONSTRAINT schedule_problem_check CHECK ((length(problem) <= 100)),
    CONSTRAINT schedule_tag_check CHECK (((length(tag) >= 1) AND (length(tag) <= 100))),
    CONSTRAINT schedule_timezone_check CHECK (((length(timezone) >= 1) AND (length(timezone) <= 100))),
    CONSTRAINT schedule_version_check CHECK ((version >= 1))
);

ALTER TABLE ONLY octavo.schedule FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.schedule OWNER TO octavo_owner;

CREATE TABLE octavo.schedule_firing (
    organization_id uuid NOT NULL,
    schedule_id uuid NOT NULL,
    due_at timestamp with time zone NOT NULL,
    fired_at timestamp with time zone NOT NULL,
    run_id uuid,
    problem text,
    CONSTRAINT schedule_firing_check CHECK (((run_id IS NULL) <> (problem IS NULL))),
    CONSTRAINT schedule_firing_problem_check CHECK ((length(problem) <= 100))
);

ALTER TABLE ONLY octavo.schedule_firing FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.schedule_firing OWNER TO octavo_owner;

CREATE TABLE octavo.search_configuration (
    organization_id uuid NOT NULL,
    configuration text NOT NULL,
    has_trigrams boolean NOT NULL
);

ALTER TABLE ONLY octavo.search_configuration FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_configuration OWNER TO octavo_owner;

CREATE TABLE octavo.search_engine (
    singleton boolean DEFAULT true NOT NULL,
    generation uuid NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    scanning boolean NOT NULL,
    scanned_organization uuid,
    scanned_document uuid,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT search_engine_singleton_check CHECK (singleton)
)
WITH (fillfactor='50');

ALTER TABLE octavo.search_engine OWNER TO octavo_owner;

CREATE TABLE octavo.search_passage (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL,
    passages integer NOT NULL,
    segment integer NOT NULL,
    namespace text NOT NULL,
    type text NOT NULL,
    version integer NOT NULL,
    words tsvector NOT NULL,
    titles tsvector,
    trigram_text text,
    CONSTRAINT search_passage_ordinal_check CHECK ((ordinal >= 0)),
    CONSTRAINT search_passage_passages_check CHECK ((passages >= 1)),
    CONSTRAINT search_passage_version_check CHECK ((version >= 1))
)
WITH (toast_tuple_target='4080');
ALTER TABLE ONLY octavo.search_passage ALTER COLUMN words SET STORAGE MAIN;

ALTER TABLE ONLY octavo.search_passage FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_passage OWNER TO octavo_owner;

CREATE VIEW octavo.search_lookup AS
 SELECT organization_id,
    document_id,
    ordinal,
    passages,
    segment,
    namespace,
    type,
    version,
    words,
    titles,
    trigram_text
   FROM octavo.search_passage
  WHERE (organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid);

ALTER VIEW octavo.search_lookup OWNER TO octavo_lookup;

CREATE TABLE octavo.search_parked (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    parked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY octavo.search_parked FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_parked OWNER TO octavo_owner;

CREATE SEQUENCE octavo.search_segment_number
    AS integer
    START WITH 1
    INCREMENT BY 32
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER SEQUENCE octavo.search_segment_number OWNER TO octavo_owner;

CREATE TABLE octavo.search_segment (
    organization_id uuid NOT NULL,
    segment integer DEFAULT nextval('octavo.search_segment_number'::regclass) NOT NULL,
    is_long boolean NOT NULL,
    passages integer NOT NULL,
    is_shelved boolean DEFAULT false NOT NULL,
    CONSTRAINT search_segment_passages_check CHECK ((passages >= 0))
)
WITH (fillfactor='50');

ALTER TABLE ONLY octavo.search_segment FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_segment OWNER TO octavo_owner;

CREATE TABLE octavo.search_text (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL,
    configuration text NOT NULL,
    title text,
    description text,
    start_character integer NOT NULL,
    end_character integer NOT NULL,
    text text NOT NULL,
    CONSTRAINT search_text_check CHECK ((end_character >= start_character)),
    CONSTRAINT search_text_start_character_check CHECK ((start_character >= 0))
);

ALTER TABLE ONLY octavo.search_text FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_text OWNER TO octavo_owner;

CREATE TABLE octavo.snapshot (
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    aggregate text NOT NULL,
    schema_version integer NOT NULL,
    sequence bigint NOT NULL,
    state bytea NOT NULL,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT snapshot_aggregate_check CHECK (((length(aggregate) >= 1) AND (length(aggregate) <= 200))),
    CONSTRAINT snapshot_schema_version_check CHECK ((schema_version >= 1)),
    CONSTRAINT snapshot_sequence_check CHECK ((sequence >= 1)),
    CONSTRAINT snapshot_state_check CHECK ((octet_length(state) <= 16777216))
);

ALTER TABLE ONLY octavo.snapshot FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.snapshot OWNER TO octavo_owner;

CREATE TABLE octavo.source (
    organization_id uuid NOT NULL,
    namespace text NOT NULL,
    path_key bytea NOT NULL,
    path text NOT NULL,
    bytes bigint NOT NULL,
    modified_ns bigint NOT NULL,
    sha256 bytea NOT NULL,
    document_ids uuid[] DEFAULT '{}'::uuid[] NOT NULL,
    read_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    container_key bytea,
    etag text,
    last_modified text,
    CONSTRAINT source_bytes_check CHECK ((bytes >= 0)),
    CONSTRAINT source_container_key_check CHECK ((octet_length(container_key) = 32)),
    CONSTRAINT source_etag_check CHECK ((length(etag) <= 1000)),
    CONSTRAINT source_last_modified_check CHECK ((length(last_modified) <= 1000)),
    CONSTRAINT source_path_check CHECK (((length(path) >= 1) AND (length(path) <= 20000))),
    CONSTRAINT source_path_key_check CHECK ((octet_length(path_key) = 32)),
    CONSTRAINT source_sha256_check CHECK ((octet_length(sha256) = 32))
);

ALTER TABLE ONLY octavo.source FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.source OWNER TO octavo_owner;

CREATE TABLE octavo.stream (
    organization_id uuid NOT NULL,
    name text NOT NULL,
    sequence bigint NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    CONSTRAINT stream_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT stream_sequence_check CHECK ((sequence >= 1))
)
WITH (fillfactor='80');

ALTER TABLE ONLY octavo.stream FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.stream OWNER TO octavo_owner;

CREATE TABLE octavo.subscription (
    name text NOT NULL,
    organization_id uuid,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT subscription_name_check CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$'::text))
)
WITH (fillfactor='50');

ALTER TABLE ONLY octavo.subscription FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.subscription OWNER TO octavo_owner;

CREATE TABLE octavo.synonyms (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    language text NOT NULL,
    words text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    created_by_kind octavo.actor_kind NOT NULL,
    CONSTRAINT synonyms_created_by_check CHECK (((length(created_by) >= 1) AND (length(created_by) <= 200))),
    CONSTRAINT synonyms_language_check CHECK ((length(language) <= 35)),
    CONSTRAINT synonyms_words_check CHECK (((cardinality(words) >= 2) AND (cardinality(words) <= 20))),
    CONSTRAINT synonyms_words_check1 CHECK ((array_position(words, NULL::text) IS NULL))
);

ALTER TABLE ONLY octavo.synonyms FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.synonyms OWNER TO octavo_owner;

CREATE TABLE octavo.tag (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL,
    previous_version integer,
    moved_at timestamp with time zone NOT NULL,
    moved_by text NOT NULL,
    moved_by_kind octavo.actor_kind NOT NULL,
    session_id text,
    CONSTRAINT tag_name_check CHECK ((name ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$'::text))
);

ALTER TABLE ONLY octavo.tag FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.tag OWNER TO octavo_owner;

CREATE TABLE octavo.topic (
    organization_id uuid NOT NULL,
    model text NOT NULL,
    model_version text NOT NULL,
    topic_id integer NOT NULL,
    name text NOT NULL,
    keywords text[] NOT NULL,
    coherence_score double precision,
    dimensions integer,
    embedding public.vector,
    CONSTRAINT topic_check CHECK (((embedding IS NULL) = (dimensions IS NULL))),
    CONSTRAINT topic_coherence_score_check CHECK (((coherence_score > '-Infinity'::double precision) AND (coherence_score < 'Infinity'::double precision))),
    CONSTRAINT topic_keywords_check CHECK (((cardinality(keywords) <= 100) AND (array_position(keywords, NULL::text) IS NULL))),
    CONSTRAINT topic_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT topic_vector CHECK ((public.vector_dims(embedding) = dimensions))
);

ALTER TABLE ONLY octavo.topic FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.topic OWNER TO octavo_owner;

CREATE TABLE octavo.topic_set (
    organization_id uuid NOT NULL,
    model text NOT NULL,
    model_version text NOT NULL,
    embedder_name text,
    embedder_version text,
    dimensions integer,
    made_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    made_by text NOT NULL,
    made_by_kind octavo.actor_kind NOT NULL,
    CONSTRAINT topic_set_check CHECK ((((embedder_name IS NULL) = (dimensions IS NULL)) AND ((embedder_version IS NULL) = (dimensions IS NULL)))),
    CONSTRAINT topic_set_dimensions_check CHECK (((dimensions >= 1) AND (dimensions <= 16000))),
    CONSTRAINT topic_set_made_by_check CHECK (((length(made_by) >= 1) AND (length(made_by) <= 200))),
    CONSTRAINT topic_set_model_check CHECK (((length(model) >= 1) AND (length(model) <= 500))),
    CONSTRAINT topic_set_model_version_check CHECK (((length(model_version) >= 1) AND (length(model_version) <= 100)))
);

ALTER TABLE ONLY octavo.topic_set FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.topic_set OWNER TO octavo_owner;

CREATE TABLE octavo.upkeep (
    task text NOT NULL,
    due_at timestamp with time zone NOT NULL,
    started_at timestamp with time zone,
    ended_at timestamp with time zone,
    examined bigint DEFAULT 0 NOT NULL,
    changed bigint DEFAULT 0 NOT NULL,
    after text,
    waits text,
    error text,
    CONSTRAINT upkeep_changed_check CHECK ((changed >= 0)),
    CONSTRAINT upkeep_check CHECK (((ended_at IS NULL) OR (ended_at >= started_at))),
    CONSTRAINT upkeep_examined_check CHECK ((examined >= 0)),
    CONSTRAINT upkeep_task_check CHECK ((task ~ '^[a-z_]{1,50}$'::text))
);

ALTER TABLE octavo.upkeep OWNER TO octavo_owner;

CREATE TABLE octavo.vector_document (
    organization_id uuid NOT NULL,
    shelf integer NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    passages integer NOT NULL,
    title text,
    CONSTRAINT vector_document_passages_check CHECK ((passages >= 1)),
    CONSTRAINT vector_document_version_check CHECK ((version >= 1))
)
WITH (fillfactor='90');

ALTER TABLE ONLY octavo.vector_document FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_document OWNER TO octavo_owner;

CREATE TABLE octavo.vector_model (
    model integer NOT NULL,
    name text NOT NULL,
    version text NOT NULL,
    dimensions integer NOT NULL,
    generation uuid NOT NULL,
    claim uuid,
    epoch integer DEFAULT 0 NOT NULL,
    position_xid xid8 DEFAULT '0'::xid8 NOT NULL,
    position_id bigint DEFAULT 0 NOT NULL,
    scanning boolean DEFAULT true NOT NULL,
    scanned_organization uuid,
    scanned_document uuid,
    moved_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT vector_model_dimensions_check CHECK (((dimensions >= 1) AND (dimensions <= 3800))),
    CONSTRAINT vector_model_name_check CHECK (((length(name) >= 1) AND (length(name) <= 200))),
    CONSTRAINT vector_model_version_check CHECK (((length(version) >= 1) AND (length(version) <= 200)))
)
WITH (fillfactor='50');

ALTER TABLE octavo.vector_model OWNER TO octavo_owner;

ALTER TABLE octavo.vector_model ALTER COLUMN model ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME octavo.vector_model_model_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE octavo.vector_parked (
    organization_id uuid NOT NULL,
    model integer NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    parked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE ONLY octavo.vector_parked FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_parked OWNER TO octavo_owner;

CREATE TABLE octavo.vector_passage (
    organization_id uuid NOT NULL,
    shelf integer NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL,
    namespace text NOT NULL,
    type text NOT NULL,
    language text,
    author text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    digest bytea NOT NULL,
    embedding public.halfvec NOT NULL,
    CONSTRAINT vector_passage_ordinal_check CHECK ((ordinal >= 0))
);
ALTER TABLE ONLY octavo.vector_passage ALTER COLUMN embedding SET STORAGE PLAIN;

ALTER TABLE ONLY octavo.vector_passage FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_passage OWNER TO octavo_owner;

CREATE TABLE octavo.vector_shelf (
    shelf integer NOT NULL,
    organization_id uuid NOT NULL,
    model integer NOT NULL,
    passages bigint DEFAULT 0 NOT NULL,
    is_indexed boolean DEFAULT false NOT NULL,
    is_retired boolean DEFAULT false NOT NULL
)
WITH (fillfactor='50');

ALTER TABLE ONLY octavo.vector_shelf FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_shelf OWNER TO octavo_owner;

ALTER TABLE octavo.vector_shelf ALTER COLUMN shelf ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME octavo.vector_shelf_shelf_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE octavo.vector_text (
    organization_id uuid NOT NULL,
    shelf integer NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL,
    start_character integer NOT NULL,
    end_character integer NOT NULL,
    text text NOT NULL,
    CONSTRAINT vector_text_check CHECK ((end_character >= start_character)),
    CONSTRAINT vector_text_start_character_check CHECK ((start_character >= 0))
);

ALTER TABLE ONLY octavo.vector_text FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_text OWNER TO octavo_owner;

CREATE TABLE octavo.version (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    number integer NOT NULL,
    change octavo.change NOT NULL,
    source_version integer,
    body_hash bytea NOT NULL,
    metadata jsonb NOT NULL,
    created_at timestamp with time zone NOT NULL,
    created_by text NOT NULL,
    created_by_kind octavo.actor_kind NOT NULL,
    session_id text,
    schema_version smallint DEFAULT 0 NOT NULL,
    CONSTRAINT version_check CHECK (((change = 'reverted'::octavo.change) = (source_version IS NOT NULL))),
    CONSTRAINT version_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text)),
    CONSTRAINT version_number_check CHECK ((number >= 1)),
    CONSTRAINT version_session_id_check CHECK (((length(session_id) >= 1) AND (length(session_id) <= 200)))
);

ALTER TABLE ONLY octavo.version FORCE ROW LEVEL SECURITY;

ALTER TABLE octavo.version OWNER TO octavo_owner;

ALTER TABLE ONLY octavo.analytics_fact ATTACH PARTITION octavo.analytics_fact_default DEFAULT;

ALTER TABLE ONLY octavo.event ATTACH PARTITION octavo.event_default DEFAULT;

ALTER TABLE ONLY octavo.run_history ATTACH PARTITION octavo.run_history_default DEFAULT;

ALTER TABLE ONLY octavo.analytics_classed
    ADD CONSTRAINT analytics_classed_pkey PRIMARY KEY (organization_id, grain, field, begins, type, kind, document_type, class);

ALTER TABLE ONLY octavo.analytics_engine
    ADD CONSTRAINT analytics_engine_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY octavo.analytics_fact
    ADD CONSTRAINT analytics_fact_pkey PRIMARY KEY (organization_id, "time", epoch, id);

ALTER TABLE ONLY octavo.analytics_fact_default
    ADD CONSTRAINT analytics_fact_default_pkey PRIMARY KEY (organization_id, "time", epoch, id);

ALTER TABLE ONLY octavo.analytics_member
    ADD CONSTRAINT analytics_member_pkey PRIMARY KEY (organization_id, grain, dimension, begins, type, kind, document_type, member);

ALTER TABLE ONLY octavo.analytics_parked
    ADD CONSTRAINT analytics_parked_pkey PRIMARY KEY (organization_id, epoch, id);

ALTER TABLE ONLY octavo.analytics_total
    ADD CONSTRAINT analytics_total_pkey PRIMARY KEY (organization_id, grain, field, begins, type, kind, document_type);

ALTER TABLE ONLY octavo.application_migration
    ADD CONSTRAINT application_migration_application_name_key UNIQUE (application, name);

ALTER TABLE ONLY octavo.application_migration
    ADD CONSTRAINT application_migration_pkey PRIMARY KEY (application, number);

ALTER TABLE ONLY octavo.backfill
    ADD CONSTRAINT backfill_pkey PRIMARY KEY (application, number);

ALTER TABLE ONLY octavo.batch_list
    ADD CONSTRAINT batch_list_pkey PRIMARY KEY (organization_id, batch_id, place);

ALTER TABLE ONLY octavo.batch
    ADD CONSTRAINT batch_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY octavo.body
    ADD CONSTRAINT body_pkey PRIMARY KEY (organization_id, hash);

ALTER TABLE ONLY octavo.content
    ADD CONSTRAINT content_pkey PRIMARY KEY (organization_id, document_id, version);

ALTER TABLE ONLY octavo.document_filter
    ADD CONSTRAINT document_filter_pkey PRIMARY KEY (organization_id, document_id);

ALTER TABLE ONLY octavo.document_label
    ADD CONSTRAINT document_label_pkey PRIMARY KEY (organization_id, document_id, label_id);

ALTER TABLE ONLY octavo.document
    ADD CONSTRAINT document_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY octavo.document_type
    ADD CONSTRAINT document_type_pkey PRIMARY KEY (name, version);

ALTER TABLE ONLY octavo.engine
    ADD CONSTRAINT engine_pkey PRIMARY KEY (role, url);

ALTER TABLE octavo.engine
    ADD CONSTRAINT engine_rebuilt CHECK ((((rebuilt_to IS NULL) = (rebuilt_at IS NULL)) AND ((length(rebuilt_to) >= 1) AND (length(rebuilt_to) <= 200)))) NOT VALID;

ALTER TABLE ONLY octavo.epoch
    ADD CONSTRAINT epoch_pkey PRIMARY KEY (number);

ALTER TABLE ONLY octavo.event
    ADD CONSTRAINT event_pkey PRIMARY KEY (recorded_at, position_xid, id);

ALTER TABLE ONLY octavo.event_default
    ADD CONSTRAINT event_default_pkey PRIMARY KEY (recorded_at, position_xid, id);

ALTER TABLE ONLY octavo.idempotency
    ADD CONSTRAINT idempotency_pkey PRIMARY KEY (organization_id, key);

ALTER TABLE ONLY octavo.label
    ADD CONSTRAINT label_key UNIQUE (organization_id, key);

ALTER TABLE ONLY octavo.label
    ADD CONSTRAINT label_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY octavo.lease
    ADD CONSTRAINT lease_organization_id_name_key UNIQUE NULLS NOT DISTINCT (organization_id, name);

ALTER TABLE ONLY octavo.link
    ADD CONSTRAINT link_pkey PRIMARY KEY (organization_id, source_id, type, target_id);

ALTER TABLE ONLY octavo.link_type
    ADD CONSTRAINT link_type_organization_id_is_symmetric_name_key UNIQUE (organization_id, is_symmetric, name);

ALTER TABLE ONLY octavo.link_type
    ADD CONSTRAINT link_type_pkey PRIMARY KEY (organization_id, name);

ALTER TABLE ONLY octavo.migration
    ADD CONSTRAINT migration_name_key UNIQUE (name);

ALTER TABLE ONLY octavo.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (number);

ALTER TABLE ONLY octavo.model_artifact
    ADD CONSTRAINT model_artifact_pkey PRIMARY KEY (organization_id, model_id, version, name);

ALTER TABLE ONLY octavo.model_deployment
    ADD CONSTRAINT model_deployment_pkey PRIMARY KEY (organization_id, model_id, environment);

ALTER TABLE ONLY octavo.model_version
    ADD CONSTRAINT model_version_pkey PRIMARY KEY (organization_id, model_id, version);

ALTER TABLE ONLY octavo.model_version
    ADD CONSTRAINT model_version_stage UNIQUE (organization_id, model_id, version, stage);

ALTER TABLE ONLY octavo.organization_profile
    ADD CONSTRAINT organization_profile_name_key UNIQUE (name);

ALTER TABLE ONLY octavo.organization_profile
    ADD CONSTRAINT organization_profile_pkey PRIMARY KEY (id);

ALTER TABLE ONLY octavo.query_consent
    ADD CONSTRAINT query_consent_pkey PRIMARY KEY (organization_id, actor_kind, actor);

ALTER TABLE ONLY octavo.remembered_query
    ADD CONSTRAINT remembered_query_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY octavo.result_due
    ADD CONSTRAINT result_due_pkey PRIMARY KEY (organization_id, run_id);

ALTER TABLE ONLY octavo.result
    ADD CONSTRAINT result_pkey PRIMARY KEY (organization_id, document_id, version, type, model, model_version, options_key);

ALTER TABLE ONLY octavo.retention
    ADD CONSTRAINT retention_pkey PRIMARY KEY (organization_id, prefix);

ALTER TABLE ONLY octavo.run_dead
    ADD CONSTRAINT run_dead_pkey PRIMARY KEY (organization_id, run_id);

ALTER TABLE ONLY octavo.run_delay
    ADD CONSTRAINT run_delay_pkey PRIMARY KEY (organization_id, run_id);

ALTER TABLE ONLY octavo.run_dependency
    ADD CONSTRAINT run_dependency_pkey PRIMARY KEY (organization_id, needs, run_id);

ALTER TABLE ONLY octavo.run_figure_cursor
    ADD CONSTRAINT run_figure_cursor_pkey PRIMARY KEY (is_only);

ALTER TABLE ONLY octavo.run_figure
    ADD CONSTRAINT run_figure_pkey PRIMARY KEY (organization_id, subject, grain, begins, pipeline, version, name);

ALTER TABLE ONLY octavo.run_held
    ADD CONSTRAINT run_held_pkey PRIMARY KEY (organization_id, run_id);

ALTER TABLE ONLY octavo.run_history
    ADD CONSTRAINT run_history_pkey PRIMARY KEY (organization_id, id, ended_at);

ALTER TABLE ONLY octavo.run_history_default
    ADD CONSTRAINT run_history_default_pkey PRIMARY KEY (organization_id, id, ended_at);

ALTER TABLE ONLY octavo.run_lease
    ADD CONSTRAINT run_lease_pkey PRIMARY KEY (organization_id, run_id);

ALTER TABLE octavo.run
    ADD CONSTRAINT run_limits CHECK (((max_running >= 0) AND (max_running_per_key >= 0) AND ((length(concurrency) >= 1) AND (length(concurrency) <= 200)))) NOT VALID;

ALTER TABLE ONLY octavo.run_owed
    ADD CONSTRAINT run_owed_pkey PRIMARY KEY (organization_id, trigger, document_id);

ALTER TABLE ONLY octavo.run
    ADD CONSTRAINT run_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY octavo.run_queue
    ADD CONSTRAINT run_queue_pkey PRIMARY KEY (id);

ALTER TABLE ONLY octavo.run_quota
    ADD CONSTRAINT run_quota_pkey PRIMARY KEY (organization_id, day, started);

ALTER TABLE ONLY octavo.run_step
    ADD CONSTRAINT run_step_pkey PRIMARY KEY (organization_id, run_id, name);

ALTER TABLE ONLY octavo.run_trigger
    ADD CONSTRAINT run_trigger_pkey PRIMARY KEY (organization_id, name);

ALTER TABLE octavo.run
    ADD CONSTRAINT run_waits CHECK (((waits_for >= 0) AND ((waits_for = 0) OR (state = 'delayed'::octavo.run_state)))) NOT VALID;

ALTER TABLE ONLY octavo.run_worker
    ADD CONSTRAINT run_worker_pkey PRIMARY KEY (id);

ALTER TABLE ONLY octavo.schedule_firing
    ADD CONSTRAINT schedule_firing_pkey PRIMARY KEY (organization_id, schedule_id, due_at);

ALTER TABLE ONLY octavo.schedule
    ADD CONSTRAINT schedule_pkey PRIMARY KEY (organization_id, name);

ALTER TABLE ONLY octavo.search_configuration
    ADD CONSTRAINT search_configuration_pkey PRIMARY KEY (organization_id, configuration);

ALTER TABLE ONLY octavo.search_engine
    ADD CONSTRAINT search_engine_pkey PRIMARY KEY (singleton);

ALTER TABLE ONLY octavo.search_parked
    ADD CONSTRAINT search_parked_pkey PRIMARY KEY (organization_id, document_id);

ALTER TABLE ONLY octavo.search_passage
    ADD CONSTRAINT search_passage_pkey PRIMARY KEY (document_id, organization_id, ordinal);

ALTER TABLE ONLY octavo.search_segment
    ADD CONSTRAINT search_segment_pkey PRIMARY KEY (organization_id, segment);

ALTER TABLE ONLY octavo.search_text
    ADD CONSTRAINT search_text_pkey PRIMARY KEY (organization_id, document_id, ordinal);

ALTER TABLE ONLY octavo.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (organization_id, stream, aggregate);

ALTER TABLE ONLY octavo.source
    ADD CONSTRAINT source_pkey PRIMARY KEY (organization_id, namespace, path_key);

ALTER TABLE ONLY octavo.stream
    ADD CONSTRAINT stream_pkey PRIMARY KEY (organization_id, name);

ALTER TABLE ONLY octavo.subscription
    ADD CONSTRAINT subscription_organization_id_name_key UNIQUE NULLS NOT DISTINCT (organization_id, name);

ALTER TABLE ONLY octavo.synonyms
    ADD CONSTRAINT synonyms_pkey PRIMARY KEY (organization_id, id);

ALTER TABLE ONLY octavo.tag
    ADD CONSTRAINT tag_pkey PRIMARY KEY (organization_id, document_id, name);

ALTER TABLE ONLY octavo.topic
    ADD CONSTRAINT topic_pkey PRIMARY KEY (organization_id, model, model_version, topic_id);

ALTER TABLE ONLY octavo.topic_set
    ADD CONSTRAINT topic_set_length UNIQUE (organization_id, model, model_version, dimensions);

ALTER TABLE ONLY octavo.topic_set
    ADD CONSTRAINT topic_set_pkey PRIMARY KEY (organization_id, model, model_version);

ALTER TABLE ONLY octavo.upkeep
    ADD CONSTRAINT upkeep_pkey PRIMARY KEY (task);

ALTER TABLE ONLY octavo.vector_document
    ADD CONSTRAINT vector_document_pkey PRIMARY KEY (shelf, document_id);

ALTER TABLE ONLY octavo.vector_model
    ADD CONSTRAINT vector_model_name_version_key UNIQUE (name, version);

ALTER TABLE ONLY octavo.vector_model
    ADD CONSTRAINT vector_model_pkey PRIMARY KEY (model);

ALTER TABLE ONLY octavo.vector_parked
    ADD CONSTRAINT vector_parked_pkey PRIMARY KEY (organization_id, model, document_id);

ALTER TABLE ONLY octavo.vector_passage
    ADD CONSTRAINT vector_passage_pkey PRIMARY KEY (shelf, document_id, ordinal);

ALTER TABLE ONLY octavo.vector_shelf
    ADD CONSTRAINT vector_shelf_pkey PRIMARY KEY (shelf);

ALTER TABLE ONLY octavo.vector_text
    ADD CONSTRAINT vector_text_pkey PRIMARY KEY (shelf, document_id, ordinal);

ALTER TABLE ONLY octavo.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (organization_id, document_id, number);

CREATE INDEX analytics_fact_type ON ONLY octavo.analytics_fact USING btree (organization_id, type, "time");

CREATE INDEX analytics_fact_default_organization_id_type_time_idx ON octavo.analytics_fact_default USING btree (organization_id, type, "time");

CREATE UNIQUE INDEX batch_key ON octavo.batch USING btree (organization_id, key) WHERE (key IS NOT NULL);

CREATE INDEX batch_open ON octavo.batch USING btree (id) WHERE (settled_at IS NULL);

CREATE INDEX batch_settled ON octavo.batch USING btree (organization_id, settled_at) WHERE ((settled_at IS NOT NULL) AND (purged_at IS NULL));

CREATE INDEX content_sha256 ON octavo.content USING btree (organization_id, sha256);

CREATE INDEX document_expiry ON octavo.document USING btree (expires_at, organization_id, id) WHERE ((expires_at IS NOT NULL) AND (deleted_at IS NULL));

CREATE INDEX document_filter_created ON octavo.document_filter USING btree (organization_id, namespace, type, created_at, document_id);

CREATE INDEX document_filter_fields ON octavo.document_filter USING gin (organization_id, created_by, fields jsonb_path_ops, metadata jsonb_path_ops) WITH (gin_pending_list_limit='512');

CREATE INDEX document_filter_name ON octavo.document_filter USING btree (organization_id, namespace, COALESCE(name, ''::text), document_id);

CREATE INDEX document_filter_recent ON octavo.document_filter USING btree (organization_id, namespace, created_at, document_id);

CREATE INDEX document_filter_updated ON octavo.document_filter USING btree (organization_id, namespace, updated_at, document_id);

CREATE INDEX document_label_label ON octavo.document_label USING btree (organization_id, label_id, document_id) INCLUDE (confidence);

CREATE UNIQUE INDEX document_name_key ON octavo.document USING btree (organization_id, namespace, type, name) WHERE ((name IS NOT NULL) AND (deleted_at IS NULL));

CREATE INDEX document_overdue ON octavo.document USING btree (organization_id, expires_at, id) WHERE ((expires_at IS NOT NULL) AND (deleted_at IS NULL));

CREATE UNIQUE INDEX engine_building ON octavo.engine USING btree (role) WHERE (state = 'building'::text);

CREATE UNIQUE INDEX engine_live ON octavo.engine USING btree (role) WHERE (state = 'live'::text);

CREATE INDEX event_correlation ON ONLY octavo.event USING btree (organization_id, correlation_id, epoch, position_xid, id) WHERE (correlation_id IS NOT NULL);

CREATE INDEX event_position_order ON ONLY octavo.event USING btree (epoch, position_xid, id);

CREATE INDEX event_default_epoch_position_xid_id_idx ON octavo.event_default USING btree (epoch, position_xid, id);

CREATE INDEX event_default_event_correlation ON octavo.event_default USING btree (organization_id, correlation_id, epoch, position_xid, id) WHERE (correlation_id IS NOT NULL);

CREATE INDEX event_organization ON ONLY octavo.event USING btree (organization_id, epoch, position_xid, id);

CREATE INDEX event_default_organization_id_epoch_position_xid_id_idx ON octavo.event_default USING btree (organization_id, epoch, position_xid, id);

CREATE INDEX event_stream ON ONLY octavo.event USING btree (organization_id, stream, sequence);

CREATE INDEX event_default_organization_id_stream_sequence_idx ON octavo.event_default USING btree (organization_id, stream, sequence);

CREATE INDEX idempotency_created ON octavo.idempotency USING btree (created_at);

CREATE INDEX link_of_type ON octavo.link USING btree (organization_id, type, created_at, source_id, target_id);

CREATE INDEX link_target ON octavo.link USING btree (organization_id, target_id, type, source_id);

CREATE INDEX model_artifact_sha256 ON octavo.model_artifact USING btree (organization_id, sha256);

CREATE INDEX model_deployment_version ON octavo.model_deployment USING btree (organization_id, model_id, version, stage);

CREATE INDEX model_version_deployed ON octavo.model_version USING btree (organization_id, stage, deployed_at);

CREATE INDEX model_version_type ON octavo.model_version USING btree (organization_id, type, stage);

CREATE INDEX remembered_query_actor ON octavo.remembered_query USING btree (organization_id, actor_kind, actor, id);

CREATE INDEX remembered_query_expiry ON octavo.remembered_query USING btree (expires_at);

CREATE INDEX remembered_query_of ON octavo.remembered_query USING btree (organization_id, actor, id);

CREATE INDEX result_failed ON octavo.result USING btree (organization_id, type, id) WHERE (status = 'failed'::octavo.run_state);

CREATE UNIQUE INDEX result_id ON octavo.result USING btree (organization_id, id);

CREATE INDEX result_label ON octavo.result USING btree (organization_id, type, label, id) INCLUDE (score) WHERE (label IS NOT NULL);

CREATE INDEX result_of_model ON octavo.result USING btree (organization_id, model, model_version, id);

CREATE INDEX result_of_type ON octavo.result USING btree (organization_id, type, id);

CREATE INDEX run_batch ON octavo.run USING btree (organization_id, batch_id, id) WHERE (batch_id IS NOT NULL);

CREATE INDEX run_dead_died ON octavo.run_dead USING btree (organization_id, died_at);

CREATE INDEX run_delay_due ON octavo.run_delay USING btree (due_at);

CREATE INDEX run_document ON octavo.run USING btree (organization_id, document_id) WHERE (document_id IS NOT NULL);

CREATE INDEX run_held_lane ON octavo.run_held USING btree (organization_id, lane, rank);

CREATE INDEX run_history_batch ON ONLY octavo.run_history USING btree (organization_id, batch_id, id) INCLUDE (state, started_at, ended_at) WHERE (batch_id IS NOT NULL);

CREATE INDEX run_history_document ON ONLY octavo.run_history USING btree (organization_id, document_id) WHERE (document_id IS NOT NULL);

CREATE INDEX run_history_default_organization_id_document_id_idx ON octavo.run_history_default USING btree (organization_id, document_id) WHERE (document_id IS NOT NULL);

CREATE INDEX run_history_default_run_history_batch ON octavo.run_history_default USING btree (organization_id, batch_id, id) INCLUDE (state, started_at, ended_at) WHERE (batch_id IS NOT NULL);

CREATE INDEX run_lease_expires ON octavo.run_lease USING btree (expires_at) WHERE (expires_at IS NOT NULL);

CREATE INDEX run_lease_limit ON octavo.run_lease USING btree (organization_id, pipeline_id, concurrency) WHERE (pipeline_id IS NOT NULL);

CREATE INDEX run_lease_worker ON octavo.run_lease USING btree (worker_id);

CREATE INDEX run_owed_at ON octavo.run_owed USING btree (organization_id, owed_at);

CREATE INDEX run_queue_order ON octavo.run_queue USING btree (organization_id, priority, id);

CREATE INDEX run_quota_day ON octavo.run_quota USING btree (day);

CREATE INDEX run_trigger_type ON octavo.run_trigger USING btree (organization_id, type) WHERE (NOT is_paused);

CREATE UNIQUE INDEX run_unique_key ON octavo.run USING btree (organization_id, unique_key) WHERE (unique_key IS NOT NULL);

CREATE INDEX schedule_due ON octavo.schedule USING btree (next_at) WHERE (next_at IS NOT NULL);

CREATE INDEX schedule_firing_due ON octavo.schedule_firing USING btree (due_at);

CREATE UNIQUE INDEX schedule_id ON octavo.schedule USING btree (organization_id, id);

CREATE INDEX search_passage_titles ON octavo.search_passage USING gin (segment, (ARRAY[segment, (~ (segment >> 4))]), titles) WHERE (titles IS NOT NULL);

CREATE INDEX search_passage_trigrams ON octavo.search_passage USING gin (segment, (ARRAY[segment, (~ (segment >> 4))]), trigram_text public.gin_trgm_ops) WHERE (trigram_text IS NOT NULL);

CREATE INDEX search_passage_words ON octavo.search_passage USING gin (segment, (ARRAY[segment, (~ (segment >> 4))]), words);

CREATE INDEX source_container ON octavo.source USING btree (organization_id, namespace, container_key) WHERE (container_key IS NOT NULL);

CREATE INDEX tag_name ON octavo.tag USING btree (organization_id, name, document_id);

CREATE INDEX tag_version ON octavo.tag USING btree (organization_id, document_id, version);

CREATE INDEX vector_passage_author ON octavo.vector_passage USING btree (shelf, author);

CREATE INDEX vector_passage_created ON octavo.vector_passage USING btree (shelf, created_at);

CREATE INDEX vector_passage_digest ON octavo.vector_passage USING btree (shelf, digest);

CREATE INDEX vector_passage_language ON octavo.vector_passage USING btree (shelf, language);

CREATE INDEX vector_passage_namespace ON octavo.vector_passage USING btree (shelf, namespace);

CREATE INDEX vector_passage_type ON octavo.vector_passage USING btree (shelf, type);

CREATE UNIQUE INDEX vector_shelf_of ON octavo.vector_shelf USING btree (organization_id, model) WHERE (NOT is_retired);

CREATE INDEX vector_shelf_retired ON octavo.vector_shelf USING btree (shelf) WHERE is_retired;

CREATE INDEX version_body ON octavo.version USING btree (organization_id, body_hash);

CREATE INDEX version_session ON octavo.version USING btree (organization_id, session_id, created_at, document_id) WHERE (session_id IS NOT NULL);

ALTER INDEX octavo.analytics_fact_type ATTACH PARTITION octavo.analytics_fact_default_organization_id_type_time_idx;

ALTER INDEX octavo.analytics_fact_pkey ATTACH PARTITION octavo.analytics_fact_default_pkey;

ALTER INDEX octavo.event_position_order ATTACH PARTITION octavo.event_default_epoch_position_xid_id_idx;

ALTER INDEX octavo.event_correlation ATTACH PARTITION octavo.event_default_event_correlation;

ALTER INDEX octavo.event_organization ATTACH PARTITION octavo.event_default_organization_id_epoch_position_xid_id_idx;

ALTER INDEX octavo.event_stream ATTACH PARTITION octavo.event_default_organization_id_stream_sequence_idx;

ALTER INDEX octavo.event_pkey ATTACH PARTITION octavo.event_default_pkey;

ALTER INDEX octavo.run_history_document ATTACH PARTITION octavo.run_history_default_organization_id_document_id_idx;

ALTER INDEX octavo.run_history_pkey ATTACH PARTITION octavo.run_history_default_pkey;

ALTER INDEX octavo.run_history_batch ATTACH PARTITION octavo.run_history_default_run_history_batch;

CREATE TRIGGER document_arrived AFTER INSERT ON octavo.document FOR EACH ROW WHEN ((new.watched AND (new.deleted_at IS NULL))) EXECUTE FUNCTION octavo.document_changed();

CREATE TRIGGER document_changed AFTER UPDATE OF version ON octavo.document FOR EACH ROW WHEN ((new.watched AND (new.deleted_at IS NULL) AND (new.version <> old.version))) EXECUTE FUNCTION octavo.document_changed();

CREATE TRIGGER run_cancelled AFTER INSERT ON octavo.run_history FOR EACH ROW WHEN (((new.state = 'cancelled'::octavo.run_state) AND (new.document_id IS NOT NULL))) EXECUTE FUNCTION octavo.run_cancelled();

CREATE TRIGGER run_died AFTER INSERT ON octavo.run_dead FOR EACH ROW EXECUTE FUNCTION octavo.run_died();

CREATE TRIGGER run_trigger_changed AFTER INSERT OR DELETE OR UPDATE OF type, is_paused ON octavo.run_trigger FOR EACH ROW EXECUTE FUNCTION octavo.watch_types();

ALTER TABLE ONLY octavo.content
    ADD CONSTRAINT content_organization_id_document_id_version_fkey FOREIGN KEY (organization_id, document_id, version) REFERENCES octavo.version(organization_id, document_id, number);

ALTER TABLE ONLY octavo.document_label
    ADD CONSTRAINT document_label_organization_id_document_id_fkey FOREIGN KEY (organization_id, document_id) REFERENCES octavo.document(organization_id, id);

ALTER TABLE ONLY octavo.document_label
    ADD CONSTRAINT document_label_organization_id_label_id_fkey FOREIGN KEY (organization_id, label_id) REFERENCES octavo.label(organization_id, id);

ALTER TABLE ONLY octavo.idempotency
    ADD CONSTRAINT idempotency_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES octavo.organization_profile(id);

ALTER TABLE ONLY octavo.lease
    ADD CONSTRAINT lease_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES octavo.organization_profile(id);

ALTER TABLE ONLY octavo.link
    ADD CONSTRAINT link_organization_id_is_symmetric_type_fkey FOREIGN KEY (organization_id, is_symmetric, type) REFERENCES octavo.link_type(organization_id, is_symmetric, name);

ALTER TABLE ONLY octavo.link
    ADD CONSTRAINT link_organization_id_source_id_fkey FOREIGN KEY (organization_id, source_id) REFERENCES octavo.document(organization_id, id);

ALTER TABLE ONLY octavo.link
    ADD CONSTRAINT link_organization_id_target_id_fkey FOREIGN KEY (organization_id, target_id) REFERENCES octavo.document(organization_id, id);

ALTER TABLE ONLY octavo.model_artifact
    ADD CONSTRAINT model_artifact_organization_id_model_id_version_fkey FOREIGN KEY (organization_id, model_id, version) REFERENCES octavo.model_version(organization_id, model_id, version) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.model_version
    ADD CONSTRAINT model_of_version FOREIGN KEY (organization_id, model_id, version) REFERENCES octavo.version(organization_id, document_id, number) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.remembered_query
    ADD CONSTRAINT remembered_query_consent FOREIGN KEY (organization_id, actor_kind, actor) REFERENCES octavo.query_consent(organization_id, actor_kind, actor) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.result
    ADD CONSTRAINT result_of_version FOREIGN KEY (organization_id, document_id, version) REFERENCES octavo.version(organization_id, document_id, number) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.retention
    ADD CONSTRAINT retention_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES octavo.organization_profile(id);

ALTER TABLE ONLY octavo.run_trigger
    ADD CONSTRAINT run_trigger_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES octavo.organization_profile(id);

ALTER TABLE ONLY octavo.schedule_firing
    ADD CONSTRAINT schedule_firing_organization_id_schedule_id_fkey FOREIGN KEY (organization_id, schedule_id) REFERENCES octavo.schedule(organization_id, id) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.model_deployment
    ADD CONSTRAINT serves_deployed FOREIGN KEY (organization_id, model_id, version, stage) REFERENCES octavo.model_version(organization_id, model_id, version, stage) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.snapshot
    ADD CONSTRAINT snapshot_organization_id_stream_fkey FOREIGN KEY (organization_id, stream) REFERENCES octavo.stream(organization_id, name) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.subscription
    ADD CONSTRAINT subscription_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES octavo.organization_profile(id);

ALTER TABLE ONLY octavo.tag
    ADD CONSTRAINT tag_organization_id_document_id_version_fkey FOREIGN KEY (organization_id, document_id, version) REFERENCES octavo.version(organization_id, document_id, number);

ALTER TABLE ONLY octavo.topic
    ADD CONSTRAINT topic_length FOREIGN KEY (organization_id, model, model_version, dimensions) REFERENCES octavo.topic_set(organization_id, model, model_version, dimensions) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.topic
    ADD CONSTRAINT topic_of_set FOREIGN KEY (organization_id, model, model_version) REFERENCES octavo.topic_set(organization_id, model, model_version) ON DELETE CASCADE;

ALTER TABLE ONLY octavo.version
    ADD CONSTRAINT version_body_fkey FOREIGN KEY (organization_id, body_hash) REFERENCES octavo.body(organization_id, hash);

ALTER TABLE ONLY octavo.version
    ADD CONSTRAINT version_organization_id_document_id_fkey FOREIGN KEY (organization_id, document_id) REFERENCES octavo.document(organization_id, id);

ALTER TABLE octavo.analytics_classed ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_fact ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_member ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_parked ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.analytics_total ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.batch ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.batch_list ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.body ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.content ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.document ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.document_filter ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.document_label ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.event ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.idempotency ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.label ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.lease ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.link ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.link_type ENABLE ROW LEVEL SECURITY;

CREATE POLICY lookup ON octavo.document_filter FOR SELECT TO octavo_lookup USING (true);

CREATE POLICY lookup ON octavo.search_passage FOR SELECT TO octavo_lookup USING (true);

ALTER TABLE octavo.model_artifact ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.model_deployment ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.model_version ENABLE ROW LEVEL SECURITY;

CREATE POLICY organization ON octavo.analytics_classed TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.analytics_fact TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.analytics_member TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.analytics_parked TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.analytics_total TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.batch TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.batch_list TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.body TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.content TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.document TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.document_filter TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.document_label TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.event TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.idempotency TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.label TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.lease TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.link TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.link_type TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.model_artifact TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.model_deployment TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.model_version TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.organization_profile TO octavo_app USING ((id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.query_consent TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.remembered_query TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.result TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.result_due TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.retention TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_dead TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_delay TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_dependency TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_figure TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_held TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_history TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_lease TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_owed TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_queue TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_quota TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_step TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.run_trigger TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.schedule TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.schedule_firing TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.search_configuration TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.search_parked TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.search_passage TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.search_segment TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.search_text TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.snapshot TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.source TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.stream TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.subscription TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.synonyms TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.tag TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.topic TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.topic_set TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.vector_document TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.vector_parked TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.vector_passage TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.vector_shelf TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.vector_text TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

CREATE POLICY organization ON octavo.version TO octavo_app USING ((organization_id = (NULLIF(current_setting('octavo.organization'::text, true), ''::text))::uuid));

ALTER TABLE octavo.organization_profile ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.query_consent ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.remembered_query ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.result ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.result_due ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.retention ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_dead ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_delay ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_dependency ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_figure ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_held ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_history ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_lease ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_owed ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_queue ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_quota ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_step ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.run_trigger ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.schedule ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.schedule_firing ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_configuration ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_parked ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_passage ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_segment ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.search_text ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.snapshot ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.source ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.stream ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.subscription ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.synonyms ENABLE ROW LEVEL SECURITY;

CREATE POLICY system ON octavo.analytics_classed TO octavo_system USING (true);

CREATE POLICY system ON octavo.analytics_fact TO octavo_system USING (true);

CREATE POLICY system ON octavo.analytics_member TO octavo_system USING (true);

CREATE POLICY system ON octavo.analytics_parked TO octavo_system USING (true);

CREATE POLICY system ON octavo.analytics_total TO octavo_system USING (true);

CREATE POLICY system ON octavo.batch TO octavo_system USING (true);

CREATE POLICY system ON octavo.batch_list TO octavo_system USING (true);

CREATE POLICY system ON octavo.body TO octavo_system USING (true);

CREATE POLICY system ON octavo.content TO octavo_system USING (true);

CREATE POLICY system ON octavo.document TO octavo_system USING (true);

CREATE POLICY system ON octavo.document_filter TO octavo_system USING (true);

CREATE POLICY system ON octavo.document_label TO octavo_system USING (true);

CREATE POLICY system ON octavo.event TO octavo_system USING (true);

CREATE POLICY system ON octavo.idempotency TO octavo_system USING (true);

CREATE POLICY system ON octavo.label TO octavo_system USING (true);

CREATE POLICY system ON octavo.lease TO octavo_system USING (true);

CREATE POLICY system ON octavo.link TO octavo_system USING (true);

CREATE POLICY system ON octavo.link_type TO octavo_system USING (true);

CREATE POLICY system ON octavo.model_artifact TO octavo_system USING (true);

CREATE POLICY system ON octavo.model_deployment TO octavo_system USING (true);

CREATE POLICY system ON octavo.model_version TO octavo_system USING (true);

CREATE POLICY system ON octavo.organization_profile TO octavo_system USING (true);

CREATE POLICY system ON octavo.query_consent TO octavo_system USING (true);

CREATE POLICY system ON octavo.remembered_query TO octavo_system USING (true);

CREATE POLICY system ON octavo.result TO octavo_system USING (true);

CREATE POLICY system ON octavo.result_due TO octavo_system USING (true);

CREATE POLICY system ON octavo.retention TO octavo_system USING (true);

CREATE POLICY system ON octavo.run TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_dead TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_delay TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_dependency TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_figure TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_held TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_history TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_lease TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_owed TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_queue TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_quota TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_step TO octavo_system USING (true);

CREATE POLICY system ON octavo.run_trigger TO octavo_system USING (true);

CREATE POLICY system ON octavo.schedule TO octavo_system USING (true);

CREATE POLICY system ON octavo.schedule_firing TO octavo_system USING (true);

CREATE POLICY system ON octavo.search_configuration TO octavo_system USING (true);

CREATE POLICY system ON octavo.search_parked TO octavo_system USING (true);

CREATE POLICY system ON octavo.search_passage TO octavo_system USING (true);

CREATE POLICY system ON octavo.search_segment TO octavo_system USING (true);

CREATE POLICY system ON octavo.search_text TO octavo_system USING (true);

CREATE POLICY system ON octavo.snapshot TO octavo_system USING (true);

CREATE POLICY system ON octavo.source TO octavo_system USING (true);

CREATE POLICY system ON octavo.stream TO octavo_system USING (true);

CREATE POLICY system ON octavo.subscription TO octavo_system USING (true);

CREATE POLICY system ON octavo.synonyms TO octavo_system USING (true);

CREATE POLICY system ON octavo.tag TO octavo_system USING (true);

CREATE POLICY system ON octavo.topic TO octavo_system USING (true);

CREATE POLICY system ON octavo.topic_set TO octavo_system USING (true);

CREATE POLICY system ON octavo.vector_document TO octavo_system USING (true);

CREATE POLICY system ON octavo.vector_parked TO octavo_system USING (true);

CREATE POLICY system ON octavo.vector_passage TO octavo_system USING (true);

CREATE POLICY system ON octavo.vector_shelf TO octavo_system USING (true);

CREATE POLICY system ON octavo.vector_text TO octavo_system USING (true);

CREATE POLICY system ON octavo.version TO octavo_system USING (true);

ALTER TABLE octavo.tag ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.topic ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.topic_set ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_document ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_parked ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_passage ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_shelf ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.vector_text ENABLE ROW LEVEL SECURITY;

ALTER TABLE octavo.version ENABLE ROW LEVEL SECURITY;

GRANT USAGE ON SCHEMA octavo TO octavo_app;
GRANT USAGE ON SCHEMA octavo TO octavo_system;
GRANT ALL ON SCHEMA octavo TO octavo_lookup;
GRANT USAGE ON SCHEMA octavo TO octavo_backup;

REVOKE ALL ON FUNCTION octavo.drop_vector_indexes(kept integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.drop_vector_indexes(kept integer[]) TO octavo_system;

REVOKE ALL ON FUNCTION octavo.index_vectors(shelf integer, dimensions integer) FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.index_vectors(shelf integer, dimensions integer) TO octavo_system;

GRANT SELECT ON TABLE octavo.document TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.document TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.document TO octavo_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_trigger TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_trigger TO octavo_system;
GRANT SELECT ON TABLE octavo.run_trigger TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_owed TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_owed TO octavo_system;
GRANT SELECT ON TABLE octavo.run_owed TO octavo_backup;

REVOKE ALL ON FUNCTION octavo.keep_analytics_partitions(months_ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.keep_analytics_partitions(months_ahead integer) TO octavo_system;

REVOKE ALL ON FUNCTION octavo.keep_event_partitions(months_ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.keep_event_partitions(months_ahead integer) TO octavo_system;

REVOKE ALL ON FUNCTION octavo.keep_run_partitions(months_ahead integer) FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.keep_run_partitions(months_ahead integer) TO octavo_system;

REVOKE ALL ON FUNCTION octavo.limited_runs(tickets bigint[], organizations uuid[], runs uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.limited_runs(tickets bigint[], organizations uuid[], runs uuid[]) TO octavo_system;

REVOKE ALL ON FUNCTION octavo.runs_under_way(organization uuid, pipeline uuid, key text) FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.runs_under_way(organization uuid, pipeline uuid, key text) TO octavo_system;

REVOKE ALL ON FUNCTION octavo.settle_search() FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.settle_search() TO octavo_system;

REVOKE ALL ON FUNCTION octavo.take_quota(organization uuid, quota bigint, runs bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION octavo.take_quota(organization uuid, quota bigint, runs bigint) TO octavo_app;
GRANT ALL ON FUNCTION octavo.take_quota(organization uuid, quota bigint, runs bigint) TO octavo_system;

GRANT SELECT ON TABLE octavo.analytics_classed TO octavo_app;
GRANT SELECT ON TABLE octavo.analytics_classed TO octavo_backup;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.analytics_classed TO octavo_system;

GRANT SELECT ON TABLE octavo.analytics_engine TO octavo_app;
GRANT SELECT ON TABLE octavo.analytics_engine TO octavo_backup;
GRANT SELECT,UPDATE ON TABLE octavo.analytics_engine TO octavo_system;

GRANT SELECT ON TABLE octavo.analytics_fact TO octavo_app;
GRANT SELECT ON TABLE octavo.analytics_fact TO octavo_backup;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.analytics_fact TO octavo_system;

GRANT SELECT ON TABLE octavo.analytics_member TO octavo_app;
GRANT SELECT ON TABLE octavo.analytics_member TO octavo_backup;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.analytics_member TO octavo_system;

GRANT SELECT ON TABLE octavo.analytics_parked TO octavo_app;
GRANT SELECT ON TABLE octavo.analytics_parked TO octavo_backup;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.analytics_parked TO octavo_system;

GRANT SELECT ON TABLE octavo.analytics_total TO octavo_app;
GRANT SELECT ON TABLE octavo.analytics_total TO octavo_backup;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.analytics_total TO octavo_system;

GRANT SELECT ON TABLE octavo.application_migration TO octavo_backup;

GRANT SELECT ON TABLE octavo.backfill TO octavo_system;
GRANT SELECT ON TABLE octavo.backfill TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.batch TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.batch TO octavo_system;
GRANT SELECT ON TABLE octavo.batch TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.batch_list TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.batch_list TO octavo_system;
GRANT SELECT ON TABLE octavo.batch_list TO octavo_backup;

GRANT SELECT ON TABLE octavo.body TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.body TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.body TO octavo_system;

GRANT SELECT ON TABLE octavo.content TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.content TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.content TO octavo_system;

GRANT SELECT ON TABLE octavo.document_filter TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.document_filter TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.document_filter TO octavo_system;
GRANT SELECT ON TABLE octavo.document_filter TO octavo_lookup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.document_label TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.document_label TO octavo_system;
GRANT SELECT ON TABLE octavo.document_label TO octavo_backup;

GRANT SELECT ON TABLE octavo.document_type TO octavo_app;
GRANT SELECT ON TABLE octavo.document_type TO octavo_backup;
GRANT SELECT,INSERT,UPDATE ON TABLE octavo.document_type TO octavo_system;

GRANT SELECT ON TABLE octavo.engine TO octavo_app;
GRANT SELECT ON TABLE octavo.engine TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.engine TO octavo_system;

GRANT SELECT ON TABLE octavo.epoch TO octavo_app;
GRANT SELECT ON TABLE octavo.epoch TO octavo_backup;
GRANT SELECT,INSERT,MAINTAIN ON TABLE octavo.epoch TO octavo_system;

GRANT SELECT ON TABLE octavo.event TO octavo_backup;
GRANT SELECT,INSERT ON TABLE octavo.event TO octavo_app;
GRANT SELECT,INSERT,DELETE ON TABLE octavo.event TO octavo_system;

GRANT USAGE ON SEQUENCE octavo.event_position TO octavo_app;
GRANT USAGE ON SEQUENCE octavo.event_position TO octavo_system;
GRANT SELECT ON SEQUENCE octavo.event_position TO octavo_backup;

GRANT SELECT ON TABLE octavo.idempotency TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.idempotency TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.idempotency TO octavo_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.label TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.label TO octavo_system;
GRANT SELECT ON TABLE octavo.label TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.lease TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.lease TO octavo_system;
GRANT SELECT ON TABLE octavo.lease TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.link TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.link TO octavo_system;
GRANT SELECT ON TABLE octavo.link TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.link_type TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.link_type TO octavo_system;
GRANT SELECT ON TABLE octavo.link_type TO octavo_backup;

GRANT SELECT ON TABLE octavo.lookup TO octavo_app;

GRANT SELECT ON TABLE octavo.migration TO octavo_backup;

GRANT SELECT(number) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(number) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT(name) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(name) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT(phase) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(phase) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT(checksum) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(checksum) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT(state) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(state) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT(started_at) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(started_at) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT(completed_at) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(completed_at) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT(duration_ms) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(duration_ms) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT(applied_by) ON TABLE octavo.migration TO octavo_app;
GRANT SELECT(applied_by) ON TABLE octavo.migration TO octavo_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.model_artifact TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.model_artifact TO octavo_system;
GRANT SELECT ON TABLE octavo.model_artifact TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.model_deployment TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.model_deployment TO octavo_system;
GRANT SELECT ON TABLE octavo.model_deployment TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.model_version TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.model_version TO octavo_system;
GRANT SELECT ON TABLE octavo.model_version TO octavo_backup;

GRANT SELECT ON TABLE octavo.organization_profile TO octavo_backup;
GRANT SELECT ON TABLE octavo.organization_profile TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.organization_profile TO octavo_system;

GRANT UPDATE(watched_types) ON TABLE octavo.organization_profile TO octavo_app;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.query_consent TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.query_consent TO octavo_system;
GRANT SELECT ON TABLE octavo.query_consent TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.remembered_query TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.remembered_query TO octavo_system;
GRANT SELECT ON TABLE octavo.remembered_query TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.result TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.result TO octavo_system;
GRANT SELECT ON TABLE octavo.result TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.result_due TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.result_due TO octavo_system;
GRANT SELECT ON TABLE octavo.result_due TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.retention TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.retention TO octavo_system;
GRANT SELECT ON TABLE octavo.retention TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run TO octavo_system;
GRANT SELECT ON TABLE octavo.run TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_dead TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_dead TO octavo_system;
GRANT SELECT ON TABLE octavo.run_dead TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_delay TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_delay TO octavo_system;
GRANT SELECT ON TABLE octavo.run_delay TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_dependency TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_dependency TO octavo_system;
GRANT SELECT ON TABLE octavo.run_dependency TO octavo_backup;

GRANT SELECT ON TABLE octavo.run_figure TO octavo_app;
GRANT SELECT ON TABLE octavo.run_figure TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_figure TO octavo_system;

GRANT SELECT ON TABLE octavo.run_figure_cursor TO octavo_app;
GRANT SELECT ON TABLE octavo.run_figure_cursor TO octavo_backup;
GRANT SELECT,UPDATE ON TABLE octavo.run_figure_cursor TO octavo_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_held TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_held TO octavo_system;
GRANT SELECT ON TABLE octavo.run_held TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_history TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_history TO octavo_system;
GRANT SELECT ON TABLE octavo.run_history TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_lease TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_lease TO octavo_system;
GRANT SELECT ON TABLE octavo.run_lease TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_queue TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_queue TO octavo_system;
GRANT SELECT ON TABLE octavo.run_queue TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_quota TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_quota TO octavo_system;
GRANT SELECT ON TABLE octavo.run_quota TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_step TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_step TO octavo_system;
GRANT SELECT ON TABLE octavo.run_step TO octavo_backup;

GRANT SELECT,USAGE ON SEQUENCE octavo.run_ticket TO octavo_app;
GRANT SELECT,USAGE ON SEQUENCE octavo.run_ticket TO octavo_system;
GRANT SELECT ON SEQUENCE octavo.run_ticket TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.run_worker TO octavo_system;
GRANT SELECT ON TABLE octavo.run_worker TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.schedule TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.schedule TO octavo_system;
GRANT SELECT ON TABLE octavo.schedule TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.schedule_firing TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.schedule_firing TO octavo_system;
GRANT SELECT ON TABLE octavo.schedule_firing TO octavo_backup;

GRANT SELECT ON TABLE octavo.search_configuration TO octavo_backup;
GRANT SELECT ON TABLE octavo.search_configuration TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.search_configuration TO octavo_system;

GRANT SELECT ON TABLE octavo.search_engine TO octavo_backup;
GRANT SELECT,UPDATE ON TABLE octavo.search_engine TO octavo_system;

GRANT SELECT(generation) ON TABLE octavo.search_engine TO octavo_app;

GRANT SELECT(epoch) ON TABLE octavo.search_engine TO octavo_app;

GRANT SELECT(position_xid) ON TABLE octavo.search_engine TO octavo_app;

GRANT SELECT(position_id) ON TABLE octavo.search_engine TO octavo_app;

GRANT SELECT(scanning) ON TABLE octavo.search_engine TO octavo_app;

GRANT SELECT ON TABLE octavo.search_passage TO octavo_backup;
GRANT SELECT ON TABLE octavo.search_passage TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.search_passage TO octavo_system;
GRANT SELECT ON TABLE octavo.search_passage TO octavo_lookup;

GRANT SELECT ON TABLE octavo.search_lookup TO octavo_app;

GRANT SELECT ON TABLE octavo.search_parked TO octavo_backup;
GRANT SELECT ON TABLE octavo.search_parked TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.search_parked TO octavo_system;

GRANT USAGE ON SEQUENCE octavo.search_segment_number TO octavo_system;
GRANT SELECT ON SEQUENCE octavo.search_segment_number TO octavo_backup;

GRANT SELECT ON TABLE octavo.search_segment TO octavo_backup;
GRANT SELECT ON TABLE octavo.search_segment TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.search_segment TO octavo_system;

GRANT SELECT ON TABLE octavo.search_text TO octavo_backup;
GRANT SELECT ON TABLE octavo.search_text TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.search_text TO octavo_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.snapshot TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.snapshot TO octavo_system;
GRANT SELECT ON TABLE octavo.snapshot TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.source TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.source TO octavo_system;
GRANT SELECT ON TABLE octavo.source TO octavo_backup;

GRANT SELECT ON TABLE octavo.stream TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.stream TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.stream TO octavo_system;

GRANT SELECT ON TABLE octavo.subscription TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.subscription TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.subscription TO octavo_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.synonyms TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.synonyms TO octavo_system;
GRANT SELECT ON TABLE octavo.synonyms TO octavo_backup;

GRANT SELECT ON TABLE octavo.tag TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.tag TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.tag TO octavo_system;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.topic TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.topic TO octavo_system;
GRANT SELECT ON TABLE octavo.topic TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.topic_set TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.topic_set TO octavo_system;
GRANT SELECT ON TABLE octavo.topic_set TO octavo_backup;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.upkeep TO octavo_system;
GRANT SELECT ON TABLE octavo.upkeep TO octavo_backup;

GRANT SELECT ON TABLE octavo.vector_document TO octavo_backup;
GRANT SELECT ON TABLE octavo.vector_document TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.vector_document TO octavo_system;

GRANT SELECT ON TABLE octavo.vector_model TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.vector_model TO octavo_system;

GRANT SELECT(model) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT(name) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT(version) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT(dimensions) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT(generation) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT(epoch) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT(position_xid) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT(position_id) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT(scanning) ON TABLE octavo.vector_model TO octavo_app;

GRANT SELECT ON SEQUENCE octavo.vector_model_model_seq TO octavo_backup;

GRANT SELECT ON TABLE octavo.vector_parked TO octavo_backup;
GRANT SELECT ON TABLE octavo.vector_parked TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.vector_parked TO octavo_system;

GRANT SELECT ON TABLE octavo.vector_passage TO octavo_backup;
GRANT SELECT ON TABLE octavo.vector_passage TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.vector_passage TO octavo_system;

GRANT SELECT ON TABLE octavo.vector_shelf TO octavo_backup;
GRANT SELECT ON TABLE octavo.vector_shelf TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.vector_shelf TO octavo_system;

GRANT SELECT ON SEQUENCE octavo.vector_shelf_shelf_seq TO octavo_backup;

GRANT SELECT ON TABLE octavo.vector_text TO octavo_backup;
GRANT SELECT ON TABLE octavo.vector_text TO octavo_app;
GRANT SELECT,INSERT,DELETE,TRUNCATE,UPDATE ON TABLE octavo.vector_text TO octavo_system;

GRANT SELECT ON TABLE octavo.version TO octavo_backup;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.version TO octavo_app;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE octavo.version TO octavo_system;
