-- phase: expand
-- Words that an organization takes for the same: sets, in which each word stands for every other.
SET LOCAL ROLE octavo_owner;

CREATE TABLE octavo.synonyms (
    organization_id uuid NOT NULL,
    id uuid NOT NULL,
    -- BCP 47; empty: of every language.
    language text NOT NULL CHECK (length(language) <= 35),
    -- In lower case, single spaces between the words of a phrase.
    words text [] NOT NULL CHECK (cardinality(words) BETWEEN 2 AND 20) CHECK (array_position(words, NULL) IS NULL),
    created_at timestamptz NOT NULL,
    created_by text NOT NULL CHECK (length(created_by) BETWEEN 1 AND 200),
    created_by_kind octavo.actor_kind NOT NULL,
    PRIMARY KEY (organization_id, id)
);

ALTER TABLE octavo.synonyms ENABLE ROW LEVEL SECURITY;
ALTER TABLE octavo.synonyms FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON octavo.synonyms TO octavo_app
    USING (organization_id = nullif(current_setting('octavo.organization', true), '')::uuid);
CREATE POLICY system ON octavo.synonyms TO octavo_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.synonyms TO octavo_app, octavo_system;
GRANT SELECT ON octavo.synonyms TO octavo_backup;
