-- Every change of a document is one statement: head, body, version, filter row and event commit together.
-- Parameters of all: $1 organization, $2 actor, $3 its kind, $4 session, $5 correlation, $6 causation.
-- A statement gives `incoming` (what is wanted, with its hash), then `head` (the rows really changed), and
-- includes `record_change`, which writes what follows from a changed head.

-- fragment: insert_head
    INSERT INTO octavo.document AS stored (
        organization_id, id, namespace, type, name, version, body_hash, metadata,
        created_at, created_by, created_by_kind, updated_at, updated_by, updated_by_kind,
        event_sequence, epoch, position_xid, position_id, schema_version, watched
    )
    SELECT
        organization_id, id, namespace, type, name, 1, hash, coalesce(metadata, '{}'),
        moment, $2, $3::octavo.actor_kind, moment, $2, $3::octavo.actor_kind,
        1, epoch, xid, nextval('octavo.event_position'), schema_version, watched
    FROM incoming
    ORDER BY namespace, type, name, id

-- fragment: set_head_from_excluded
        version = stored.version + 1,
        previous_body_hash = stored.body_hash,
        body_hash = excluded.body_hash,
        -- An equal body of which nobody says the version is of the version it was.
        schema_version = CASE
            WHEN excluded.schema_version = 0 AND stored.body_hash = excluded.body_hash THEN stored.schema_version
            ELSE excluded.schema_version
        END,
        updated_at = greatest(clock_timestamp(), stored.updated_at + interval '1 microsecond'),
        updated_by = excluded.updated_by,
        updated_by_kind = excluded.updated_by_kind,
        event_sequence = stored.event_sequence + 1,
        epoch = excluded.epoch,
        position_xid = CASE
            WHEN stored.epoch = excluded.epoch THEN greatest(stored.position_xid, excluded.position_xid)
            ELSE excluded.position_xid
        END,
        position_id = nextval('octavo.event_position'),
        watched = excluded.watched

-- fragment: update_locked_head
head AS (
    UPDATE octavo.document AS stored
    SET
        version = stored.version + 1,
        previous_body_hash = stored.body_hash,
        body_hash = incoming.hash,
        schema_version = coalesce(incoming.schema_version, stored.schema_version),
        metadata = incoming.metadata,
        updated_at = greatest(incoming.moment, stored.updated_at + interval '1 microsecond'),
        updated_by = $2,
        updated_by_kind = $3::octavo.actor_kind,
        deleted_at = CASE WHEN incoming.change = 'deleted' THEN incoming.moment END,
        expires_at = CASE WHEN incoming.change NOT IN ('deleted', 'restored') THEN stored.expires_at END,
        event_sequence = stored.event_sequence + 1,
        epoch = incoming.epoch,
        position_xid = CASE
            WHEN stored.epoch = incoming.epoch THEN greatest(stored.position_xid, incoming.xid)
            ELSE incoming.xid
        END,
        position_id = nextval('octavo.event_position'),
        watched = stored.type = ANY(incoming.watched_types)
    FROM incoming
    WHERE
        stored.organization_id = $1::octavo.organization
        AND stored.id = incoming.id
        AND (
            incoming.change IN ('deleted', 'restored')
            OR (stored.body_hash, stored.metadata, stored.schema_version)
            IS DISTINCT FROM (
                incoming.hash, incoming.metadata,
                coalesce(nullif(incoming.schema_version, 0), stored.schema_version)
            )
        )
    RETURNING stored.*
)

