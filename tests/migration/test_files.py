"""A migration file that cannot be understood is refused by its name."""

from __future__ import annotations

import pytest

from octavo.errors import MigrationFault
from octavo.postgres.migration import read_migrations


def write(folder, **files):
    for name, text in files.items():
        (folder / f"{name}.sql").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("0001_no_phase", "CREATE TABLE one (id integer);"),
        ("0001_odd_phase", "-- phase: someday\nSELECT 1;"),
        ("1_short_number", "-- phase: expand\nSELECT 1;"),
        ("0001-dashes", "-- phase: expand\nSELECT 1;"),
    ],
)
def test_a_file_that_is_no_migration_is_named(tmp_path, name, text):
    with pytest.raises(MigrationFault, match=f"{name}.sql is no migration"):
        read_migrations(write(tmp_path, **{name: text}))


def test_two_files_of_one_number_are_named(tmp_path):
    folder = write(tmp_path, **{"0001_a": "-- phase: expand\n", "0001_b": "-- phase: expand\n"})

    with pytest.raises(MigrationFault, match="0001_a and 0001_b have one number"):
        read_migrations(folder)


def test_a_function_body_needs_a_transaction(tmp_path):
    text = "-- phase: expand\n-- transaction: none\nDO $$ BEGIN END $$;"

    with pytest.raises(MigrationFault, match="dollar-quoted"):
        read_migrations(write(tmp_path, **{"0001_a": text}))


def test_statements_without_a_transaction_are_sent_one_by_one(tmp_path):
    text = (
        "-- phase: expand\n-- transaction: none\n-- why; and more\n"
        "CREATE INDEX CONCURRENTLY a ON t (x); -- the first\n\nCREATE INDEX CONCURRENTLY b\n    ON t (y);\n"
    )
    [migration] = read_migrations(write(tmp_path, **{"0007_indexes": text}))

    assert not migration.transactional
    assert [statement.splitlines()[-1].strip() for statement in migration.statements()] == [
        "CREATE INDEX CONCURRENTLY a ON t (x)",
        "ON t (y)",
    ]


def test_line_ends_of_another_system_do_not_change_a_checksum(tmp_path):
    (tmp_path / "0001_a.sql").write_bytes(b"-- phase: expand\r\nSELECT 1;\r\n")
    [there] = read_migrations(tmp_path)
    (tmp_path / "0001_a.sql").write_bytes(b"-- phase: expand\nSELECT 1;\n")
    [here] = read_migrations(tmp_path)

    assert there.checksum == here.checksum


@pytest.mark.parametrize(
    ("head", "words"),
    [
        ("-- phase: expand\n-- chunk: 10", "only a backfill with transactions"),
        ("-- phase: backfill\n-- transaction: none\n-- chunk: 10", "only a backfill with transactions"),
        ("-- phase: backfill\n-- chunk: many", "asks for chunks of many rows"),
        ("-- phase: backfill\n-- chunk: 100001", "asks for chunks of 100001 rows"),
    ],
)
def test_a_header_of_chunks_that_cannot_work_is_named(tmp_path, head, words):
    with pytest.raises(MigrationFault, match=words):
        read_migrations(write(tmp_path, **{"0001_a": f"{head}\nSELECT $1, $2;"}))


def test_chunks_without_a_limit_are_refused(tmp_path):
    text = "-- phase: backfill\n-- chunk: 10\n-- LIMIT $2\nUPDATE item SET price = 1;"

    with pytest.raises(MigrationFault, match="does not limit them"):
        read_migrations(write(tmp_path, **{"0001_a": text}))
