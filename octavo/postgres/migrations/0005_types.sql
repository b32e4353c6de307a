-- phase: expand
-- Document types: which the application has, which of their versions a body was written as, and what declared
-- indexes are made of.
SET LOCAL ROLE octavo_owner;

-- Types are of the application, and so of the database: no row of them belongs to an organization.
CREATE TABLE octavo.document_type (
    name text NOT NULL CHECK (name ~ '^[A-Za-z][A-Za-z0-9_.-]{0,99}$'),
    version smallint NOT NULL CHECK (version >= 1),
    schema jsonb NOT NULL CHECK (jsonb_typeof(schema) = 'object'),
    indexes jsonb NOT NULL CHECK (jsonb_typeof(indexes) = 'array'),
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    registered_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    registered_by text NOT NULL CHECK (length(registered_by) BETWEEN 1 AND 200),
    PRIMARY KEY (name, version)
);
GRANT SELECT ON octavo.document_type TO octavo_app, octavo_backup;
GRANT SELECT, INSERT, UPDATE ON octavo.document_type TO octavo_system;

-- The version of its type that a body was written as; 0: nobody said.
ALTER TABLE octavo.document ADD COLUMN schema_version smallint NOT NULL DEFAULT 0;
ALTER TABLE octavo.version ADD COLUMN schema_version smallint NOT NULL DEFAULT 0;

-- What documents are ordered by: the first scalar at `scalars`; null, where `place` holds another thing; and where
-- nothing is, the empty list, which PostgreSQL sorts before everything else.
CREATE FUNCTION octavo.sort_value(fields jsonb, scalars jsonpath, place jsonpath) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(jsonb_path_query_first(fields, scalars, '{}', true),
                    CASE WHEN jsonb_path_exists(fields, place, '{}', true) THEN 'null' ELSE '[]' END::jsonb);

-- What may be there once only: the values at the place, or nothing, which any number of documents may have. Long
-- ones by their digest, since an entry of an index has 2,700 bytes at most.
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

-- The predicate of an index without entries: it refuses what an index on this field could not find again. No query
-- uses it, so its message is seen by whoever writes and by nobody else; it names the field and never the value.
CREATE FUNCTION octavo.refuse_many(
    fields jsonb, scalars jsonpath, elements jsonpath, field text, most integer
) RETURNS boolean
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

-- Whether a declared index is there still: a process may not have heard yet that it was dropped.
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

-- Whether a namespace takes documents of a type: one that is strict takes registered types only.
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
