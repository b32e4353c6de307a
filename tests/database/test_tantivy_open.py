"""A database whose search engine is a folder of the machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

import octavo
from octavo.engines.search.choice import address, lease_name
from octavo.errors import InvalidSetting, MissingExtra
from octavo.postgres.server import Server
from tests.databases import migrated_database, settings_of


@pytest.fixture
async def database(server: Server) -> Any:
    async with migrated_database(server) as name:
        yield settings_of(server, name)


def _open(settings: octavo.Settings, folder: Path, **changes: Any) -> octavo.Octavo:
    given = {"record": settings.record, "record_system": settings.record_system, **changes}
    return octavo.open(**given, search=f"tantivy:{folder}")


def _folders(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def test_what_is_written_is_found_by_every_process_of_the_machine(
    database: octavo.Settings, tmp_path: Path
) -> None:
    async with _open(database, tmp_path) as writer, _open(database, tmp_path, background=False) as reader:
        written = await writer.documents.put("article", {"title": "A refund"})

        for db in (writer, reader):
            hits = await db.search("refunds", after=written.position, wait_seconds=30)
            assert [hit.id for hit in hits.hits] == [written.id]


async def test_a_setting_that_names_another_engine_changes_nothing_and_says_what_would(
    database: octavo.Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with _open(database, tmp_path / "one") as db:
        written = await db.documents.put("article", {"title": "A refund"})
        await db.search("refund", after=written.position, wait_seconds=30)

    async with _open(database, tmp_path / "other", background=False) as db:
        assert [hit.id for hit in (await db.search("refund")).hits] == [written.id]

    assert f"`octavo engines promote search tantivy:{tmp_path / 'other'}`" in caplog.text
    assert not (tmp_path / "other").exists()


async def test_another_life_of_the_record_has_another_index(
    database: octavo.Settings, tmp_path: Path
) -> None:
    async with _open(database, tmp_path) as db:
        written = await db.documents.put("article", {"title": "A refund"})
        await db.search("refund", after=written.position, wait_seconds=30)
        [before] = _folders(tmp_path)
        await db.record.system.execute(
            "INSERT INTO octavo.epoch (number, system_identifier, timeline)"
            " SELECT number + 1, system_identifier, timeline FROM octavo.epoch ORDER BY number DESC LIMIT 1"
        )

    async with _open(database, tmp_path) as db:
        await db.drain()
        [after] = _folders(tmp_path)
        assert after != before
        assert [hit.id for hit in (await db.search("refund")).hits] == [written.id]


@pytest.mark.parametrize("setting", ["", "tantivy", "tantivy:", "paper://here", "Postgres"])
def test_an_engine_that_is_not_there_is_refused_before_anything_starts(setting: str) -> None:
    with pytest.raises(InvalidSetting, match="names no engine"):
        address(setting)


def test_each_folder_has_its_own_writer_and_the_record_has_one() -> None:
    names = {lease_name("postgres"), lease_name("tantivy:/a"), lease_name("tantivy:/b")}

    assert len(names) == 3
    assert lease_name("tantivy:/a/../a") != lease_name("tantivy:/b")


async def test_without_the_library_the_extra_is_named(
    database: octavo.Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tantivy", None)

    with pytest.raises(MissingExtra, match=r"octavo\[search\]"):
        async with _open(database, tmp_path):
            pass
