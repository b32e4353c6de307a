-- phase: expand
-- Triggers: when a document of a type arrives or changes, its run is inserted by the server itself, in the transaction
-- of the change and whoever makes it. So no process has to know which triggers there are, and none can forget one.
SET LOCAL ROLE octavo_owner;

CREATE TABLE octavo.run_trigger (
    organization_id uuid NOT NULL REFERENCES octavo.organization_profile (id),
    name text COLLATE "C" NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'),
    namespace text NOT NULL CHECK (namespace ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'),
    type text NOT NULL CHECK (type ~ '^[A-Za-z][A-Za-z0-9_.-]{0,99}$'),
    pipeline text NOT NULL CHECK (length(pipeline) BETWEEN 1 AND 500),
    pipeline_tag text,
    pipeline_version integer CHECK (pipeline_version >= 1),
    on_created boolean NOT NULL,
    on_updated boolean NOT NULL,
    -- The filter as it was given, and as PostgreSQL asks it: predicates on the body and on the metadata.
    filter jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(filter) = 'object'),
    body_condition jsonpath,
    metadata_condition jsonpath,
    priority smallint NOT NULL CHECK (priority BETWEEN 0 AND 9),
    debounce_seconds float8 NOT NULL CHECK (debounce_seconds BETWEEN 0 AND 86400),
    recursive boolean NOT NULL,
    max_depth smallint NOT NULL CHECK (max_depth BETWEEN 1 AND 100),
    is_paused boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    created_by text NOT NULL CHECK (length(created_by) BETWEEN 1 AND 200),
    created_by_kind octavo.actor_kind NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The last time it started nothing although it should have: the log has them all.
    stopped_at timestamptz,
    stopped_reason text CHECK (stopped_reason IN ('depth', 'pipeline', 'quota')),
    stopped_document_id uuid,
    PRIMARY KEY (organization_id, name),
    CHECK (on_created OR on_updated),
    CHECK (pipeline_tag IS NULL OR pipeline_version IS NULL),
    CHECK ((stopped_at IS NULL) = (stopped_reason IS NULL))
);
CREATE INDEX run_trigger_type ON octavo.run_trigger (organization_id, type) WHERE NOT is_paused;

ALTER TABLE octavo.run_trigger ENABLE ROW LEVEL SECURITY;
ALTER TABLE octavo.run_trigger FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON octavo.run_trigger TO octavo_app
    USING (organization_id = nullif(current_setting('octavo.organization', true), '')::uuid);
CREATE POLICY system ON octavo.run_trigger TO octavo_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.run_trigger TO octavo_app, octavo_system;
GRANT SELECT ON octavo.run_trigger TO octavo_backup;

-- What a write reads anyway tells whether anything watches its type, and the head takes it along: nothing else is paid
-- by those without triggers.
ALTER TABLE octavo.organization_profile ADD COLUMN watched_types text [];
GRANT UPDATE (watched_types) ON octavo.organization_profile TO octavo_app;
ALTER TABLE octavo.document ADD COLUMN watched boolean;

CREATE FUNCTION octavo.watch_types() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
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
CREATE TRIGGER run_trigger_changed AFTER INSERT OR DELETE OR UPDATE OF type, is_paused ON octavo.run_trigger
    FOR EACH ROW EXECUTE FUNCTION octavo.watch_types();

-- Which trigger started a run, and how many runs caused each other before it did.
ALTER TABLE octavo.run ADD COLUMN trigger text, ADD COLUMN trigger_depth smallint NOT NULL DEFAULT 0;
ALTER TABLE octavo.run_history ADD COLUMN trigger text, ADD COLUMN trigger_depth smallint NOT NULL DEFAULT 0;

-- An id as clients make them (UUIDv7, RFC 9562): PostgreSQL 17 makes none.
CREATE FUNCTION octavo.new_id() RETURNS uuid
    LANGUAGE plpgsql VOLATILE PARALLEL SAFE
AS $$
DECLARE
    bytes bytea := uuid_send(gen_random_uuid());
    milliseconds bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
BEGIN
    bytes := overlay(bytes PLACING substring(int8send(milliseconds) FROM 3) FROM 1 FOR 6);
    RETURN encode(set_byte(bytes, 6, 112 + get_byte(bytes, 6) % 16), 'hex')::uuid;
END
$$;

-- The run that a change was made by, as its causation `run-<id>:<sequence>` tells; no row if none did.
CREATE FUNCTION octavo.causing_run(
    organization uuid, causation text, OUT pipeline text, OUT trigger_depth smallint
) RETURNS SETOF record
    LANGUAGE plpgsql STABLE ROWS 1
AS $$
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
$$;

-- Whether the filter of a trigger holds for a document as it is now.
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

-- Say that a trigger started nothing: in the document's stream, and in its row unless somebody else says it now.
CREATE FUNCTION octavo.stop_trigger(
    watching octavo.run_trigger, head octavo.document, reason text, depth integer
) RETURNS void
    LANGUAGE plpgsql VOLATILE
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

-- The version of its pipeline that a trigger means now, with what a run takes over from it.
CREATE TYPE octavo.pinned_pipeline AS (
    id uuid, version integer, max_attempts integer, max_running integer, max_running_per_key integer
);

-- Null where there is none, or none that is active.
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

-- Let a run of this trigger and document that no worker has begun be about the newest version, instead of starting
-- another one. Whoever has its ticket may change a run: it is taken, and given back with a new number. A run that has
-- waited longer than the window keeps its place, or one that changes all the time would wait for ever.
CREATE FUNCTION octavo.redirect_run(
    watching octavo.run_trigger, head octavo.document, depth integer, pinned octavo.pinned_pipeline
) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
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

-- Whether the organization may start another run today.
CREATE FUNCTION octavo.may_start(organization uuid) RETURNS boolean
    LANGUAGE plpgsql VOLATILE
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

-- Start the run of a trigger about a document: what start_runs does for a caller.
CREATE FUNCTION octavo.insert_triggered(
    watching octavo.run_trigger, head octavo.document, depth integer, pinned octavo.pinned_pipeline,
    session text, correlation text
) RETURNS void
    LANGUAGE plpgsql VOLATILE
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

-- Start what the triggers of a document's type want. A run of a pipeline does not start that pipeline again by what it
-- writes, and runs that cause each other end at the depth their trigger allows.
-- Its plans are made while the tables are small and used when they are not.
CREATE FUNCTION octavo.start_runs_of(head octavo.document, arrived boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE SET enable_seqscan = off
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
            ELSE
                PERFORM octavo.insert_triggered(
                    watching, head, depth, pinned, change.session_id, change.correlation_id
                );
        END CASE;
    END LOOP;
END
$$;

CREATE FUNCTION octavo.document_changed() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    PERFORM octavo.start_runs_of(NEW, TG_OP = 'INSERT' OR OLD.deleted_at IS NOT NULL);
    RETURN NULL;
END
$$;

CREATE TRIGGER document_arrived AFTER INSERT ON octavo.document
    FOR EACH ROW WHEN (NEW.watched AND NEW.deleted_at IS NULL) EXECUTE FUNCTION octavo.document_changed();
CREATE TRIGGER document_changed AFTER UPDATE OF version ON octavo.document
    FOR EACH ROW WHEN (NEW.watched AND NEW.deleted_at IS NULL AND NEW.version <> OLD.version)
    EXECUTE FUNCTION octavo.document_changed();