-- fragment: record_change
recorded_body AS (
    INSERT INTO octavo.body (organization_id, hash, value)
    SELECT head.organization_id, head.body_hash, wanted.body
    FROM head
    INNER JOIN wanted ON wanted.hash = head.body_hash
    WHERE head.body_hash IS DISTINCT FROM head.previous_body_hash
    ORDER BY head.body_hash
    ON CONFLICT DO NOTHING
),
recorded_version AS (
    INSERT INTO octavo.version (
        organization_id, document_id, number, change, source_version, body_hash, metadata,
        created_at, created_by, created_by_kind, session_id, schema_version
    )
    SELECT
        head.organization_id, head.id, head.version,
        CASE WHEN head.version = 1 THEN 'created' ELSE wanted.change END,
        wanted.source_version, head.body_hash, head.metadata,
        head.updated_at, head.updated_by, head.updated_by_kind, $4, head.schema_version
    FROM head
    INNER JOIN wanted ON wanted.hash = head.body_hash
),
recorded_filter AS (
    INSERT INTO octavo.document_filter AS known (
        organization_id, document_id, namespace, type, name,
        created_at, created_by, updated_at, updated_by, version, fields, metadata
    )
    SELECT
        head.organization_id, head.id, head.namespace, head.type, head.name,
        head.created_at, head.created_by, head.updated_at, head.updated_by, head.version,
        octavo.filter_fields(wanted.body), head.metadata
    FROM head
    INNER JOIN wanted ON wanted.hash = head.body_hash
    WHERE head.deleted_at IS NULL
    ON CONFLICT (organization_id, document_id) DO UPDATE SET
        name = excluded.name,
        updated_at = excluded.updated_at,
        updated_by = excluded.updated_by,
        version = excluded.version,
        fields = excluded.fields,
        metadata = excluded.metadata
),
recorded_event AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        head.updated_at, head.epoch, head.position_xid, head.position_id, head.organization_id,
        'document-' || head.id, head.event_sequence,
        'document.' || CASE WHEN head.version = 1 THEN 'created' ELSE wanted.change END,
        head.id, head.version,
        jsonb_strip_nulls(jsonb_build_object(
            'version', head.version,
            'previous', nullif(head.version - 1, 0),
            'source', wanted.source_version,
            'hash', encode(head.body_hash, 'hex'),
            'previousHash', encode(head.previous_body_hash, 'hex'),
            'fields', CASE WHEN head.body_hash IS DISTINCT FROM head.previous_body_hash THEN (
                SELECT octavo.changed_fields(before.value, wanted.body)
                FROM octavo.body AS before
                WHERE
                    before.organization_id = $1::octavo.organization
                    AND before.hash = head.previous_body_hash
                    AND pg_column_size(before.value) < 65536
            ) ELSE '[]' END
        )),
        head.updated_by, head.updated_by_kind, $4, $5, $6
    FROM head
    INNER JOIN wanted ON wanted.hash = head.body_hash
)

-- fragment: incoming_document
incoming AS MATERIALIZED (
    SELECT
        profile.id AS organization_id, $7::uuid AS id, $8::text AS namespace, $9::text AS type, $10::text AS name,
        $11::jsonb AS body, octavo.body_hash(profile.inner_pad, profile.outer_pad, $11::jsonb) AS hash,
        $12::jsonb AS metadata, 'updated'::octavo.change AS change, NULL::integer AS source_version,
        $13::smallint AS schema_version, $9::text = ANY(profile.watched_types) AS watched,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM octavo.organization_profile AS profile
    WHERE
        profile.id = $1::octavo.organization
        AND (profile.settings = '{}' OR octavo.admits_type(profile.settings, $8, $9))
)

-- fragment: head_columns
    id, namespace, type, name, version, created_at, created_by, created_by_kind,
    updated_at, updated_by, updated_by_kind, deleted_at, epoch, position_xid, position_id, metadata, schema_version

-- name: create_document
-- $7 id, $8 namespace, $9 type, $10 no name, $11 body, $12 metadata or null. An id of its own and no name: there is
-- nothing to be in conflict with, and looking for it costs the server a fifth of its time.
WITH
-- include: incoming_document
,
head AS (
    -- include: insert_head
    RETURNING *
),
wanted AS NOT MATERIALIZED (
    SELECT hash, body, change, source_version FROM incoming
),
-- include: record_change
SELECT
    true AS changed,
    -- include: head_columns
