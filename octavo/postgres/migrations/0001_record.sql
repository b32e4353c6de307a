-- phase: expand
-- The record: organizations, documents, versions, bodies, tags, contents, events.
SET LOCAL ROLE octavo_owner;

-- The organization travels in a parameter's type: the server checks the domain while it receives the
-- bound parameter, inside the statement's own transaction and before any plan runs. A transaction serves one
-- organization: binding a second one fails the check.
CREATE DOMAIN octavo.organization AS uuid CONSTRAINT one_organization_a_transaction
    CHECK (CASE
        WHEN coalesce(nullif(current_setting('octavo.organization', true), ''), value::text) = value::text
            THEN set_config('octavo.organization', value::text, true) IS NOT NULL
        ELSE false
    END);

CREATE FUNCTION octavo.current_organization() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('octavo.organization', true), '')::uuid;

CREATE TYPE octavo.actor_kind AS ENUM ('user', 'service', 'agent', 'system');
CREATE TYPE octavo.change AS ENUM ('created', 'updated', 'reverted', 'deleted', 'restored');

-- HMAC-SHA256 (RFC 2104) of PostgreSQL's normal form of the JSON, with the two padded keys precomputed.
CREATE FUNCTION octavo.body_hash(inner_pad bytea, outer_pad bytea, body jsonb) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sha256(outer_pad || sha256(inner_pad || convert_to(body::text, 'UTF8')));

-- Bytes of a value that was not stored yet; a stored one is packed and would count as less.
CREATE FUNCTION octavo.unpacked_bytes(value jsonb) RETURNS integer
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
    RETURN pg_column_size(value);
END
$$;

