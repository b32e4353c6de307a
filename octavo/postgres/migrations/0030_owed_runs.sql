-- phase: expand
-- What triggers owe: a change whose run the quota of the day did not allow is noted in its own transaction, and its run
-- is started when there is room again. The change itself is never refused.
SET LOCAL ROLE octavo_owner;

-- One a document and trigger: what is owed is a run about the newest version, not one about each.
CREATE TABLE octavo.run_owed (
    organization_id uuid NOT NULL,
    trigger text COLLATE "C" NOT NULL,
    document_id uuid NOT NULL,
    trigger_depth smallint NOT NULL,
    owed_at timestamptz NOT NULL,
    PRIMARY KEY (organization_id, trigger, document_id)
);
CREATE INDEX run_owed_at ON octavo.run_owed (organization_id, owed_at);

ALTER TABLE octavo.run_owed ENABLE ROW LEVEL SECURITY;
ALTER TABLE octavo.run_owed FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON octavo.run_owed TO octavo_app
    USING (organization_id = nullif(current_setting('octavo.organization', true), '')::uuid);
CREATE POLICY system ON octavo.run_owed TO octavo_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON octavo.run_owed TO octavo_app, octavo_system;
GRANT SELECT ON octavo.run_owed TO octavo_backup;

-- Note that a trigger owes a run about a document, whose head the caller holds.
CREATE FUNCTION octavo.owe_run(watching octavo.run_trigger, head octavo.document, depth integer) RETURNS void
    LANGUAGE sql VOLATILE
AS $$
    INSERT INTO octavo.run_owed AS known (organization_id, trigger, document_id, trigger_depth, owed_at)
    VALUES (head.organization_id, watching.name, head.id, depth, clock_timestamp())
    ON CONFLICT (organization_id, trigger, document_id) DO UPDATE SET
        trigger_depth = greatest(known.trigger_depth, excluded.trigger_depth), owed_at = excluded.owed_at
$$;

