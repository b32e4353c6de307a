"""`octavo engines` and `octavo worker` at the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import octavo.sync
from tests.places import short_place
from tests.records import new_record

OCTAVO = Path(sys.executable).with_name("octavo")
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A short path that the server's own account can reach."""
    with short_place() as made:
        yield made


@pytest.fixture(scope="module")
def db(place: Path) -> Any:
    """A database that stays open, so that its server runs."""
    with octavo.sync.open(new_record(place / "data"), background=False) as opened:
        yield opened


def _run(program: Path, place: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, "--data", place / "data", *arguments],
        capture_output=True,
        text=True,
        cwd=place,
        check=False,
    )


def _json(program: Path, place: Path, *arguments: str) -> Any:
    done = _run(program, place, *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_an_engine_is_verified_promoted_demoted_and_retired(db: Any, place: Path, program: Path) -> None:
    db.documents.put("article", {"title": "A refund"})
    url = f"tantivy:{place / 'index'}"

    equal = _json(program, place, "engines", "verify", "search")
    moved = _json(program, place, "engines", "promote", "search", "tantivy:./index")
    listed = {
        one["url"]: one["state"]
        for one in _json(program, place, "engines", "list")
        if one["role"] == "search"
    }
    again = _run(program, place, "engines", "promote", "search", url)
    back = _json(program, place, "engines", "demote", "search", "--keep", "1")
    retired = _json(program, place, "engines", "retire", "search", url)

    assert (equal["equal"], equal["documents"], equal["differences"]) == (True, 1, [])
    assert (moved["before"], moved["url"], moved["equal"]) == ("postgres", url, True)
    assert listed == {url: "live", "postgres": "kept"}
    assert (again.returncode, "already" in again.stderr) == (1, True)
    assert back["url"] == "postgres"
    assert retired == {"role": "search", "retired": url, "emptied": True}


def test_what_differs_makes_the_exit_code_1_until_it_is_repaired(db: Any, place: Path, program: Path) -> None:
    lost = db.documents.put("article", {"title": "Lost"})
    db.drain()
    db.record.system.execute("DELETE FROM octavo.search_passage WHERE document_id = $1", lost.id)

    wrong = _run(program, place, "engines", "verify", "search", "--json")
    said = _run(program, place, "engines", "verify", "search")
    doctor = _run(program, place, "doctor")
    repaired = _json(program, place, "engines", "repair", "search")
    rebuilt = _json(program, place, "engines", "rebuild", "search")

    assert wrong.returncode == said.returncode == 1
    assert [one["id"] for one in json.loads(wrong.stdout)["differences"]] == [str(lost.id)]
    assert f"stale {lost.id}" in said.stdout
    assert "the setting names the engine of search" in doctor.stdout
    assert (repaired["repaired"], repaired["equal"]) == (1, True)
    assert rebuilt["equal"]
    assert _json(program, place, "engines", "parked", "search") == []
    assert _json(program, place, "engines", "retry", "search") == {"taken": 0, "parked": []}


def test_a_worker_keeps_engines_up_to_date_until_it_is_told_to_stop(db: Any, place: Path) -> None:
    with subprocess.Popen(
        [OCTAVO, "--data", place / "data", "worker", "--role", "search", "--role", "upkeep", "--json"],
        stdout=subprocess.PIPE,
        text=True,
    ) as worker:
        try:
            assert worker.stdout is not None
            begun = json.loads(worker.stdout.readline())
            made = db.documents.put("article", {"title": "Zebra"})
            hits = db.search("zebra", after=made.position, wait_seconds=PATIENCE_SECONDS)
            worker.send_signal(signal.SIGTERM)
            ended = json.loads(worker.stdout.readline())
            code = worker.wait(PATIENCE_SECONDS)
        finally:
            worker.kill()

    assert begun == {"state": "working", "roles": ["search", "upkeep"]}
    assert [hit.id for hit in hits.hits] == [made.id]
    assert (ended, code) == ({"state": "stopped"}, 0)
    leases = db.record.system.fetch(
        "SELECT expires_at < now() AS is_free FROM octavo.lease WHERE name = 'search'"
    )
    assert [row["is_free"] for row in leases] == [True]


def test_a_worker_for_what_is_not_there_is_refused(db: Any, place: Path, program: Path) -> None:
    done = _run(program, place, "worker", "--role", "cache")

    assert done.returncode == 1
    assert "'cache'" in done.stderr
