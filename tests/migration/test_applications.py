"""An application's own tables: in the same ledger, in its own schema, apart by organization as Octavo's are."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import octavo
from octavo.database import Octavo
from octavo.errors import AccessDenied, InvalidInput, InvalidSetting, MigrationFault, MigrationNeeded
from octavo.postgres.migration import parse, read_migrations
from octavo.postgres.migrator import migrate, plan, status, status_of_applications
from octavo.postgres.server import Server
from tests.databases import administrator, empty_database, url_of
from tests.migration.ledgers import admin_of, ask

ITEM = """\
-- phase: expand
CREATE TABLE item (
    organization_id uuid NOT NULL DEFAULT octavo.current_organization(),
    id bigint GENERATED ALWAYS AS IDENTITY,
    name text NOT NULL,
    PRIMARY KEY (organization_id, id)
);
ALTER TABLE item ENABLE ROW LEVEL SECURITY;
ALTER TABLE item FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON item TO octavo_app USING (organization_id = octavo.current_organization());
CREATE POLICY system ON item TO octavo_system USING (true);
CREATE POLICY migration ON item TO octavo_owner_shop USING (true);
"""
FILES = {
    "0001_item": ITEM,
    "0002_slug": "-- phase: expand\nALTER TABLE item ADD COLUMN slug text;\n",
    "0003_slug_index": (
        "-- phase: expand\n-- transaction: none\n"
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS item_slug ON item (organization_id, slug);\n"
    ),
    "0004_fill_slug": (
        "-- phase: backfill\n-- chunk: 2\n-- table: shop.item\n"
        "WITH chunk AS (SELECT organization_id, id FROM item\n"
        "    WHERE (organization_id, id) > (coalesce(($1::jsonb ->> 'o')::uuid, '00000000000000000000000000000000'),"
        " coalesce(($1::jsonb ->> 'i')::bigint, 0))\n"
        "    ORDER BY organization_id, id LIMIT $2 FOR UPDATE\n"
        "), filled AS (UPDATE item SET slug = lower(item.name) FROM chunk\n"
        "    WHERE (item.organization_id, item.id) = (chunk.organization_id, chunk.id) AND slug IS NULL)\n"
        "SELECT organization_id AS o, id AS i, count(*) OVER () AS rows FROM chunk\n"
        "ORDER BY organization_id DESC, id DESC LIMIT 1;\n"
    ),
}
ALL = [parse(f"{name}.sql", text) for name, text in FILES.items()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "migrations"
    place.mkdir()
    for name, text in FILES.items():
        (place / f"{name}.sql").write_text(text)
    return place


@pytest.fixture
async def db(server: Server, fresh_database: str, tmp_path: Path) -> AsyncIterator[Octavo]:
    async with octavo.open(
        url_of(server, "octavo_app", fresh_database),
        record_system=url_of(server, "octavo_system", fresh_database),
        record_admin=url_of(server, "octavo_admin", fresh_database),
        blobs=f"file:{tmp_path / 'blobs'}",
        background=False,
    ) as opened:
        yield opened


async def test_tables_of_an_application_hold_the_rows_of_each_organization_apart(db, folder):
    await db.migrate(folder, name="shop")
    for name in ("acme", "globex"):
        await db.organizations.create(name)
        async with db.organization(name).transaction() as tx:
            await tx.execute("INSERT INTO shop.item (name) VALUES ($1)", f"of {name}")

    async with db.organization("acme").transaction() as tx:
        seen = await tx.fetch("SELECT name FROM shop.item")
        updated = await tx.execute("UPDATE shop.item SET name = 'mine'")
        deleted = await tx.execute("DELETE FROM shop.item WHERE name = 'of globex'")
    async with db.organization("globex").transaction() as tx:
        others = await tx.fetch("SELECT name FROM shop.item")

    assert [row["name"] for row in seen] == ["of acme"]
    assert (updated, deleted) == ("UPDATE 1", "DELETE 0")
    assert [row["name"] for row in others] == ["of globex"]


async def test_a_row_for_another_organization_is_refused(db, folder):
    await db.migrate(folder, name="shop")
    other = await db.organizations.create("globex")

    with pytest.raises(AccessDenied, match="another organization"):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO shop.item (organization_id, name) VALUES ($1, 'x')", other.id)


async def test_a_statement_with_the_typed_parameter_sees_that_organization_alone(db, folder, record):
    """record.md 1: the way Octavo's own statements name their organization works for an application's."""
    await db.migrate(folder, name="shop")
    one, two = [await db.organizations.create(name) for name in ("acme", "globex")]
    for organization in (one, two):
        async with db.organization(organization.name).transaction() as tx:
            await tx.execute("INSERT INTO shop.item (name) VALUES ($1)", organization.name)

    mine = "SELECT name FROM shop.item WHERE organization_id = $1::octavo.organization"
    unbound = "SELECT name FROM shop.item"

    assert [row["name"] for row in await db.record.app.fetch(mine, one.id)] == ["acme"]
    assert await db.record.app.fetch(unbound) == []
    assert len(await db.record.system.fetch(unbound)) == 2


async def test_a_backfill_of_an_application_reaches_every_organization(db, folder):
    """S4-121: chunks end inside an organization and at its end."""
    for phase in ("expand", "backfill"):
        await db.migrate(folder, name="shop", until=phase)
        if phase == "expand":
            for name in ("acme", "globex"):
                await db.organizations.create(name)
                async with db.organization(name).transaction() as tx:
                    await tx.execute(
                        "INSERT INTO shop.item (name) SELECT 'N' || n FROM generate_series(1, 5) n"
                    )

    rows = await db.record.system.fetch("SELECT count(*) FROM shop.item WHERE slug = lower(name)")
    assert rows[0]["count"] == 10


async def test_a_document_and_a_row_of_an_application_commit_together(db, folder):
    await db.migrate(folder, name="shop")

    async def order(name: str, quantity: int) -> None:
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO shop.item (name) VALUES ($1)", name)
            await tx.documents.put("order", {"each": 100 // quantity}, name=name)

    await order("kept", 1)
    with pytest.raises(ZeroDivisionError):
        await order("lost", 0)

    async with db.transaction() as tx:
        assert [row["name"] for row in await tx.fetch("SELECT name FROM shop.item")] == ["kept"]


async def test_its_migrations_are_in_the_ledger_under_its_name(server, fresh_database):
    admin = admin_of(server, fresh_database)

    applied = await migrate(admin, migrations=ALL, application="shop")
    again = await migrate(admin, migrations=ALL, application="shop")
    other = await migrate(admin, migrations=[parse("0001_item.sql", "-- phase: expand\nSELECT 1;")],
                          application="billing")  # fmt: skip

    assert [one.number for one in applied] == [1, 2, 3, 4]
    assert (again, len(other)) == ([], 1)
    told = [(one.application, one.number, one.state) for one in await status_of_applications(admin)]
    assert told == [("billing", 1, "completed"), *(("shop", number, "completed") for number in range(1, 5))]
    assert len(await status(admin)) == len(read_migrations())


async def test_what_it_waits_for_is_planned_without_a_change(server, fresh_database):
    admin = admin_of(server, fresh_database)

    assert await plan(admin, migrations=ALL, application="shop") == ALL
    assert await plan(admin, migrations=ALL, application="shop", until="expand") == ALL[:3]
    assert await ask(server, fresh_database, "SELECT to_regnamespace('shop')") is None


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE octavo.document ADD COLUMN mine text",
        "DELETE FROM octavo.event",
        "CREATE TABLE octavo.mine (id integer)",
        "CREATE TABLE public.mine (id integer)",
        "DROP POLICY organization ON octavo.document",
        "SELECT body FROM octavo.body",
    ],
)
async def test_it_can_touch_nothing_of_octavo(server, fresh_database, statement):
    escaping = parse("0001_escape.sql", f"-- phase: expand\n{statement};")

    with pytest.raises(MigrationFault, match="InsufficientPrivilegeError"):
        await migrate(admin_of(server, fresh_database), migrations=[escaping], application="shop")


@pytest.mark.parametrize(
    "statement",
    ["RESET ROLE", "set role octavo_owner", "SET SESSION AUTHORIZATION octavo_admin", "COMMIT", "/* */ END"],
)
async def test_a_file_that_would_leave_its_role_is_refused(server, fresh_database, statement):
    escaping = parse("0001_escape.sql", f"-- phase: expand\nSELECT 1;\n-- why\n{statement};")

    with pytest.raises(MigrationFault, match="0001_escape has "):
        await migrate(admin_of(server, fresh_database), migrations=[escaping], application="shop")


@pytest.mark.parametrize("name", ["octavo_x", "pg_x", "public", "Shop", "a-b", "", "x" * 32, "1a"])
async def test_a_name_that_can_be_no_schema_of_its_own_is_refused(server, fresh_database, name):
    with pytest.raises(InvalidInput, match="cannot be the name of an application"):
        await migrate(admin_of(server, fresh_database), migrations=ALL, application=name)


async def test_octavos_own_migrations_come_first(server: Server, record):
    async with empty_database(server) as name:
        with pytest.raises(MigrationNeeded, match="own schema comes before an application's"):
            await migrate(admin_of(server, name), migrations=ALL, application="shop")


async def test_an_administrator_who_is_no_superuser_can_migrate_an_application(server, record):
    name = "owned_application"
    async with administrator(server) as admin:
        await admin.execute("CREATE ROLE owner_of_shop LOGIN CREATEROLE CREATEDB")
        await admin.execute(
            "GRANT octavo_owner, octavo_lookup, octavo_system TO owner_of_shop WITH ADMIN OPTION"
        )
        await admin.execute(f"CREATE DATABASE {name} OWNER owner_of_shop")
    async with administrator(server, name) as admin:
        await admin.execute(
            "CREATE EXTENSION vector WITH SCHEMA public"
        )  # which PostgreSQL trusts no owner with
    try:
        await migrate(server.running.dsn("owner_of_shop", name))
        files = [parse("0001_item.sql", ITEM.replace("owner_shop", "owner_kiosk"))]

        applied = await migrate(
            server.running.dsn("owner_of_shop", name), migrations=files, application="kiosk"
        )

        assert [one.number for one in applied] == [1]
    finally:
        async with administrator(server) as admin:
            await admin.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
            await admin.execute("DROP ROLE IF EXISTS octavo_owner_kiosk")
            await admin.execute("DROP OWNED BY owner_of_shop; DROP ROLE owner_of_shop")


async def test_a_folder_that_is_not_there_is_named(db, tmp_path):
    with pytest.raises(InvalidInput, match=r"there is no folder .*nowhere"):
        await db.migrate(tmp_path / "nowhere", name="shop")


async def test_a_record_outside_needs_its_administrators_url(server, fresh_database, folder, tmp_path):
    url = url_of(server, "octavo_app", fresh_database)
    async with octavo.open(url, blobs=f"file:{tmp_path}", background=False) as opened:
        with pytest.raises(InvalidSetting, match="no administrator's URL"):
            await opened.migrate(folder, name="shop")
