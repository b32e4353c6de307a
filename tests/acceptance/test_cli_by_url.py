"""The command line on a record outside, reached by URL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from octavo.postgres.server import Server
from tests.databases import empty_database, url_of

OCTAVO = str(Path(sys.executable).with_name("octavo"))


def octavo(folder: Path, settings: dict[str, str], *words: object, given: str = "") -> str:
    """What a command prints that does what it was asked."""
    variables = {f"OCTAVO_{name.upper()}": value for name, value in settings.items()}
    ended = subprocess.run(
        [OCTAVO, *map(str, words)],
        input=given,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=folder,
        env={**os.environ, **variables},
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout


@pytest.fixture
def outside(server: Server, fresh_database: str, tmp_path: Path) -> dict[str, str]:
    """Settings of a record outside."""
    roles = {"record": "octavo_app", "record_system": "octavo_system", "record_backup": "octavo_backup"}
    urls = {name: url_of(server, role, fresh_database) for name, role in roles.items()}
    return {**urls, "blobs": str(tmp_path / "blobs")}


async def test_a_record_outside_is_backed_up_and_restored_by_url(
    server: Server, outside: dict[str, str], tmp_path: Path
):
    (tmp_path / "terms.md").write_text("# Terms\n\nEvery bag that arrives stale is refunded.\n")
    octavo(tmp_path, outside, "ingest", "terms.md")
    octavo(tmp_path, outside, "backup", "monday")

    async with empty_database(server) as database:
        target = {"record": url_of(server, "octavo_admin", database), "blobs": str(tmp_path / "restored")}
        restored: Any = json.loads(octavo(tmp_path, target, "restore", "monday", "--json"))

    assert (restored["documents"], restored["blobs"]) == (1, 1)
    assert len([path for path in (tmp_path / "restored").rglob("*") if path.is_file()]) == 1