FROM head

-- name: put_document
-- $7 id, $8 namespace, $9 type, $10 name, $11 body, $12 metadata or null to keep, $13 schema version,
-- $14 create only.
WITH
-- include: incoming_document
,
head AS (
    -- include: insert_head
    ON CONFLICT (organization_id, namespace, type, name) WHERE name IS NOT NULL AND deleted_at IS NULL
    DO UPDATE SET
        metadata = coalesce($12::jsonb, stored.metadata),
        -- include: set_head_from_excluded
    WHERE
        NOT $14::boolean
        AND (stored.body_hash, stored.metadata, stored.schema_version)
        IS DISTINCT FROM (
            excluded.body_hash, coalesce($12::jsonb, stored.metadata),
            coalesce(nullif(excluded.schema_version, 0), stored.schema_version)
        )
    RETURNING *
),
wanted AS NOT MATERIALIZED (
    SELECT hash, body, change, source_version FROM incoming
),
-- include: record_change
SELECT
    true AS changed,
    -- include: head_columns
FROM head
UNION ALL
SELECT
    false AS changed,
    -- include: head_columns
FROM octavo.document
WHERE
    organization_id = $1::octavo.organization
    AND namespace = $8
    AND type = $9
    AND name = $10
    AND deleted_at IS NULL
    AND NOT EXISTS (SELECT FROM head)

-- name: put_document_by_id
-- $7 id, $8 namespace, $9 type, $10 name or null to keep, $11 body, $12 metadata or null to keep, $13 schema version,
-- $14 create only.
WITH
-- include: incoming_document
,
head AS (
    -- include: insert_head
    ON CONFLICT (organization_id, id)
    DO UPDATE SET
        name = coalesce(excluded.name, stored.name),
        metadata = coalesce($12::jsonb, stored.metadata),
        -- include: set_head_from_excluded
    WHERE
        NOT $14::boolean
        AND stored.deleted_at IS NULL
        AND stored.namespace = excluded.namespace
        AND stored.type = excluded.type
        AND (stored.body_hash, stored.metadata, stored.name, stored.schema_version)
        IS DISTINCT FROM (
            excluded.body_hash, coalesce($12::jsonb, stored.metadata), coalesce(excluded.name, stored.name),
            coalesce(nullif(excluded.schema_version, 0), stored.schema_version)
        )
    RETURNING *
),
wanted AS NOT MATERIALIZED (
    SELECT hash, body, change, source_version FROM incoming
),
-- include: record_change
SELECT
    true AS changed,
    -- include: head_columns
FROM head
UNION ALL
SELECT
    false AS changed,
    -- include: head_columns
FROM octavo.document
WHERE
    organization_id = $1::octavo.organization
    AND id = $7
    AND NOT EXISTS (SELECT FROM head)

-- name: put_documents
-- $7 ids, $8 namespaces, $9 types, $10 names, $11 bodies, $12 metadata, $13 schema versions, each an
-- array in the same order.
WITH incoming AS MATERIALIZED (
    SELECT
        profile.id AS organization_id, item.id, item.namespace, item.type, item.name, item.body,
        octavo.body_hash(profile.inner_pad, profile.outer_pad, item.body) AS hash,
        item.metadata, 'updated'::octavo.change AS change, NULL::integer AS source_version, item.schema_version,
        item.type = ANY(profile.watched_types) AS watched,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM octavo.organization_profile AS profile
    CROSS JOIN unnest(
        $7::uuid [], $8::text [], $9::text [], $10::text [], $11::jsonb [], $12::jsonb [], $13::smallint []
    )
        AS item (id, namespace, type, name, body, metadata, schema_version)
    WHERE
        profile.id = $1::octavo.organization
        AND (profile.settings = '{}' OR octavo.admits_type(profile.settings, item.namespace, item.type))
),
head AS (
    -- include: insert_head
    ON CONFLICT (organization_id, namespace, type, name) WHERE name IS NOT NULL AND deleted_at IS NULL
    DO UPDATE SET
        metadata = excluded.metadata,
        -- include: set_head_from_excluded
    WHERE
        (stored.body_hash, stored.metadata, stored.schema_version)
        IS DISTINCT FROM (
            excluded.body_hash, excluded.metadata, coalesce(nullif(excluded.schema_version, 0), stored.schema_version)
        )
    RETURNING *
),
wanted AS MATERIALIZED (
    SELECT DISTINCT ON (hash) hash, body, change, source_version FROM incoming ORDER BY hash
),
-- include: record_change
SELECT
    true AS changed,
    -- include: head_columns