-- What a filter can ask of a value: the value; of a string of more than 2,000 bytes its digest, of a list of more
-- than 700 elements (a vector, mostly) its length. Nothing in 2,000 bytes of jsonb is that long.
CREATE FUNCTION octavo.filter_value(value jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
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
$$;

-- What a filter can ask of a body. Of one that is still over a megabyte only the scalars at the top remain, since
-- each scalar costs an entry of the index: a million of them would take longer than a statement may.
CREATE FUNCTION octavo.filter_fields(body jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
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
$$;

-- Whether a value found at the path, or an element of it, equals the operand; `elements` is the path and [*].
CREATE FUNCTION octavo.holds_equal(target jsonb, path jsonpath, elements jsonpath, operand jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN operand IN (SELECT jsonb_path_query(target, path, '{}', true))
        OR operand IN (SELECT jsonb_path_query(target, elements, '{}', true));

-- Whether a value found at the path, or an element of it, contains the operand.
CREATE FUNCTION octavo.holds_containing(target jsonb, path jsonpath, operand jsonb) RETURNS boolean
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN EXISTS (SELECT FROM jsonb_path_query(target, path, '{}', true) AS found (value)
                   WHERE value @> operand OR value @> jsonb_build_array(operand));

-- The row of a document, locked, and its body read after the lock was had: a volatile function takes a new
-- snapshot, so the body is the one of the locked row and not the one of the statement's beginning.
CREATE FUNCTION octavo.lock_document(
    organization uuid, wanted uuid,
    OUT id uuid, OUT version integer, OUT body_hash bytea, OUT body jsonb, OUT metadata jsonb, OUT deleted boolean
) RETURNS SETOF record
    LANGUAGE plpgsql VOLATILE ROWS 1
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

-- JSON Merge Patch (RFC 7396); a null patch changes nothing.
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

-- Put a value at a path, with the objects above it made where they are missing.
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

-- One operation of a patch on the value at its path; messages name the field and never its value.
CREATE FUNCTION octavo.operate(operator text, field text, current jsonb, operand jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
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
$$;

-- The operations of a patch, in order: [["$inc", ["path"], operand], …].
CREATE FUNCTION octavo.apply_operations(target jsonb, operations jsonb) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
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
$$;

-- Names of the top-level fields that differ: what an event may tell without telling a value.
CREATE FUNCTION octavo.changed_fields(before jsonb, after jsonb) RETURNS jsonb
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (SELECT coalesce(jsonb_agg(key ORDER BY key), '[]')
            FROM jsonb_each(before) AS old (key, value)
            FULL JOIN jsonb_each(after) AS new (key, value) USING (key)
            WHERE old.value IS DISTINCT FROM new.value);

CREATE TABLE octavo.organization_profile (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name ~ '^[a-z0-9][a-z0-9_.-]{0,62}$'),
    inner_pad bytea NOT NULL CHECK (octet_length(inner_pad) = 64),
    outer_pad bytea NOT NULL CHECK (octet_length(outer_pad) = 64),
    settings jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(settings) = 'object'),
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Hot tables have no key to organization_profile: every writer would lock its one row. Statements read the
-- profile instead, and write nothing when it is missing.
CREATE TABLE octavo.body (
    organization_id uuid NOT NULL,
    hash bytea NOT NULL CHECK (octet_length(hash) = 32),
    value jsonb NOT NULL CHECK (jsonb_typeof(value) = 'object'),
    -- What a page of bodies adds up: known without reading and unpacking them.
    bytes integer NOT NULL GENERATED ALWAYS AS (octavo.unpacked_bytes(value)) STORED,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, hash)
);

-- One sequence numbers every event; CACHE 1 because a position is drawn after the stream's lock.
CREATE SEQUENCE octavo.event_position AS bigint CACHE 1;

-- The head of a document is the row of its stream too: whoever appends an event locks it.
CREATE TABLE octavo.document (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    namespace text NOT NULL CHECK (namespace ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$'),
    type text NOT NULL CHECK (type ~ '^[A-Za-z][A-Za-z0-9_.-]{0,99}$'),
    name text CHECK (length(name) BETWEEN 1 AND 500),
    version integer NOT NULL CHECK (version >= 1),
    body_hash bytea,
    previous_body_hash bytea,
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (length(created_by) BETWEEN 1 AND 200),
    created_by_kind octavo.actor_kind NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by text NOT NULL CHECK (length(updated_by) BETWEEN 1 AND 200),
    updated_by_kind octavo.actor_kind NOT NULL,
    deleted_at timestamptz,
    purged_at timestamptz,
    event_sequence bigint NOT NULL CHECK (event_sequence >= 1),
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    PRIMARY KEY (organization_id, id),
    CHECK (updated_at >= created_at),
    CHECK ((body_hash IS NULL) = (purged_at IS NOT NULL)),
    CHECK (purged_at IS NULL OR (deleted_at IS NOT NULL AND name IS NULL AND metadata = '{}'))
) WITH (fillfactor = 80);

CREATE UNIQUE INDEX document_name_key ON octavo.document (organization_id, namespace, type, name)
    WHERE name IS NOT NULL AND deleted_at IS NULL;

CREATE TABLE octavo.version (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    number integer NOT NULL CHECK (number >= 1),
    change octavo.change NOT NULL,
    source_version integer,
    body_hash bytea NOT NULL,
    metadata jsonb NOT NULL CHECK (jsonb_typeof(metadata) = 'object'),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL,
    created_by_kind octavo.actor_kind NOT NULL,
    session_id text CHECK (length(session_id) BETWEEN 1 AND 200),
    PRIMARY KEY (organization_id, document_id, number),
    FOREIGN KEY (organization_id, document_id) REFERENCES octavo.document (organization_id, id),
    CONSTRAINT version_body_fkey FOREIGN KEY (organization_id, body_hash) REFERENCES octavo.body (organization_id, hash),
    CHECK ((change = 'reverted') = (source_version IS NOT NULL))
);
CREATE INDEX version_body ON octavo.version (organization_id, body_hash);
CREATE INDEX version_session ON octavo.version (organization_id, session_id, created_at, document_id)
    WHERE session_id IS NOT NULL;

CREATE TABLE octavo.tag (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,99}$'),
    version integer NOT NULL,
    previous_version integer,
    moved_at timestamptz NOT NULL,
    moved_by text NOT NULL,
    moved_by_kind octavo.actor_kind NOT NULL,
    session_id text,
    PRIMARY KEY (organization_id, document_id, name),
    FOREIGN KEY (organization_id, document_id, version)
        REFERENCES octavo.version (organization_id, document_id, number)
);
CREATE INDEX tag_name ON octavo.tag (organization_id, name, document_id);
CREATE INDEX tag_version ON octavo.tag (organization_id, document_id, version);

-- What a file was: kept a version, because the next version may come from another file.
CREATE TABLE octavo.content (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    blob text NOT NULL CHECK (length(blob) BETWEEN 1 AND 1000),
    bytes bigint NOT NULL CHECK (bytes >= 0),
    media_type text NOT NULL CHECK (length(media_type) BETWEEN 3 AND 200),
    encoding text CHECK (length(encoding) <= 50),
    language text NOT NULL DEFAULT 'und' CHECK (length(language) BETWEEN 2 AND 35),
    preview text NOT NULL CHECK (length(preview) <= 1000),
    words bigint NOT NULL CHECK (words >= 0),
    characters bigint NOT NULL CHECK (characters >= 0),
    paragraphs bigint NOT NULL CHECK (paragraphs >= 0),
    PRIMARY KEY (organization_id, document_id, version),
    FOREIGN KEY (organization_id, document_id, version)
        REFERENCES octavo.version (organization_id, document_id, number)
);
CREATE INDEX content_sha256 ON octavo.content (organization_id, sha256);

-- One row a live document: everything a filter may ask, current version only. Text orders by code point on
-- every server, because cursors and prefixes count on it.
CREATE TABLE octavo.document_filter (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    namespace text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    name text COLLATE "C",
    created_at timestamptz NOT NULL,
    created_by text COLLATE "C" NOT NULL,
    updated_at timestamptz NOT NULL,
    updated_by text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    fields jsonb NOT NULL,
    metadata jsonb NOT NULL,
    PRIMARY KEY (organization_id, document_id)
);
CREATE INDEX document_filter_created ON octavo.document_filter
    (organization_id, namespace, type, created_at, document_id);
CREATE INDEX document_filter_recent ON octavo.document_filter (organization_id, namespace, created_at, document_id);
CREATE INDEX document_filter_updated ON octavo.document_filter (organization_id, namespace, updated_at, document_id);
CREATE INDEX document_filter_name ON octavo.document_filter
    (organization_id, namespace, coalesce(name, ''), document_id);
-- Half a megabyte of entries wait to be sorted in: every search reads them, and more would cost it milliseconds.
CREATE INDEX document_filter_fields ON octavo.document_filter
    USING gin (organization_id, created_by, fields jsonb_path_ops, metadata jsonb_path_ops)
    WITH (gin_pending_list_limit = 512);

-- Sequence of the streams that are not documents.
CREATE TABLE octavo.stream (
    organization_id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    sequence bigint NOT NULL CHECK (sequence >= 1),
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    PRIMARY KEY (organization_id, name)
) WITH (fillfactor = 80);

CREATE TABLE octavo.event (
    recorded_at timestamptz NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    id bigint NOT NULL,
    organization_id uuid NOT NULL,
    stream text NOT NULL,
    sequence bigint NOT NULL,
    type text NOT NULL CHECK (type ~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+$'),
    schema_version smallint NOT NULL DEFAULT 1,
    document_id uuid,
    version integer,
    data jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    session_id text,
    correlation_id text CHECK (length(correlation_id) <= 200),
    causation_id text CHECK (length(causation_id) <= 200),
    PRIMARY KEY (recorded_at, position_xid, id)
) PARTITION BY RANGE (recorded_at);
CREATE INDEX event_position_order ON octavo.event (epoch, position_xid, id);
CREATE INDEX event_stream ON octavo.event (organization_id, stream, sequence);
-- One organization's part of the log: without it a reader of 1 % of the events reads all the others too.
CREATE INDEX event_organization ON octavo.event (organization_id, epoch, position_xid, id);
CREATE TABLE octavo.event_default PARTITION OF octavo.event DEFAULT;

-- Answers of calls made with an idempotency key.
CREATE TABLE octavo.idempotency (
    organization_id uuid NOT NULL REFERENCES octavo.organization_profile (id),
    key text NOT NULL CHECK (length(key) BETWEEN 1 AND 200),
    request bytea NOT NULL,
    answer jsonb,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX idempotency_created ON octavo.idempotency (created_at);

-- Durable readers of the feed; a null organization reads all of them.
CREATE TABLE octavo.subscription (
    name text NOT NULL CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.:-]{0,99}$'),
    organization_id uuid REFERENCES octavo.organization_profile (id),
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE NULLS NOT DISTINCT (organization_id, name)
) WITH (fillfactor = 50);

-- What tells one life of this record from another: xids mean nothing after a restore elsewhere.
CREATE TABLE octavo.epoch (
    number integer PRIMARY KEY CHECK (number >= 1),
    system_identifier bigint NOT NULL,
    timeline integer NOT NULL,
    started_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION octavo.keep_event_partitions(months_ahead integer) RETURNS SETOF text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '2s'
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
REVOKE ALL ON FUNCTION octavo.keep_event_partitions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION octavo.keep_event_partitions(integer) TO octavo_system;

-- Row-level security on everything that belongs to an organization.
DO $$
DECLARE
    relation text;
    owner_column text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['organization_profile', 'body', 'document', 'version', 'tag', 'content',
                                    'document_filter', 'stream', 'event', 'idempotency', 'subscription']
    LOOP
        owner_column := CASE relation WHEN 'organization_profile' THEN 'id' ELSE 'organization_id' END;
        EXECUTE format('ALTER TABLE octavo.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE octavo.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON octavo.%I TO octavo_app
                        USING (%I = nullif(current_setting(''octavo.organization'', true), '''')::uuid)',
                       relation, owner_column);
        EXECUTE format('CREATE POLICY system ON octavo.%I TO octavo_system USING (true)', relation);
        EXECUTE format('GRANT SELECT ON octavo.%I TO octavo_backup', relation);
    END LOOP;
END
$$;

CREATE POLICY lookup ON octavo.document_filter FOR SELECT TO octavo_lookup USING (true);

GRANT SELECT ON octavo.organization_profile TO octavo_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.organization_profile TO octavo_system;
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.body, octavo.document, octavo.version, octavo.tag, octavo.content,
    octavo.document_filter, octavo.stream, octavo.idempotency TO octavo_app, octavo_system;
GRANT SELECT, INSERT ON octavo.event TO octavo_app;
GRANT SELECT, INSERT, DELETE ON octavo.event TO octavo_system;
GRANT SELECT ON octavo.epoch TO octavo_app, octavo_backup;
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.subscription TO octavo_app, octavo_system;
GRANT SELECT, INSERT, MAINTAIN ON octavo.epoch TO octavo_system; -- MAINTAIN: to lock it for a new epoch
GRANT USAGE ON SEQUENCE octavo.event_position TO octavo_app, octavo_system;
GRANT SELECT ON SEQUENCE octavo.event_position TO octavo_backup;
GRANT SELECT ON octavo.document_filter TO octavo_lookup;

-- Candidates for filters: a view without security barrier, because @@ is not leakproof and would lose its
-- index under row-level security. Only total expressions may be applied to it: see the filter compiler.
-- A document without a name has the empty one, which sorts and compares where null would not.
SET LOCAL ROLE octavo_lookup;
CREATE VIEW octavo.lookup AS
    SELECT organization_id, document_id, namespace, type, coalesce(name, '') AS name, created_at, created_by,
           updated_at, updated_by, version, fields, metadata
    FROM octavo.document_filter
    WHERE organization_id = nullif(current_setting('octavo.organization', true), '')::uuid;
GRANT SELECT ON octavo.lookup TO octavo_app;
