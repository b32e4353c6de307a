-- phase: expand
-- Runs that died or were cancelled: what they were to find out of their documents is noted as failed, by whoever leads
-- among the workers. Which results were expected, only a process knows that has the components.
SET LOCAL ROLE octavo_owner;

CREATE TABLE octavo.result_due (
    organization_id uuid NOT NULL,
    run_id uuid NOT NULL,
    due_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (organization_id, run_id)
);

ALTER TABLE octavo.result_due ENABLE ROW LEVEL SECURITY;
ALTER TABLE octavo.result_due FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON octavo.result_due TO octavo_app
    USING (organization_id = nullif(current_setting('octavo.organization', true), '')::uuid);
CREATE POLICY system ON octavo.result_due TO octavo_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.result_due TO octavo_app, octavo_system;
GRANT SELECT ON octavo.result_due TO octavo_backup;

-- However a run ended: in the transaction that says so.
CREATE FUNCTION octavo.run_died() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    INSERT INTO octavo.result_due (organization_id, run_id) VALUES (NEW.organization_id, NEW.run_id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
CREATE TRIGGER run_died AFTER INSERT ON octavo.run_dead FOR EACH ROW EXECUTE FUNCTION octavo.run_died();

CREATE FUNCTION octavo.run_cancelled() RETURNS trigger
    LANGUAGE plpgsql VOLATILE
AS $$
BEGIN
    INSERT INTO octavo.result_due (organization_id, run_id) VALUES (NEW.organization_id, NEW.id)
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
-- Those that completed, nearly all of them, call nothing.
CREATE TRIGGER run_cancelled AFTER INSERT ON octavo.run_history
    FOR EACH ROW WHEN (NEW.state = 'cancelled' AND NEW.document_id IS NOT NULL)
    EXECUTE FUNCTION octavo.run_cancelled();