FROM head

-- name: replace_document
-- $7 id, $8 namespace, $9 type, $10 name, $11 body, $12 metadata or null to keep, $13 schema version,
-- $14 expected version; without an id the name finds the document.
WITH locked AS MATERIALIZED (
    SELECT * FROM octavo.lock_document(
        $1::octavo.organization,
        coalesce($7::uuid, (
            SELECT named.id
            FROM octavo.document AS named
            WHERE
                named.organization_id = $1::octavo.organization
                AND named.namespace = $8
                AND named.type = $9
                AND named.name = $10
                AND named.deleted_at IS NULL
        ))
    )
),
incoming AS MATERIALIZED (
    SELECT
        locked.id, $11::jsonb AS body, octavo.body_hash(profile.inner_pad, profile.outer_pad, $11::jsonb) AS hash,
        coalesce($12::jsonb, locked.metadata) AS metadata,
        'updated'::octavo.change AS change, NULL::integer AS source_version,
        $13::smallint AS schema_version, profile.watched_types,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM locked
    INNER JOIN octavo.organization_profile AS profile ON profile.id = $1::octavo.organization
    WHERE NOT locked.deleted AND locked.version = $14
),
-- include: update_locked_head
,
wanted AS NOT MATERIALIZED (
    SELECT hash, body, change, source_version FROM incoming
),
-- include: record_change
-- include: answer_locked

-- name: patch_document
-- $7 id, $8 merge patch, $9 operations, $10 metadata merge patch, $11 expected version or null.
WITH locked AS MATERIALIZED (
    SELECT * FROM octavo.lock_document($1::octavo.organization, $7)
),
patched AS MATERIALIZED (
    SELECT
        locked.id,
        octavo.apply_operations(octavo.merge_patch(locked.body, $8::jsonb), $9::jsonb) AS body,
        octavo.merge_patch(locked.metadata, $10::jsonb) AS metadata
    FROM locked
    WHERE
        NOT locked.deleted
        AND ($11::integer IS NULL OR locked.version = $11)
        AND ({guard})
),
incoming AS MATERIALIZED (
    SELECT
        patched.id, patched.body,
        octavo.body_hash(profile.inner_pad, profile.outer_pad, patched.body) AS hash,
        patched.metadata, 'updated'::octavo.change AS change, NULL::integer AS source_version,
        NULL::smallint AS schema_version, profile.watched_types,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM patched
    INNER JOIN octavo.organization_profile AS profile ON profile.id = $1::octavo.organization
),
-- include: update_locked_head
,
wanted AS NOT MATERIALIZED (
    SELECT hash, body, change, source_version FROM incoming
),
-- include: record_change
-- include: answer_locked

