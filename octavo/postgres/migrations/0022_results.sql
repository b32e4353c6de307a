-- phase: expand
-- Results: what processing gave of one version of a document. Models: documents of the type octavo.model, whose
-- versions have a stage, artifacts, and environments in which they serve.
SET LOCAL ROLE octavo_owner;

-- Domains, not enums: the comparison of enums is not leakproof, so under row-level security no index would serve it.
CREATE DOMAIN octavo.processing_type AS text CHECK (value IN (
    'classification', 'sentiment', 'topic_modeling', 'summarization', 'entity_extraction', 'keyword_extraction',
    'embedding'
));
CREATE DOMAIN octavo.model_stage AS text
    CHECK (value IN ('training', 'validation', 'deployed', 'deprecated', 'failed'));

CREATE TABLE octavo.result (
    organization_id uuid NOT NULL,
    -- Made anew when the result is: ids order results by when they were stored.
    id uuid NOT NULL,
    document_id uuid NOT NULL,
    version integer NOT NULL,
    -- The last version it tells of: a run that writes into its document makes a version that its result still fits.
    fits_version integer NOT NULL CHECK (fits_version >= version),
    type octavo.processing_type NOT NULL,
    model text NOT NULL CHECK (length(model) BETWEEN 1 AND 500),
    model_version text NOT NULL CHECK (length(model_version) BETWEEN 1 AND 100),
    options jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(options) = 'object'),
    options_key uuid NOT NULL GENERATED ALWAYS AS (md5(options::text)::uuid) STORED,
    status octavo.run_state NOT NULL CHECK (status IN ('completed', 'failed')),
    value jsonb CHECK (jsonb_typeof(value) = 'object'),
    error jsonb CHECK (jsonb_typeof(error) = 'object'),
    -- What is asked most, in types whose comparison an index can serve under row-level security.
    label text GENERATED ALWAYS AS (left(
        coalesce(value ->> 'predicted_category', value ->> 'sentiment', value ->> 'dominant_topic'), 500
    )) STORED,
    score double precision GENERATED ALWAYS AS (CASE
        WHEN jsonb_typeof(coalesce(value -> 'confidence', value -> 'dominant_topic_score', value -> 'ratio')) = 'number'
            THEN coalesce(value -> 'confidence', value -> 'dominant_topic_score', value -> 'ratio')::double precision
    END) STORED,
    metrics jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metrics) = 'object'),
    run_id uuid,
    step text CHECK (length(step) BETWEEN 1 AND 100),
    component text CHECK (length(component) BETWEEN 1 AND 100),
    started_at timestamptz NOT NULL,
    ended_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    PRIMARY KEY (organization_id, document_id, version, type, model, model_version, options_key),
    -- With its version goes what was made of it.
    CONSTRAINT result_of_version FOREIGN KEY (organization_id, document_id, version)
        REFERENCES octavo.version (organization_id, document_id, number) ON DELETE CASCADE,
    CHECK ((status = 'completed') = (value IS NOT NULL)),
    CHECK ((status = 'failed') = (error IS NOT NULL)),
    CHECK (ended_at >= started_at),
    CHECK ((run_id IS NULL) = (step IS NULL))
);
CREATE UNIQUE INDEX result_id ON octavo.result (organization_id, id);
CREATE INDEX result_of_type ON octavo.result (organization_id, type, id);
CREATE INDEX result_of_model ON octavo.result (organization_id, model, model_version, id);
CREATE INDEX result_label ON octavo.result (organization_id, type, label, id) INCLUDE (score) WHERE label IS NOT NULL;
CREATE INDEX result_failed ON octavo.result (organization_id, type, id) WHERE status = 'failed';

-- A version is deployed as long as it serves somewhere. The stage before is kept, so that the table itself refuses
-- a stage that does not follow it.
CREATE TABLE octavo.model_version (
    organization_id uuid NOT NULL,
    model_id uuid NOT NULL,
    version integer NOT NULL,
    type octavo.processing_type NOT NULL,
    stage octavo.model_stage NOT NULL,
    previous_stage octavo.model_stage,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    deployed_at timestamptz,
    deprecated_at timestamptz,
    PRIMARY KEY (organization_id, model_id, version),
    CONSTRAINT model_version_stage UNIQUE (organization_id, model_id, version, stage),
    CONSTRAINT model_of_version FOREIGN KEY (organization_id, model_id, version)
        REFERENCES octavo.version (organization_id, document_id, number) ON DELETE CASCADE,
    CONSTRAINT model_begins CHECK (previous_stage IS NOT NULL OR stage IN ('training', 'validation')),
    CONSTRAINT model_stage_follows CHECK (previous_stage IS NULL OR previous_stage || ' to ' || stage IN (
        'training to validation', 'training to failed',
        'validation to deployed', 'validation to deprecated', 'validation to failed',
        'deployed to validation', 'deprecated to validation'
    )),
    CHECK (stage <> 'deployed' OR deployed_at IS NOT NULL),
    CHECK ((stage = 'deprecated') = (deprecated_at IS NOT NULL))
);
CREATE INDEX model_version_type ON octavo.model_version (organization_id, type, stage);
CREATE INDEX model_version_deployed ON octavo.model_version (organization_id, stage, deployed_at);

-- Files of a model's version, in the blob store by their digest.
CREATE TABLE octavo.model_artifact (
    organization_id uuid NOT NULL,
    model_id uuid NOT NULL,
    version integer NOT NULL,
    name text NOT NULL CHECK (name ~ '^[a-z][a-z0-9_.-]{0,62}$'),
    sha256 bytea NOT NULL CHECK (octet_length(sha256) = 32),
    blob text NOT NULL CHECK (length(blob) BETWEEN 1 AND 1000),
    bytes bigint NOT NULL CHECK (bytes >= 0),
    PRIMARY KEY (organization_id, model_id, version, name),
    FOREIGN KEY (organization_id, model_id, version)
        REFERENCES octavo.model_version (organization_id, model_id, version) ON DELETE CASCADE
);
CREATE INDEX model_artifact_sha256 ON octavo.model_artifact (organization_id, sha256);

-- Which version serves in an environment: at most one, and only one that is deployed.
CREATE TABLE octavo.model_deployment (
    organization_id uuid NOT NULL,
    model_id uuid NOT NULL,
    environment text NOT NULL CHECK (environment ~ '^[a-z][a-z0-9_-]{0,62}$'),
    version integer NOT NULL,
    stage octavo.model_stage NOT NULL DEFAULT 'deployed' CHECK (stage = 'deployed'),
    previous_version integer,
    deployed_at timestamptz NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    checked_at timestamptz,
    is_healthy boolean,
    health text CHECK (length(health) <= 500),
    PRIMARY KEY (organization_id, model_id, environment),
    CONSTRAINT serves_deployed FOREIGN KEY (organization_id, model_id, version, stage)
        REFERENCES octavo.model_version (organization_id, model_id, version, stage) ON DELETE CASCADE,
    CHECK ((checked_at IS NULL) = (is_healthy IS NULL))
);
CREATE INDEX model_deployment_version ON octavo.model_deployment (organization_id, model_id, version, stage);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['result', 'model_version', 'model_artifact', 'model_deployment']
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
