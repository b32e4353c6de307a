-- phase: expand
-- Topics: what a collection is about, as named things with words and a vector, found by a model or put by hand.
SET LOCAL ROLE octavo_owner;

-- The topics of one version of one model. Their vectors are of one embedder and one length.
CREATE TABLE octavo.topic_set (
    organization_id uuid NOT NULL,
    model text NOT NULL CHECK (length(model) BETWEEN 1 AND 500),
    model_version text NOT NULL CHECK (length(model_version) BETWEEN 1 AND 100),
    embedder_name text,
    embedder_version text,
    dimensions integer CHECK (dimensions BETWEEN 1 AND 16000),
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    made_by text NOT NULL CHECK (length(made_by) BETWEEN 1 AND 200),
    made_by_kind octavo.actor_kind NOT NULL,
    PRIMARY KEY (organization_id, model, model_version),
    CONSTRAINT topic_set_length UNIQUE (organization_id, model, model_version, dimensions),
    CHECK ((embedder_name IS NULL) = (dimensions IS NULL) AND (embedder_version IS NULL) = (dimensions IS NULL))
);

-- A topic goes with its set. A vector is as long as its set says: so says the second key.
CREATE TABLE octavo.topic (
    organization_id uuid NOT NULL,
    model text NOT NULL,
    model_version text NOT NULL,
    topic_id integer NOT NULL,
    name text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    keywords text [] NOT NULL CHECK (cardinality(keywords) <= 100 AND array_position(keywords, NULL) IS NULL),
    coherence_score double precision CHECK (coherence_score > '-Infinity' AND coherence_score < 'Infinity'),
    dimensions integer,
    embedding public.vector,
    PRIMARY KEY (organization_id, model, model_version, topic_id),
    CONSTRAINT topic_of_set FOREIGN KEY (organization_id, model, model_version)
        REFERENCES octavo.topic_set (organization_id, model, model_version) ON DELETE CASCADE,
    CONSTRAINT topic_length FOREIGN KEY (organization_id, model, model_version, dimensions)
        REFERENCES octavo.topic_set (organization_id, model, model_version, dimensions) ON DELETE CASCADE,
    CHECK ((embedding IS NULL) = (dimensions IS NULL)),
    CONSTRAINT topic_vector CHECK (public.vector_dims(embedding) = dimensions)
);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['topic_set', 'topic']
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
