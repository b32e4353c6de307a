-- Labels of documents and the labels of an organization. Parameters of a change: $1 organization, $2 actor, $3 its
-- kind, $4 session, $5 correlation, $6 causation. A change of a document gives `fact` (what happened to which
-- document, its head locked) and includes `append_facts`.

-- fragment: append_facts
head AS (
    UPDATE octavo.document AS stored
    SET
        event_sequence = stored.event_sequence + 1,
        epoch = epoch.number,
        position_xid = CASE
            WHEN stored.epoch = epoch.number THEN greatest(stored.position_xid, pg_current_xact_id())
            ELSE pg_current_xact_id()
        END,
        position_id = nextval('octavo.event_position')
    FROM fact, (SELECT max(number) AS number FROM octavo.epoch) AS epoch
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = fact.document_id
    RETURNING stored.*
),
recorded_event AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        clock_timestamp(), head.epoch, head.position_xid, head.position_id, head.organization_id,
        'document-' || head.id, head.event_sequence, fact.type, head.id, head.version,
        jsonb_strip_nulls(fact.data), $2, $3::octavo.actor_kind, $4, $5, $6
    FROM head
    INNER JOIN fact ON fact.document_id = head.id
)

-- name: assign_label
-- $7 document, $8 label, $9 confidence or null, $10 id of the label if it is new, $11 other labels at most. A label
-- that is assigned so already stays, and nothing happens. `assigned_at` is null when another writer was faster
-- than this statement's snapshot: the next one sees it.
WITH locked AS MATERIALIZED (
    SELECT head.id FROM octavo.lock_document($1::octavo.organization, $7) AS head WHERE NOT head.deleted
),
known AS MATERIALIZED (
    SELECT label.id, label.name
    FROM octavo.label
    WHERE label.organization_id = $1::octavo.organization AND label.key = octavo.label_key($8)
),
admitted AS MATERIALIZED (
    SELECT
        locked.id,
        octavo.count_other_labels($1::octavo.organization, locked.id, (SELECT known.id FROM known)) < $11 AS has_room
    FROM locked
),
made AS (
    INSERT INTO octavo.label (organization_id, id, name, created_at, created_by, created_by_kind)
    SELECT $1::octavo.organization, $10, $8, clock_timestamp(), $2, $3::octavo.actor_kind
    FROM admitted
    WHERE admitted.has_room AND NOT EXISTS (SELECT FROM known)
    ON CONFLICT DO NOTHING
    RETURNING id, name
),
target AS MATERIALIZED (
    SELECT known.id, known.name FROM known
    UNION ALL
    SELECT made.id, made.name FROM made
),
assigned AS (
    INSERT INTO octavo.document_label AS stored (
        organization_id, document_id, label_id, confidence, assigned_at, assigned_by, assigned_by_kind, session_id
    )
    SELECT
        $1::octavo.organization, admitted.id, target.id, $9, clock_timestamp(), $2, $3::octavo.actor_kind, $4
    FROM admitted, target
    WHERE admitted.has_room
    ON CONFLICT (organization_id, document_id, label_id) DO UPDATE SET
        confidence = excluded.confidence,
        assigned_at = excluded.assigned_at,
        assigned_by = excluded.assigned_by,
        assigned_by_kind = excluded.assigned_by_kind,
        session_id = excluded.session_id
    WHERE stored.confidence IS DISTINCT FROM excluded.confidence
    RETURNING stored.*
),
fact AS (
    SELECT
        assigned.document_id, 'label.assigned' AS type,
        jsonb_build_object('label', target.name, 'confidence', assigned.confidence) AS data
    FROM assigned, target
),
-- include: append_facts
SELECT
    true AS changed, true AS has_room, target.name, label.colour, assigned.confidence, assigned.assigned_at,
    assigned.assigned_by, assigned.assigned_by_kind, head.epoch, head.position_xid, head.position_id
FROM assigned
CROSS JOIN target
CROSS JOIN head
LEFT JOIN octavo.label ON label.organization_id = $1::octavo.organization AND label.id = target.id
UNION ALL
SELECT
    false, admitted.has_room, label.name, label.colour, stored.confidence, stored.assigned_at,
    stored.assigned_by, stored.assigned_by_kind, head.epoch, head.position_xid, head.position_id
FROM admitted
INNER JOIN octavo.document AS head ON head.organization_id = $1::octavo.organization AND head.id = admitted.id
LEFT JOIN known ON true
LEFT JOIN octavo.label ON label.organization_id = $1::octavo.organization AND label.id = known.id
LEFT JOIN octavo.document_label AS stored
    ON
        stored.organization_id = $1::octavo.organization
        AND stored.document_id = admitted.id
        AND stored.label_id = known.id
WHERE NOT EXISTS (SELECT FROM assigned)

