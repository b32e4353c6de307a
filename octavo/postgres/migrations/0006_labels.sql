-- phase: expand
-- Labels: categories on documents. Links: typed, directed relations between two documents.
SET LOCAL ROLE octavo_owner;

-- Labels that differ in case only are one. The collation is PostgreSQL's own, so every server says the same.
CREATE FUNCTION octavo.label_key(name text) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(name COLLATE pg_catalog.pg_c_utf8) COLLATE "C";

CREATE TABLE octavo.label (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 100)
        CONSTRAINT label_name_is_plain CHECK (name = btrim(name) AND name !~ '[\x01-\x1f\x7f]'),
    key text COLLATE "C" NOT NULL GENERATED ALWAYS AS (octavo.label_key(name)) STORED,
    colour text CHECK (colour ~ '^#[0-9a-f]{6}$'),
    description text CHECK (length(description) BETWEEN 1 AND 1000),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (length(created_by) BETWEEN 1 AND 200),
    created_by_kind octavo.actor_kind NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT label_key UNIQUE (organization_id, key)
);

-- Which documents have a label. The confidence is a model's; a person's label has none.
CREATE TABLE octavo.document_label (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    label_id uuid NOT NULL,
    confidence double precision CHECK (confidence BETWEEN 0 AND 1),
    assigned_at timestamptz NOT NULL,
    assigned_by text NOT NULL CHECK (length(assigned_by) BETWEEN 1 AND 200),
    assigned_by_kind octavo.actor_kind NOT NULL,
    session_id text CHECK (length(session_id) BETWEEN 1 AND 200),
    PRIMARY KEY (organization_id, document_id, label_id),
    FOREIGN KEY (organization_id, document_id) REFERENCES octavo.document (organization_id, id),
    FOREIGN KEY (organization_id, label_id) REFERENCES octavo.label (organization_id, id)
);
CREATE INDEX document_label_label ON octavo.document_label (organization_id, label_id, document_id)
    INCLUDE (confidence);

CREATE TABLE octavo.link_type (
    organization_id uuid NOT NULL,
    name text COLLATE "C" NOT NULL CHECK (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    is_symmetric boolean NOT NULL,
    description text CHECK (length(description) BETWEEN 1 AND 1000),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (length(created_by) BETWEEN 1 AND 200),
    created_by_kind octavo.actor_kind NOT NULL,
    PRIMARY KEY (organization_id, name),
    UNIQUE (organization_id, is_symmetric, name)
);

-- A symmetric link is stored once, from the lesser id to the greater one. That the link says so too, and refers to
-- its type by it, keeps a type with links from becoming symmetric, or from ceasing to be.
CREATE TABLE octavo.link (
    organization_id uuid NOT NULL,
    source_id uuid NOT NULL,
    target_id uuid NOT NULL,
    type text COLLATE "C" NOT NULL,
    is_symmetric boolean NOT NULL,
    confidence double precision CHECK (confidence BETWEEN 0 AND 1),
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (length(created_by) BETWEEN 1 AND 200),
    created_by_kind octavo.actor_kind NOT NULL,
    updated_at timestamptz NOT NULL,
    session_id text CHECK (length(session_id) BETWEEN 1 AND 200),
    PRIMARY KEY (organization_id, source_id, type, target_id),
    FOREIGN KEY (organization_id, source_id) REFERENCES octavo.document (organization_id, id),
    FOREIGN KEY (organization_id, target_id) REFERENCES octavo.document (organization_id, id),
    FOREIGN KEY (organization_id, is_symmetric, type)
        REFERENCES octavo.link_type (organization_id, is_symmetric, name),
    CONSTRAINT link_to_another CHECK (source_id <> target_id),
    CONSTRAINT symmetric_link_once CHECK (NOT is_symmetric OR source_id < target_id)
);
CREATE INDEX link_target ON octavo.link (organization_id, target_id, type, source_id);
-- Not by source or target: for one end of a link it would look as good as the other two, and read the whole type.
CREATE INDEX link_of_type ON octavo.link (organization_id, type, created_at, source_id, target_id);

-- How many other labels a document has. Volatile, so of a locked document it is told what holds under the lock.
CREATE FUNCTION octavo.count_other_labels(organization uuid, document uuid, label uuid) RETURNS bigint
    LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    RETURN (SELECT count(*) FROM octavo.document_label
            WHERE organization_id = organization AND document_id = document AND label_id IS DISTINCT FROM label);
END
$$;

-- Forget everything of a locked document but its head and its events: a volatile function sees what others committed
-- while the lock was waited for, and the statement around it does not.
CREATE FUNCTION octavo.forget_document(
    organization uuid, document uuid, OUT hashes bytea [], OUT blobs text []
) RETURNS record
    LANGUAGE plpgsql VOLATILE
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

-- Live documents reached from one by links, the nearest first; each is told once, with the link that reached it.
-- Every level is one statement, and of each document it looks at as many links of a type as may still be told.
CREATE FUNCTION octavo.neighbours(
    organization uuid, start uuid, types text [], outwards boolean, inwards boolean, depth integer, most integer
) RETURNS TABLE (document_id uuid, distance integer, via uuid, type text, confidence double precision)
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

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['label', 'document_label', 'link_type', 'link'] LOOP
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
