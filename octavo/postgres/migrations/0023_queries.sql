-- phase: expand
-- What people looked for, of those who allowed it: the text, its vector and how much was found, for a while.
SET LOCAL ROLE octavo_owner;

-- Who allowed that their queries are kept, and for how many days.
CREATE TABLE octavo.query_consent (
    organization_id uuid NOT NULL,
    actor text NOT NULL CHECK (length(actor) BETWEEN 1 AND 200),
    actor_kind octavo.actor_kind NOT NULL,
    days integer NOT NULL CHECK (days BETWEEN 1 AND 3650),
    given_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, actor_kind, actor)
);

-- None without consent: it goes with it. The vectors of two models are never compared.
CREATE TABLE octavo.remembered_query (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    actor text NOT NULL,
    actor_kind octavo.actor_kind NOT NULL,
    text text NOT NULL CHECK (length(text) BETWEEN 1 AND 10000),
    mode text NOT NULL CHECK (mode IN ('keyword', 'semantic', 'hybrid')),
    found integer NOT NULL CHECK (found >= 0),
    model_name text,
    model_version text,
    embedding public.halfvec,
    asked_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    CONSTRAINT remembered_query_consent FOREIGN KEY (organization_id, actor_kind, actor)
        REFERENCES octavo.query_consent (organization_id, actor_kind, actor) ON DELETE CASCADE,
    CHECK ((embedding IS NULL) = (model_name IS NULL) AND (embedding IS NULL) = (model_version IS NULL)),
    CHECK (expires_at > asked_at)
);
CREATE INDEX remembered_query_actor ON octavo.remembered_query (organization_id, actor_kind, actor, id);
CREATE INDEX remembered_query_expiry ON octavo.remembered_query (expires_at);

DO $$
DECLARE
    relation text;
BEGIN
    FOREACH relation IN ARRAY ARRAY['query_consent', 'remembered_query']
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