-- name: revert_document
-- $7 id, $8 version to go back to, $9 expected version or null.
WITH locked AS MATERIALIZED (
    SELECT * FROM octavo.lock_document($1::octavo.organization, $7)
),
incoming AS MATERIALIZED (
    SELECT
        locked.id, body.value AS body, earlier.body_hash AS hash, earlier.metadata,
        'reverted'::octavo.change AS change, earlier.number AS source_version, earlier.schema_version,
        (SELECT profile.watched_types FROM octavo.organization_profile AS profile WHERE profile.id = $1::octavo.organization)
            AS watched_types,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM locked
    INNER JOIN octavo.version AS earlier
        ON
            earlier.organization_id = $1::octavo.organization
            AND earlier.document_id = locked.id
            AND earlier.number = $8
            AND earlier.change <> 'deleted'
    INNER JOIN octavo.body AS body
        ON body.organization_id = $1::octavo.organization AND body.hash = earlier.body_hash
    WHERE NOT locked.deleted AND ($9::integer IS NULL OR locked.version = $9)
),
-- include: update_locked_head
,
wanted AS NOT MATERIALIZED (
    SELECT hash, body, change, source_version FROM incoming
),
-- include: record_change
-- include: answer_locked

-- name: delete_document
-- $7 id, $8 expected version or null.
WITH locked AS MATERIALIZED (
    SELECT * FROM octavo.lock_document($1::octavo.organization, $7)
),
incoming AS MATERIALIZED (
    SELECT
        locked.id, locked.body, locked.body_hash AS hash, locked.metadata,
        'deleted'::octavo.change AS change, NULL::integer AS source_version,
        NULL::smallint AS schema_version, NULL::text [] AS watched_types,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM locked
    WHERE NOT locked.deleted AND ($8::integer IS NULL OR locked.version = $8)
),
-- include: update_locked_head
,
unlisted AS (
    DELETE FROM octavo.document_filter
    WHERE organization_id = $1::octavo.organization AND document_id IN (SELECT head.id FROM head)
),
wanted AS NOT MATERIALIZED (
    SELECT hash, body, change, source_version FROM incoming
),
-- include: record_change
-- include: answer_locked

-- name: restore_document
-- $7 id.
WITH locked AS MATERIALIZED (
    SELECT * FROM octavo.lock_document($1::octavo.organization, $7)
),
incoming AS MATERIALIZED (
    SELECT
        locked.id, locked.body, locked.body_hash AS hash, locked.metadata,
        'restored'::octavo.change AS change, NULL::integer AS source_version,
        NULL::smallint AS schema_version,
        (SELECT profile.watched_types FROM octavo.organization_profile AS profile WHERE profile.id = $1::octavo.organization)
            AS watched_types,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM locked
    WHERE locked.deleted
),
-- include: update_locked_head
,
wanted AS NOT MATERIALIZED (
    SELECT hash, body, change, source_version FROM incoming
),
-- include: record_change
-- include: answer_locked

-- fragment: unexpired
-- What has expired counts as deleted, also before the sweep has come.
document_id NOT IN (
        SELECT due.id
        FROM octavo.document AS due
        WHERE
            due.organization_id = $1::octavo.organization
            AND due.expires_at <= now()
            AND due.deleted_at IS NULL
    )

-- name: patch_documents
-- $7 ids of locked documents, $8 merge patch, $9 operations, $10 metadata merge patch. The locks were had in a
-- statement before this one, so what is seen here is what is locked: the filter is asked of that again.
WITH holding AS MATERIALIZED (
    SELECT document_id AS id
    FROM octavo.lookup
    WHERE
        organization_id = $1::octavo.organization
        AND document_id = ANY($7::uuid [])
        AND ({filter}) IS TRUE
        AND
        -- include: unexpired
),
patched AS MATERIALIZED (
    SELECT
        head.id,
        octavo.apply_operations(octavo.merge_patch(body.value, $8::jsonb), $9::jsonb) AS body,
        octavo.merge_patch(head.metadata, $10::jsonb) AS metadata
    FROM octavo.document AS head
    CROSS JOIN LATERAL (
        SELECT stored.value
        FROM octavo.body AS stored
        WHERE stored.organization_id = $1::octavo.organization AND stored.hash = head.body_hash
        LIMIT 1
    ) AS body
    WHERE head.organization_id = $1::octavo.organization AND head.id = ANY(ARRAY(SELECT holding.id FROM holding))
),
incoming AS MATERIALIZED (
    SELECT
        patched.id, patched.body,
        octavo.body_hash(profile.inner_pad, profile.outer_pad, patched.body) AS hash,
        patched.metadata, 'updated'::octavo.change AS change, NULL::integer AS source_version,
        NULL::smallint AS schema_version, profile.watched_types,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM patched
    INNER JOIN octavo.organization_profile AS profile ON profile.id = $1::octavo.organization
),
-- include: update_locked_head
,
wanted AS MATERIALIZED (
    SELECT DISTINCT ON (hash) hash, body, change, source_version FROM incoming ORDER BY hash
),
-- include: record_change
-- include: answer_many

