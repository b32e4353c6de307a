"""`octavo migrate` as an operator and a build run it."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import octavo.sync
from octavo.postgres import server as embedded
from octavo.postgres.migration import read_migrations
from octavo.postgres.server import Server
from tests.databases import administrator, url_of

GOOD = "-- phase: expand\nCREATE TABLE item (id bigint PRIMARY KEY, name text);\n"
SLOW = "-- phase: expand\nCREATE INDEX item_name ON item (name);\n"


@pytest.fixture(scope="module")
def told(program: Path) -> Callable[..., Any]:
    """What a command tells in JSON."""

    def run(*words: object, exit_code: int = 0) -> Any:
        ended = subprocess.run(
            [program, *map(str, words), "--json"], capture_output=True, text=True, timeout=60, check=False
        )
        assert ended.returncode == exit_code, ended.stderr
        return json.loads(ended.stdout)

    return run


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "migrations"
    place.mkdir()
    (place / "0001_item.sql").write_text(GOOD)
    return place


@pytest.fixture(scope="module")
def data() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    made.chmod(0o755)
    yield made / "data"
    embedded.destroy(made / "data", force=True)
    shutil.rmtree(made, ignore_errors=True)


def test_a_check_ends_with_one_when_there_is_something_to_mend(told, folder):
    passed = told("migrate", "check", "--migrations", folder, "--name", "shop")
    (folder / "0002_index.sql").write_text(SLOW)
    refused = told("migrate", "check", "--migrations", folder, "--name", "shop", exit_code=1)

    assert [step["findings"] for step in passed] == [[]]
    assert refused[-1]["locks"] == {"shop.item": "ShareLock"}
    assert [finding["kind"] for finding in refused[-1]["findings"]] == ["blocks"]


def test_an_embedded_record_needs_no_administrator(told, data, folder):
    """S1-132"""
    first = told("--data", data, "migrate", "up")
    mine = told("--data", data, "migrate", "up", "--migrations", folder, "--name", "shop")
    listed = told("--data", data, "migrate", "status")

    assert [step["number"] for step in first] == [migration.number for migration in read_migrations()]
    assert [step["name"] for step in mine] == ["item"]
    assert (listed[-1]["application"], listed[-1]["state"]) == ("shop", "completed")
    assert told("--data", data, "migrate", "verify") == {"pending": [], "drift": []}


def test_an_application_migrates_without_await(data, tmp_path):
    place = tmp_path / "kiosk"
    place.mkdir()
    (place / "0001_item.sql").write_text(GOOD)

    with octavo.sync.open(data) as db:
        assert [step.name for step in db.migrate(place, name="kiosk")] == ["item"]
        with db.transaction() as tx:
            tx.execute("INSERT INTO kiosk.item VALUES (1, 'one')")


async def test_a_change_by_hand_is_told_with_exit_code_one(told, server: Server, fresh_database: str):
    async with administrator(server, fresh_database) as admin:
        await admin.execute("DROP INDEX octavo.tag_name")
    url = url_of(server, "octavo_admin", fresh_database)

    seen = told("migrate", "verify", "--admin", url, exit_code=1)

    assert [one["kind"] for one in seen["drift"]] == ["missing"]
    assert seen["drift"][0]["object"] == "index octavo.tag_name"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("migrate", "up", "--name", "shop"), "an application's migrations have a folder and a name"),
        (("migrate", "up", "--until", "later"), "'later' is no phase"),
        (("migrate", "check", "--migrations", "/nowhere", "--name", "shop"), "there is no folder /nowhere"),
    ],
)
def test_what_cannot_work_is_one_clear_line(program, words, message, tmp_path):
    ended = subprocess.run(
        [program, "--data", str(tmp_path / "none"), *words],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert ended.returncode in {1, 2}
    assert (ended.stdout, len(ended.stderr.splitlines())) == ("", 1)
    assert message in ended.stderr
    assert not (tmp_path / "none").exists()
