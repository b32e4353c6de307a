-- phase: expand
-- Keyword search: passages with their words, what is shown of them, and the engine's own cursor.
SET LOCAL ROLE octavo_owner;

-- A statement with a parameter of this type is planned once a connection: PostgreSQL would plan a search anew each
-- time, which costs as much as the search, because it believes in the plan it makes for known values. And words
-- resemble each other when half of their trigrams agree: inflected ones of four letters do. As with
-- octavo.organization, the domain is checked while the parameter is received, before a plan is chosen.
CREATE DOMAIN octavo.search_limit AS integer CHECK (
    set_config('plan_cache_mode', 'force_generic_plan', true) IS NOT NULL
    AND set_config('pg_trgm.word_similarity_threshold', '0.5', true) IS NOT NULL
);

-- tsquery has operators for "or" and "and" but no aggregates: a query is made of one part a language.
CREATE AGGREGATE octavo.any_of(tsquery) (SFUNC = tsquery_or, STYPE = tsquery, PARALLEL = SAFE);
CREATE AGGREGATE octavo.all_of(tsquery) (SFUNC = tsquery_and, STYPE = tsquery, PARALLEL = SAFE);

-- A phrase as "all its words": what the index can answer alone, without reading the passage.
CREATE FUNCTION octavo.loosened(query tsquery) RETURNS tsquery
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN regexp_replace(query::text, ' <(-|\d+)> ', ' & ', 'g')::tsquery;

-- Where the engine stands. The cursor commits with its effect; the generation tells one filling of the
-- tables below from another, so that a cursor is never believed of an engine that was emptied.
CREATE TABLE octavo.search_engine (
    singleton boolean PRIMARY KEY DEFAULT true CHECK (singleton),
    generation uuid NOT NULL,
    epoch integer NOT NULL,
    position_xid xid8 NOT NULL,
    position_id bigint NOT NULL,
    scanning boolean NOT NULL,
    scanned_organization uuid,
    scanned_document uuid,
    moved_at timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);
INSERT INTO octavo.search_engine (generation, epoch, position_xid, position_id, scanning)
VALUES (gen_random_uuid(), 0, '0', 0, true);

-- What is searched: small rows, since ranking reads hundreds of them. A row over 2 kB would be compressed
-- and cost ten times as much to rank, so long word lists stay as they are up to half a page.
CREATE TABLE octavo.search_passage (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL CHECK (ordinal >= 0),
    passages integer NOT NULL CHECK (passages >= 1),
    segment integer NOT NULL,
    namespace text NOT NULL,
    type text NOT NULL,
    version integer NOT NULL CHECK (version >= 1),
    words tsvector NOT NULL,
    titles tsvector,
    trigram_text text,
    PRIMARY KEY (document_id, organization_id, ordinal)
) WITH (toast_tuple_target = 4080);
ALTER TABLE octavo.search_passage ALTER COLUMN words SET STORAGE MAIN;
CREATE INDEX search_passage_words ON octavo.search_passage USING gin (segment, words);
CREATE INDEX search_passage_titles ON octavo.search_passage USING gin (segment, titles)
    WHERE titles IS NOT NULL;
CREATE INDEX search_passage_trigrams ON octavo.search_passage USING gin (segment, trigram_text gin_trgm_ops)
    WHERE trigram_text IS NOT NULL;

-- New words wait in the indexes' pending lists, and every look at a segment reads these lists: so they are worked in
-- after each batch, by the owner, whom PostgreSQL requires.
CREATE FUNCTION octavo.settle_search() RETURNS bigint
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
    SELECT gin_clean_pending_list('octavo.search_passage_words')
        + gin_clean_pending_list('octavo.search_passage_titles')
        + gin_clean_pending_list('octavo.search_passage_trigrams')
$$;
REVOKE ALL ON FUNCTION octavo.settle_search() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION octavo.settle_search() TO octavo_system;

-- What is shown of a hit: read for the returned page only.
CREATE TABLE octavo.search_text (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    ordinal integer NOT NULL,
    configuration text NOT NULL,
    title text,
    description text,
    start_character integer NOT NULL CHECK (start_character >= 0),
    end_character integer NOT NULL,
    text text NOT NULL,
    PRIMARY KEY (organization_id, document_id, ordinal),
    CHECK (end_character >= start_character)
);

-- The text configurations an organization's documents need, so that a query is run with these and no others.
CREATE TABLE octavo.search_configuration (
    organization_id uuid NOT NULL,
    configuration text NOT NULL,
    has_trigrams boolean NOT NULL,
    PRIMARY KEY (organization_id, configuration)
);

-- Passages are indexed in segments of one organization each, filled one after the other: a query reads the newest
-- first and stops when it has enough, so a common word costs the same in a small and in a large organization.
-- Documents of several passages have segments of their own: only there words of one document may stand apart.
CREATE SEQUENCE octavo.search_segment_number AS integer;
CREATE TABLE octavo.search_segment (
    organization_id uuid NOT NULL,
    segment integer NOT NULL DEFAULT nextval('octavo.search_segment_number'),
    is_long boolean NOT NULL,
    passages integer NOT NULL CHECK (passages >= 0),
    PRIMARY KEY (organization_id, segment)
) WITH (fillfactor = 50);

-- Documents the engine could not take; their old passages are gone, so nothing outdated is found.
CREATE TABLE octavo.search_parked (
    organization_id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    parked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, document_id)
);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['search_passage', 'search_text', 'search_configuration', 'search_segment',
                                    'search_parked']
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
CREATE POLICY lookup ON octavo.search_passage FOR SELECT TO octavo_lookup USING (true);
GRANT SELECT ON octavo.search_passage TO octavo_lookup;
GRANT SELECT ON octavo.search_engine TO octavo_backup;
GRANT SELECT (generation, epoch, position_xid, position_id, scanning) ON octavo.search_engine TO octavo_app;
GRANT SELECT, UPDATE ON octavo.search_engine TO octavo_system;
GRANT USAGE ON SEQUENCE octavo.search_segment_number TO octavo_system;
GRANT SELECT ON SEQUENCE octavo.search_segment_number TO octavo_backup;

-- Candidates for words: a view without security barrier, because @@ and <% are not leakproof and would lose
-- their index under row-level security. Only total expressions may be applied to it.
SET LOCAL ROLE octavo_lookup;
CREATE VIEW octavo.search_lookup AS
    SELECT organization_id, document_id, ordinal, passages, segment, namespace, type, version, words, titles,
           trigram_text
    FROM octavo.search_passage
    WHERE organization_id = nullif(current_setting('octavo.organization', true), '')::uuid;
GRANT SELECT ON octavo.search_lookup TO octavo_app;