-- name: delete_documents
-- $7 ids of locked documents, as for patch_documents.
WITH holding AS MATERIALIZED (
    SELECT document_id AS id
    FROM octavo.lookup
    WHERE
        organization_id = $1::octavo.organization
        AND document_id = ANY($7::uuid [])
        AND ({filter}) IS TRUE
        AND
        -- include: unexpired
),
incoming AS MATERIALIZED (
    SELECT
        head.id, NULL::jsonb AS body, head.body_hash AS hash, head.metadata,
        'deleted'::octavo.change AS change, NULL::integer AS source_version,
        NULL::smallint AS schema_version, NULL::text [] AS watched_types,
        clock_timestamp() AS moment, pg_current_xact_id() AS xid, (SELECT max(number) FROM octavo.epoch) AS epoch
    FROM octavo.document AS head
    WHERE head.organization_id = $1::octavo.organization AND head.id = ANY(ARRAY(SELECT holding.id FROM holding))
),
-- include: update_locked_head
,
unlisted AS (
    DELETE FROM octavo.document_filter
    WHERE organization_id = $1::octavo.organization AND document_id = ANY(ARRAY(SELECT head.id FROM head))
),
wanted AS MATERIALIZED (
    SELECT DISTINCT ON (hash) hash, body, change, source_version FROM incoming ORDER BY hash
),
-- include: record_change
-- include: answer_many

-- fragment: answer_many
-- How many the filter held for, how many of them changed, and the last event's position, null if none did.
SELECT
    (SELECT count(*) FROM holding) AS matched, (SELECT count(*) FROM head) AS changed,
    latest.epoch, latest.position_xid, latest.position_id
FROM (SELECT 1) AS answer
LEFT JOIN LATERAL (
    SELECT head.epoch, head.position_xid, head.position_id
    FROM head
    ORDER BY head.epoch DESC, head.position_xid DESC, head.position_id DESC
    LIMIT 1
) AS latest ON true

-- fragment: answer_locked
SELECT
    true AS changed,
    true AS admitted,
    (SELECT incoming.body FROM incoming) AS body,
    -- include: head_columns
FROM head
UNION ALL
SELECT
    false AS changed,
    EXISTS (SELECT FROM incoming) AS admitted,
    locked.body,
    stored.id, stored.namespace, stored.type, stored.name, locked.version, stored.created_at, stored.created_by,
    stored.created_by_kind, stored.updated_at, stored.updated_by, stored.updated_by_kind,
    CASE WHEN locked.deleted THEN stored.deleted_at END,
    stored.epoch, stored.position_xid, stored.position_id, locked.metadata, stored.schema_version
FROM locked
INNER JOIN octavo.document AS stored
    ON stored.organization_id = $1::octavo.organization AND stored.id = locked.id
WHERE NOT EXISTS (SELECT FROM head)

