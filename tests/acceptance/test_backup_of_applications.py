"""Tables of an application come back with a backup, on a server that has never heard of it, and go on migrating."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import octavo
from octavo.operations.backup import backup
from octavo.operations.restore import restore
from octavo.postgres import server as embedded

FIRST = """\
-- phase: expand
CREATE TABLE stock (
    organization_id uuid NOT NULL DEFAULT octavo.current_organization(),
    article text NOT NULL,
    PRIMARY KEY (organization_id, article)
);
ALTER TABLE stock ENABLE ROW LEVEL SECURITY;
ALTER TABLE stock FORCE ROW LEVEL SECURITY;
CREATE POLICY organization ON stock TO octavo_app USING (organization_id = octavo.current_organization());
CREATE POLICY migration ON stock TO octavo_owner_depot USING (true);
"""
SECOND = "-- phase: expand\nALTER TABLE stock ADD COLUMN place text;\n"


@pytest.fixture
def place() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    made.chmod(0o755)
    (made / "migrations").mkdir()
    (made / "migrations" / "0001_stock.sql").write_text(FIRST)
    yield made
    for data in ("data", "restored"):
        if (made / data).exists():
            embedded.destroy(made / data, force=True)
    shutil.rmtree(made, ignore_errors=True)


async def test_an_applications_tables_come_back_on_another_server(place: Path):
    async with octavo.open(place / "data", background=False) as db:
        await db.migrate(place / "migrations", name="depot")
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO depot.stock VALUES (DEFAULT, 'lamp')")
        await backup(db.record, db.blobs, place / "backup")

    await restore(place / "backup", place / "restored")

    (place / "migrations" / "0002_place.sql").write_text(SECOND)
    async with octavo.open(place / "restored", background=False) as db:
        assert [step.name for step in await db.migrate(place / "migrations", name="depot")] == ["place"]
        async with db.transaction() as tx:
            assert [row["article"] for row in await tx.fetch("SELECT article FROM depot.stock")] == ["lamp"]
        await db.organizations.create("globex")
        async with db.organization("globex").transaction() as tx:
            assert await tx.fetch("SELECT article FROM depot.stock") == []