-- As before, but that a run which the quota does not allow is owed.
CREATE OR REPLACE FUNCTION octavo.start_runs_of(head octavo.document, arrived boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE SET enable_seqscan = off
AS $$
DECLARE
    watching octavo.run_trigger;
    change record;
    writer record;
    pinned octavo.pinned_pipeline;
    depth integer;
BEGIN
    SELECT fact.session_id, fact.correlation_id, fact.causation_id INTO change
    FROM octavo.event AS fact
    WHERE fact.organization_id = head.organization_id AND fact.recorded_at = head.updated_at
        AND fact.position_xid = head.position_xid AND fact.id = head.position_id;
    SELECT run.pipeline, run.trigger_depth INTO writer
    FROM octavo.causing_run(head.organization_id, change.causation_id) AS run;
    depth := coalesce(writer.trigger_depth, 0) + 1;
    FOR watching IN
        SELECT * FROM octavo.run_trigger AS known
        WHERE known.organization_id = head.organization_id AND known.type = head.type
            AND known.namespace = head.namespace AND NOT known.is_paused
            AND CASE WHEN arrived THEN known.on_created ELSE known.on_updated END
            AND (known.recursive OR known.pipeline IS DISTINCT FROM writer.pipeline)
        ORDER BY known.name
    LOOP
        CONTINUE WHEN NOT octavo.trigger_holds(watching, head);
        pinned := octavo.pinned_by(watching);
        CASE
            WHEN depth > watching.max_depth THEN
                PERFORM octavo.stop_trigger(watching, head, 'depth', depth);
            WHEN pinned.id IS NULL THEN
                PERFORM octavo.stop_trigger(watching, head, 'pipeline', depth);
            WHEN octavo.redirect_run(watching, head, depth, pinned) THEN
                CONTINUE;
            WHEN NOT octavo.may_start(head.organization_id) THEN
                PERFORM octavo.stop_trigger(watching, head, 'quota', depth);
                PERFORM octavo.owe_run(watching, head, depth);
            ELSE
                PERFORM octavo.insert_triggered(
                    watching, head, depth, pinned, change.session_id, change.correlation_id
                );
        END CASE;
    END LOOP;
END
$$;

-- Whether what is owed is still to be done: the document is there, its trigger wants it as it is now, and has started
-- no run about it meanwhile.
CREATE FUNCTION octavo.is_owed(owed octavo.run_owed, watching octavo.run_trigger, head octavo.document) RETURNS boolean
    LANGUAGE plpgsql STABLE
AS $$
BEGIN
    IF head.id IS NULL OR watching.name IS NULL OR head.deleted_at IS NOT NULL
        OR watching.type <> head.type OR watching.namespace <> head.namespace THEN
        RETURN false;
    END IF;
    RETURN octavo.trigger_holds(watching, head)
        AND NOT EXISTS (
            SELECT FROM octavo.run AS run
            WHERE run.organization_id = head.organization_id AND run.document_id = head.id
                AND run.trigger = watching.name
                AND (run.document_version = head.version OR run.created_at >= owed.owed_at)
        )
        AND NOT EXISTS (
            SELECT FROM octavo.run_history AS ended
            WHERE ended.organization_id = head.organization_id AND ended.document_id = head.id
                AND ended.trigger = watching.name AND ended.ended_at >= owed.owed_at
                AND (ended.document_version = head.version OR ended.created_at >= owed.owed_at)
        );
END
$$;

-- Start the runs an organization is owed, those owed longest first, about the documents as they are now; until the quota
-- of the day is full again. Documents that somebody holds are left for the next time.
CREATE FUNCTION octavo.start_owed(
    organization uuid, at_most integer, OUT started integer, OUT settled integer, OUT is_refused boolean
) RETURNS record
    LANGUAGE plpgsql VOLATILE SET enable_seqscan = off
AS $$
DECLARE
    owed octavo.run_owed;
    watching octavo.run_trigger;
    head octavo.document;
    change record;
    pinned octavo.pinned_pipeline;
BEGIN
    started := 0;
    settled := 0;
    is_refused := false;
    FOR owed IN
        SELECT page.*
        FROM (
            SELECT debt.*
            FROM octavo.run_owed AS debt
            LEFT JOIN octavo.run_trigger AS known
                ON known.organization_id = debt.organization_id AND known.name = debt.trigger
            WHERE debt.organization_id = organization AND known.is_paused IS NOT TRUE
            ORDER BY debt.owed_at
            LIMIT at_most
        ) AS page
        -- Heads are locked in the order of their ids, as everywhere.
        ORDER BY page.document_id, page.trigger
    LOOP
        SELECT stored.* INTO head FROM octavo.document AS stored
        WHERE stored.organization_id = organization AND stored.id = owed.document_id
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND AND EXISTS (
            SELECT FROM octavo.document AS held WHERE held.organization_id = organization AND held.id = owed.document_id
        );
        SELECT known.* INTO watching FROM octavo.run_trigger AS known
        WHERE known.organization_id = organization AND known.name = owed.trigger AND NOT known.is_paused;
        IF octavo.is_owed(owed, watching, head) THEN
            pinned := octavo.pinned_by(watching);
            IF pinned.id IS NULL THEN
                PERFORM octavo.stop_trigger(watching, head, 'pipeline', owed.trigger_depth);
            ELSIF NOT octavo.redirect_run(watching, head, owed.trigger_depth, pinned) THEN
                IF NOT octavo.may_start(organization) THEN
                    is_refused := true;
                    RETURN;
                END IF;
                SELECT fact.session_id, fact.correlation_id INTO change
                FROM octavo.event AS fact
                WHERE fact.organization_id = organization AND fact.recorded_at = head.updated_at
                    AND fact.document_id = head.id AND fact.version = head.version
                LIMIT 1;
                PERFORM octavo.insert_triggered(
                    watching, head, owed.trigger_depth, pinned, change.session_id, change.correlation_id
                );
                started := started + 1;
            END IF;
        END IF;
        DELETE FROM octavo.run_owed AS paid
        WHERE paid.organization_id = organization AND paid.trigger = owed.trigger AND paid.document_id = owed.document_id;
        settled := settled + 1;
    END LOOP;
END
$$;
