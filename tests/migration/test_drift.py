"""What was changed by hand in a record's schema is told by name."""

from __future__ import annotations

import pytest

from octavo.postgres.drift import verify
from octavo.postgres.migration import parse, read_migrations
from octavo.postgres.migrator import migrate
from octavo.postgres.server import Server
from tests.databases import administrator, empty_database, url_of
from tests.migration.ledgers import admin_of


async def test_a_record_as_its_migrations_made_it_has_no_drift(server: Server, fresh_database: str):
    told = await verify(admin_of(server, fresh_database))

    assert (told.pending, told.drift) == ([], [])
    assert told.is_as_made


@pytest.mark.parametrize(
    ("by_hand", "kind", "what"),
    [
        ("DROP INDEX octavo.event_stream", "missing", "index octavo.event_stream"),
        ("CREATE INDEX odd ON octavo.lease (fence)", "extra", "index octavo.odd"),
        (
            "ALTER POLICY organization ON octavo.document USING (true)",
            "changed",
            "policy organization on octavo.document",
        ),
        ("DROP POLICY system ON octavo.lease", "missing", "policy system on octavo.lease"),
        (
            "ALTER TABLE octavo.document NO FORCE ROW LEVEL SECURITY",
            "missing",
            "ALTER TABLE ONLY octavo.document FORCE ROW LEVEL SECURITY",
        ),
        ("ALTER TABLE octavo.source ADD COLUMN mine text", "changed", "table octavo.source"),
        ("GRANT SELECT ON octavo.epoch TO PUBLIC", "extra", "GRANT SELECT ON TABLE octavo.epoch TO PUBLIC"),
        (
            "CREATE OR REPLACE FUNCTION octavo.current_organization() RETURNS uuid LANGUAGE sql STABLE"
            " RETURN NULL::uuid",
            "changed",
            "function octavo.current_organization()",
        ),
        (
            "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'octavo.document_filter_fields'::regclass",
            "invalid",
            "index octavo.document_filter_fields",
        ),
    ],
)
async def test_a_change_by_hand_is_told_by_name(server, fresh_database, by_hand, kind, what):
    """S1-136"""
    async with administrator(server, fresh_database) as admin:
        await admin.execute(by_hand)

    told = await verify(admin_of(server, fresh_database))

    assert (kind, what) in [(drift.kind, drift.object) for drift in told.drift]
    assert not told.is_as_made


async def test_what_waits_is_told(server: Server):
    async with empty_database(server) as name:
        await migrate(admin_of(server, name), migrations=read_migrations()[:3])

        told = await verify(admin_of(server, name))

    assert told.pending == [migration.title for migration in read_migrations()[3:]]


async def test_an_index_that_is_there_by_right_is_no_drift(server: Server, fresh_database: str):
    async with administrator(server, fresh_database) as admin:
        await admin.execute("SET ROLE octavo_owner; CREATE INDEX declared_1 ON octavo.lease (fence)")

    told = await verify(
        admin_of(server, fresh_database), is_expected=lambda name: name == "index octavo.declared_1"
    )

    assert told.is_as_made


async def test_a_record_is_verified_by_its_url(server: Server, fresh_database: str):
    told = await verify({"dsn": url_of(server, "octavo_admin", fresh_database)})

    assert told.is_as_made


async def test_what_an_application_was_given_is_no_drift(server: Server, fresh_database: str):
    files = [parse("0001_item.sql", "-- phase: expand\nCREATE TABLE item (id bigint);")]
    await migrate(admin_of(server, fresh_database), migrations=files, application="verified")

    assert (await verify(admin_of(server, fresh_database))).is_as_made
