-- Many links at once, in one transaction: `lock_ends`, then `make_types`, then `put_links`, which therefore sees
-- everything that was committed before the locks were had.

-- name: lock_ends
-- $2 ids. Locked in the order in which put_documents and bulk changes lock theirs.
SELECT locked.id, locked.deleted_at IS NULL AS is_live
FROM octavo.document AS locked
WHERE locked.organization_id = $1::octavo.organization AND locked.id = ANY($2::uuid []) AND locked.purged_at IS NULL
ORDER BY locked.namespace, locked.type, locked.name, locked.id
FOR NO KEY UPDATE

-- name: make_types
-- $2 names, $3 actor, $4 its kind. Types that are new, with a direction.
INSERT INTO octavo.link_type (organization_id, name, is_symmetric, created_at, created_by, created_by_kind)
SELECT $1::octavo.organization, wanted.name, false, clock_timestamp(), $3, $4::octavo.actor_kind
FROM unnest($2::text []) AS wanted (name)
WHERE NOT EXISTS (
    SELECT
    FROM octavo.link_type AS known
    WHERE known.organization_id = $1::octavo.organization AND known.name = wanted.name
)
ORDER BY wanted.name
ON CONFLICT DO NOTHING

-- name: put_links
-- $2 to $6 actor, its kind, session, correlation and causation; $7 sources, $8 types, $9 targets, $10 confidences or
-- nulls, $11 metadata or nulls to keep, in the same order. `places` says which of them a row answers: of the same link
-- given twice the last one counts. A row that is not changed was there and equal.
WITH wanted AS MATERIALIZED (
    SELECT
        ends.source_id, ends.target_id, kind.name AS type, kind.is_symmetric,
        array_agg(item.place ORDER BY item.place) AS places,
        (array_agg(item.confidence ORDER BY item.place DESC))[1] AS confidence,
        (array_agg(item.metadata ORDER BY item.place DESC))[1] AS metadata
    FROM unnest($7::uuid [], $8::text [], $9::uuid [], $10::double precision [], $11::jsonb [])
        WITH ORDINALITY AS item (source_id, type, target_id, confidence, metadata, place)
    INNER JOIN octavo.link_type AS kind
        ON kind.organization_id = $1::octavo.organization AND kind.name = item.type
    CROSS JOIN LATERAL (
        SELECT
            CASE WHEN kind.is_symmetric THEN least(item.source_id, item.target_id) ELSE item.source_id END AS source_id,
            CASE WHEN kind.is_symmetric THEN greatest(item.source_id, item.target_id) ELSE item.target_id END
                AS target_id
    ) AS ends
    GROUP BY ends.source_id, ends.target_id, kind.name, kind.is_symmetric
),
due AS MATERIALIZED (
    SELECT
        wanted.*,
        row_number() OVER (PARTITION BY wanted.source_id ORDER BY wanted.type, wanted.target_id) AS nth,
        stored.source_id IS NULL AS is_new,
        coalesce(wanted.metadata, stored.metadata, '{}') AS kept_metadata
    FROM wanted
    LEFT JOIN octavo.link AS stored
        ON
            stored.organization_id = $1::octavo.organization
            AND stored.source_id = wanted.source_id
            AND stored.type = wanted.type
            AND stored.target_id = wanted.target_id
    WHERE
        stored.source_id IS NULL
        OR (stored.confidence, stored.metadata)
        IS DISTINCT FROM (wanted.confidence, coalesce(wanted.metadata, stored.metadata))
),
changed AS (
    INSERT INTO octavo.link AS stored (
        organization_id, source_id, target_id, type, is_symmetric, confidence, metadata,
        created_at, created_by, created_by_kind, updated_at, session_id
    )
    SELECT
        $1::octavo.organization, due.source_id, due.target_id, due.type, due.is_symmetric, due.confidence,
        due.kept_metadata, now.moment, $2, $3::octavo.actor_kind, now.moment, $4
    FROM due, (SELECT clock_timestamp() AS moment) AS now
    ON CONFLICT (organization_id, source_id, type, target_id) DO UPDATE SET
        confidence = excluded.confidence,
        metadata = excluded.metadata,
        updated_at = excluded.updated_at,
        session_id = excluded.session_id
    RETURNING stored.*
),
drawn AS MATERIALIZED (
    SELECT in_order.*, nextval('octavo.event_position') AS position_id
    FROM (SELECT * FROM due ORDER BY due.source_id, due.nth) AS in_order
),
head AS (
    UPDATE octavo.document AS stored
    SET
        event_sequence = stored.event_sequence + added.events,
        epoch = epoch.number,
        position_xid = CASE
            WHEN stored.epoch = epoch.number THEN greatest(stored.position_xid, pg_current_xact_id())
            ELSE pg_current_xact_id()
        END,
        position_id = added.last
    FROM
        (SELECT source_id, count(*) AS events, max(position_id) AS last FROM drawn GROUP BY source_id) AS added,
        (SELECT max(number) AS number FROM octavo.epoch) AS epoch
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = added.source_id
    RETURNING
        stored.id, stored.version, stored.epoch, stored.position_xid, stored.event_sequence - added.events AS before
),
recorded_event AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        clock_timestamp(), head.epoch, head.position_xid, drawn.position_id, $1::octavo.organization,
        'document-' || head.id, head.before + drawn.nth,
        CASE WHEN drawn.is_new THEN 'link.created' ELSE 'link.updated' END, head.id, head.version,
        jsonb_strip_nulls(jsonb_build_object(
            'link', drawn.type, 'target', drawn.target_id, 'confidence', drawn.confidence
        )),
        $2, $3::octavo.actor_kind, $4, $5, $6
    FROM drawn
    INNER JOIN head ON head.id = drawn.source_id
)
SELECT
    wanted.places, true AS changed, changed.source_id, changed.type, changed.target_id, changed.is_symmetric,
    changed.confidence, changed.metadata, changed.created_at, changed.created_by, changed.created_by_kind,
    changed.updated_at, head.epoch, head.position_xid, drawn.position_id
FROM wanted
INNER JOIN changed USING (source_id, type, target_id)
INNER JOIN drawn USING (source_id, type, target_id)
INNER JOIN head ON head.id = wanted.source_id
UNION ALL
SELECT
    wanted.places, false AS changed, stored.source_id, stored.type, stored.target_id, stored.is_symmetric,
    stored.confidence, stored.metadata, stored.created_at, stored.created_by, stored.created_by_kind,
    stored.updated_at, source.epoch, source.position_xid, source.position_id
FROM wanted
INNER JOIN octavo.link AS stored
    ON
        stored.organization_id = $1::octavo.organization
        AND stored.source_id = wanted.source_id
        AND stored.type = wanted.type
        AND stored.target_id = wanted.target_id
INNER JOIN octavo.document AS source
    ON source.organization_id = $1::octavo.organization AND source.id = wanted.source_id
WHERE NOT EXISTS (
    SELECT FROM due
    WHERE due.source_id = wanted.source_id AND due.type = wanted.type AND due.target_id = wanted.target_id
)