-- name: remove_label
-- $7 document, $8 label.
WITH locked AS MATERIALIZED (
    SELECT head.id FROM octavo.lock_document($1::octavo.organization, $7) AS head WHERE NOT head.deleted
),
target AS MATERIALIZED (
    SELECT label.id, label.name
    FROM octavo.label
    WHERE label.organization_id = $1::octavo.organization AND label.key = octavo.label_key($8)
),
removed AS (
    DELETE FROM octavo.document_label
    WHERE
        organization_id = $1::octavo.organization
        AND document_id = (SELECT locked.id FROM locked)
        AND label_id = (SELECT target.id FROM target)
    RETURNING document_id
),
fact AS (
    SELECT removed.document_id, 'label.removed' AS type, jsonb_build_object('label', target.name) AS data
    FROM removed, target
),
-- include: append_facts
SELECT head.epoch, head.position_xid, head.position_id FROM head

-- name: remove_label_from_some
-- $7 label, $8 documents at most: from deleted ones too, by id, since their heads are locked in that order.
WITH target AS MATERIALIZED (
    SELECT label.id, label.name
    FROM octavo.label
    WHERE label.organization_id = $1::octavo.organization AND label.key = octavo.label_key($7)
),
wanted AS MATERIALIZED (
    SELECT stored.document_id
    FROM octavo.document_label AS stored
    WHERE stored.organization_id = $1::octavo.organization AND stored.label_id = (SELECT target.id FROM target)
    ORDER BY stored.document_id
    LIMIT $8
),
locked AS MATERIALIZED (
    SELECT head.id
    FROM wanted
    CROSS JOIN LATERAL octavo.lock_document($1::octavo.organization, wanted.document_id) AS head
),
removed AS (
    DELETE FROM octavo.document_label
    WHERE
        organization_id = $1::octavo.organization
        AND document_id = ANY(ARRAY(SELECT locked.id FROM locked))
        AND label_id = (SELECT target.id FROM target)
    RETURNING document_id
),
fact AS (
    SELECT removed.document_id, 'label.removed' AS type, jsonb_build_object('label', target.name) AS data
    FROM removed, target
),
-- include: append_facts
SELECT count(*) AS removed FROM head

-- name: labels_of_document
-- $2 document; of a deleted one there are none.
SELECT
    false AS changed, label.name, label.colour, stored.confidence, stored.assigned_at, stored.assigned_by,
    stored.assigned_by_kind,
    head.epoch, head.position_xid, head.position_id
FROM octavo.document AS head
INNER JOIN octavo.document_label AS stored
    ON stored.organization_id = $1::octavo.organization AND stored.document_id = head.id
INNER JOIN octavo.label
    ON label.organization_id = $1::octavo.organization AND label.id = stored.label_id
WHERE head.organization_id = $1::octavo.organization AND head.id = $2 AND head.deleted_at IS NULL
ORDER BY label.key

-- name: define_label
-- $2 actor, $3 its kind, $4 id if it is new, $5 name, $6 colour and $7 description, or null to keep.
INSERT INTO octavo.label AS known (
    organization_id, id, name, colour, description, created_at, created_by, created_by_kind
)
SELECT profile.id, $4, $5, $6, $7, clock_timestamp(), $2, $3::octavo.actor_kind
FROM octavo.organization_profile AS profile
WHERE profile.id = $1::octavo.organization
ON CONFLICT (organization_id, key) DO UPDATE SET
    colour = coalesce(excluded.colour, known.colour),
    description = coalesce(excluded.description, known.description)
RETURNING name, colour, description, created_at, created_by, created_by_kind

-- name: rename_label
-- $2 label, $3 its new name.
UPDATE octavo.label
SET name = $3
WHERE organization_id = $1::octavo.organization AND key = octavo.label_key($2)
RETURNING name, colour, description, created_at, created_by, created_by_kind

-- name: count_label
-- $2 label. How many documents have it, deleted ones too; no row when there is no such label.
SELECT (
    SELECT count(*)
    FROM octavo.document_label AS stored
    WHERE stored.organization_id = $1::octavo.organization AND stored.label_id = label.id
) AS documents
FROM octavo.label
WHERE label.organization_id = $1::octavo.organization AND label.key = octavo.label_key($2)

-- name: delete_label
-- $2 label, which no document may have any more.
DELETE FROM octavo.label
WHERE
    organization_id = $1::octavo.organization
    AND key = octavo.label_key($2)
    AND NOT EXISTS (
        SELECT FROM octavo.document_label AS stored
        WHERE stored.organization_id = $1::octavo.organization AND stored.label_id = label.id
    )
RETURNING true AS deleted

-- name: list_labels
-- $2 name to begin behind, $3 labels at most.
SELECT name, colour, description, created_at, created_by, created_by_kind
FROM octavo.label
WHERE organization_id = $1::octavo.organization AND key > octavo.label_key($2)
ORDER BY key
LIMIT $3