-- name: purge_document
-- $7 id. Versions, bodies' references, tags, labels, links, contents and the name go; the head stays as an empty
-- stream.
WITH locked AS MATERIALIZED (
    SELECT * FROM octavo.lock_document($1::octavo.organization, $7)
),
forgotten AS MATERIALIZED (
    SELECT locked.id, gone.hashes, gone.blobs
    FROM locked
    CROSS JOIN LATERAL octavo.forget_document($1::octavo.organization, locked.id) AS gone
),
head AS (
    UPDATE octavo.document AS stored
    SET
        name = NULL,
        metadata = '{}',
        body_hash = NULL,
        previous_body_hash = NULL,
        updated_at = greatest(clock_timestamp(), stored.updated_at + interval '1 microsecond'),
        updated_by = $2,
        updated_by_kind = $3::octavo.actor_kind,
        deleted_at = coalesce(stored.deleted_at, clock_timestamp()),
        purged_at = clock_timestamp(),
        event_sequence = stored.event_sequence + 1,
        epoch = epoch.number,
        position_xid = CASE
            WHEN stored.epoch = epoch.number THEN greatest(stored.position_xid, pg_current_xact_id())
            ELSE pg_current_xact_id()
        END,
        position_id = nextval('octavo.event_position')
    FROM forgotten
    CROSS JOIN (SELECT max(number) AS number FROM octavo.epoch) AS epoch
    WHERE stored.organization_id = $1::octavo.organization AND stored.id = forgotten.id
    RETURNING stored.*
),
recorded_event AS (
    INSERT INTO octavo.event (
        recorded_at, epoch, position_xid, id, organization_id, stream, sequence, type, document_id, version,
        data, actor, actor_kind, session_id, correlation_id, causation_id
    )
    SELECT
        head.updated_at, head.epoch, head.position_xid, head.position_id, head.organization_id,
        'document-' || head.id, head.event_sequence, 'document.purged', head.id, head.version,
        jsonb_build_object('version', head.version), head.updated_by, head.updated_by_kind, $4, $5, $6
    FROM head
),
-- What runs were given about it and what they made of it: that they were stays.
ended_runs AS (
    UPDATE octavo.run_history AS ended
    SET input = '{}', output = CASE WHEN ended.output IS NOT NULL THEN '{}'::jsonb END, error = NULL
    FROM head
    WHERE ended.organization_id = $1::octavo.organization AND ended.document_id = head.id
),
finished_steps AS (
    DELETE FROM octavo.run_step AS step
    USING octavo.run AS run, head
    WHERE
        run.organization_id = $1::octavo.organization
        AND run.document_id = head.id
        AND step.organization_id = $1::octavo.organization
        AND step.run_id = run.id
),
waiting_runs AS (
    UPDATE octavo.run AS waiting
    SET input = '{}'
    FROM head
    WHERE waiting.organization_id = $1::octavo.organization AND waiting.document_id = head.id
)
SELECT
    head.epoch, head.position_xid, head.position_id, forgotten.hashes, forgotten.blobs
FROM head
CROSS JOIN forgotten

-- name: collect_bodies
-- $2 hashes that may have lost their last reference.
DELETE FROM octavo.body
WHERE
    organization_id = $1::octavo.organization
    AND hash = ANY($2::bytea [])
    AND NOT EXISTS (
        SELECT FROM octavo.version
        WHERE version.organization_id = $1::octavo.organization AND version.body_hash = body.hash
    )

-- name: organization_exists
SELECT true AS found FROM octavo.organization_profile WHERE id = $1::octavo.organization

-- name: current_named_documents
-- $2 namespaces, $3 types, $4 names.
SELECT
    false AS changed,
    stored.id, stored.namespace, stored.type, stored.name, stored.version, stored.created_at, stored.created_by,
    stored.created_by_kind, stored.updated_at, stored.updated_by, stored.updated_by_kind, stored.deleted_at,
    stored.epoch, stored.position_xid, stored.position_id, stored.metadata, stored.schema_version
FROM unnest($2::text [], $3::text [], $4::text []) AS wanted (namespace, type, name)
INNER JOIN octavo.document AS stored
    ON
        stored.organization_id = $1::octavo.organization
        AND stored.namespace = wanted.namespace
        AND stored.type = wanted.type
        AND stored.name = wanted.name
        AND stored.deleted_at IS NULL
