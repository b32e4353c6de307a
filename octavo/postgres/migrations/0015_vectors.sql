-- phase: expand
-- Search by meaning: passages of documents with their vectors, one filling a model, each with a cursor of its own.
SET LOCAL ROLE octavo_owner;

-- Iterative scans, without which a filter would empty the answer of an approximate index.
DO $$
DECLARE
    version text;
BEGIN
    SELECT extversion INTO version FROM pg_extension WHERE extname = 'vector';
    IF string_to_array(version, '.')::integer [] < ARRAY[0, 8] THEN
        RAISE 'the extension vector is %, and 0.8 or later is needed: ALTER EXTENSION vector UPDATE', version;
    END IF;
END
$$;

-- How many passages a look at an approximate index brings. As with octavo.search_limit, the domain is checked while
-- the parameter is received: it sets how widely the index is searched (60 was measured to find 97 to 99 of the 100
-- nearest passages of documentation), lets the scan go on where a filter leaves too few, and has the statement planned
-- once a connection.
CREATE DOMAIN octavo.vector_candidates AS integer CHECK (
    value >= 1
    AND value <= 1000000
    AND set_config('hnsw.ef_search', least(greatest(value, 60), 1000)::text, true) IS NOT NULL
    AND set_config('hnsw.iterative_scan', 'relaxed_order', true) IS NOT NULL
    AND set_config('hnsw.max_scan_tuples', '20000', true) IS NOT NULL
    AND set_config('plan_cache_mode', 'force_generic_plan', true) IS NOT NULL
);

-- A model whose vectors are held, and where its filling stands: the cursor commits with its effect, the generation
-- tells one filling from another, the claim tells one load of several transactions from that of another process.
CREATE TABLE octavo.vector_model (
    model integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    version text NOT NULL CHECK (length(version) BETWEEN 1 AND 200),
    -- A vector stays in its row, which is at most a page.
    dimensions integer NOT NULL CHECK (dimensions BETWEEN 1 AND 3800),
    generation uuid NOT NULL,
    claim uuid,
    epoch integer NOT NULL DEFAULT 0,
    position_xid xid8 NOT NULL DEFAULT '0',
    position_id bigint NOT NULL DEFAULT 0,
    scanning boolean NOT NULL DEFAULT true,
    scanned_organization uuid,
    scanned_document uuid,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (name, version)
) WITH (fillfactor = 50);

-- The vectors of one organization and one model stand on one shelf. A shelf is compared whole while it is small; a
-- large one has an approximate index of its own, in which no other organization's vectors are. What is on a retired
-- shelf is found no more, and is swept.
CREATE TABLE octavo.vector_shelf (
    shelf integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid NOT NULL,
    model integer NOT NULL,
    passages bigint NOT NULL DEFAULT 0,
    is_indexed boolean NOT NULL DEFAULT false,
    is_retired boolean NOT NULL DEFAULT false
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX vector_shelf_of ON octavo.vector_shelf (organization_id, model) WHERE NOT is_retired;
CREATE INDEX vector_shelf_retired ON octavo.vector_shelf (shelf) WHERE is_retired;

CREATE TABLE octavo.vector_document (
    organization_id uuid NOT NULL,
    shelf integer NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    passages integer NOT NULL CHECK (passages >= 1),
    title text,
    PRIMARY KEY (shelf, document_id)
) WITH (fillfactor = 90);

-- What is compared: rows without the text, so that a page holds many of them.
CREATE TABLE octavo.vector_passage (
    organization_id uuid NOT NULL,
    shelf integer NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL CHECK (ordinal >= 0),
    namespace text NOT NULL,
    type text NOT NULL,
    language text,
    author text NOT NULL,
    created_at timestamptz NOT NULL,
    digest bytea NOT NULL,
    embedding public.halfvec NOT NULL,
    PRIMARY KEY (shelf, document_id, ordinal)
);
ALTER TABLE octavo.vector_passage ALTER COLUMN embedding SET STORAGE PLAIN;
CREATE INDEX vector_passage_namespace ON octavo.vector_passage (shelf, namespace);
CREATE INDEX vector_passage_type ON octavo.vector_passage (shelf, type);
CREATE INDEX vector_passage_language ON octavo.vector_passage (shelf, language);
CREATE INDEX vector_passage_author ON octavo.vector_passage (shelf, author);
CREATE INDEX vector_passage_created ON octavo.vector_passage (shelf, created_at);
CREATE INDEX vector_passage_digest ON octavo.vector_passage (shelf, digest);

-- What is shown of a hit.
CREATE TABLE octavo.vector_text (
    organization_id uuid NOT NULL,
    shelf integer NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL,
    start_character integer NOT NULL CHECK (start_character >= 0),
    end_character integer NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (shelf, document_id, ordinal),
    CHECK (end_character >= start_character)
);

-- Documents the embedder or the engine could not take; what was held of them is gone.
CREATE TABLE octavo.vector_parked (
    organization_id uuid NOT NULL,
    model integer NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, model, document_id)
);

-- An index belongs to its table's owner, so these are run with the owner's rights. They take numbers only.
CREATE FUNCTION octavo.index_vectors(shelf integer, dimensions integer) RETURNS void
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE INDEX IF NOT EXISTS vector_passage_nearest_%1$s ON octavo.vector_passage
                    USING hnsw ((embedding::public.halfvec(%2$s)) public.halfvec_cosine_ops) WHERE shelf = %1$s',
                   shelf, dimensions);
END
$$;

-- Drops the approximate indexes of all shelves but these.
CREATE FUNCTION octavo.drop_vector_indexes(kept integer []) RETURNS integer
    LANGUAGE plpgsql VOLATILE STRICT SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
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
$$;
REVOKE ALL ON FUNCTION octavo.index_vectors(integer, integer), octavo.drop_vector_indexes(integer []) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION octavo.index_vectors(integer, integer), octavo.drop_vector_indexes(integer [])
    TO octavo_system;

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['vector_shelf', 'vector_document', 'vector_passage', 'vector_text', 'vector_parked']
    LOOP
        EXECUTE format('ALTER TABLE octavo.%I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('ALTER TABLE octavo.%I FORCE ROW LEVEL SECURITY', relation);
        EXECUTE format('CREATE POLICY organization ON octavo.%I TO octavo_app
                        USING (organization_id = nullif(current_setting(''octavo.organization'', true), '''')::uuid)',
                       relation);
        EXECUTE format('CREATE POLICY system ON octavo.%I TO octavo_system USING (true)', relation);
        EXECUTE format('GRANT SELECT ON octavo.%I TO octavo_backup, octavo_app', relation);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON octavo.%I TO octavo_system', relation);
    END LOOP;
END
$$;
GRANT SELECT ON octavo.vector_model TO octavo_backup;
GRANT SELECT (model, name, version, dimensions, generation, epoch, position_xid, position_id, scanning)
    ON octavo.vector_model TO octavo_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.vector_model TO octavo_system;
GRANT SELECT ON SEQUENCE octavo.vector_model_model_seq, octavo.vector_shelf_shelf_seq TO octavo_backup;
