"""SQL is cut where PostgreSQL would cut it."""

from __future__ import annotations

import pytest
from pglast import split as split_by_postgresql

from octavo.postgres.migration import read_migrations
from octavo.postgres.split import bare, split


@pytest.mark.parametrize(
    ("sql", "parts"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        ("SELECT 1", ["SELECT 1"]),
        ("SELECT ';'; SELECT 'it''s;';", ["SELECT ';'", "SELECT 'it''s;'"]),
        ('SELECT 1 AS ";"; SELECT 2', ['SELECT 1 AS ";"', "SELECT 2"]),
        ("DO $$ BEGIN; END $$; SELECT 1", ["DO $$ BEGIN; END $$", "SELECT 1"]),
        ("DO $a$ $$;$$ $a$; SELECT 1", ["DO $a$ $$;$$ $a$", "SELECT 1"]),
        ("SELECT 1 -- no; end\n; -- nothing;\n", ["SELECT 1"]),
        ("SELECT /* ; */ 1; /* nothing; */", ["SELECT   1"]),
        ("SELECT '--'; SELECT 1", ["SELECT '--'", "SELECT 1"]),
        (" ;; ", []),
    ],
)
def test_a_text_is_cut_into_its_statements(sql: str, parts: list[str]):
    assert [bare(part) for part in split(sql)] == parts


@pytest.mark.parametrize("migration", read_migrations(), ids=lambda migration: migration.title)
def test_every_migration_is_cut_as_postgresql_cuts_it(migration):
    assert [bare(part) for part in split(migration.sql)] == [
        bare(part) for part in split_by_postgresql(migration.sql)
    ]
