"""The command line as scripts use it: `octavo` is run, its output read, its exit code believed."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from octavo.postgres import server as embedded
from tests.places import short_place
from tests.records import new_record

EXAMPLES = Path(__file__).parents[2] / "examples" / "documents"
NOBODY = "00000000-0000-7000-8000-000000000000"


class Cli:
    """The program, for one data directory."""

    def __init__(self, program: Path, data: Path) -> None:
        self.program = program
        self.data = data

    def words(self, *words: object) -> list[str]:
        return [str(self.program), "--data", str(self.data), *map(str, words)]

    def run(self, *words: object, given: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.words(*words), input=given, capture_output=True, text=True, timeout=60, check=False
        )

    def done(self, *words: object, given: str = "") -> str:
        """What a command prints that does what it was asked, and says nothing on standard error."""
        ended = self.run(*words, given=given)
        assert (ended.returncode, ended.stderr) == (0, "")
        return ended.stdout

    def json(self, *words: object, given: str = "") -> Any:
        return json.loads(self.done(*words, "--json", given=given))

    def refused(self, *words: object, given: str = "") -> str:
        """The one line a command says that failed."""
        ended = self.run(*words, given=given)
        assert (ended.returncode, ended.stdout, len(ended.stderr.splitlines())) == (1, "", 1), ended.stderr
        return ended.stderr

    def put(self, type: str, body: object, *options: object) -> Any:
        return self.json("put", type, "--body", "-", *options, given=json.dumps(body))


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short path that the server's own account can reach."""
    with short_place() as made:
        yield made


@pytest.fixture(scope="module")
def octavo(program: Path, folder: Path) -> Cli:
    """The program, with a server that stays up between the commands."""
    cli = Cli(program, new_record(folder / "data"))
    assert cli.json("up")["state"] == "running"
    return cli


@pytest.fixture(scope="module")
def ingested(octavo: Cli) -> dict[str, Any]:
    """The sums of the examples' first ingest."""
    return octavo.json("ingest", EXAMPLES)


@pytest.fixture(scope="module")
def versions(octavo: Cli, folder: Path) -> list[dict[str, Any]]:
    """Two versions of one document: the first from standard input, the second from a file."""
    file = folder / "second.json"
    file.write_text('{"title": "Second", "status": "final"}')
    return [
        octavo.put("article", {"title": "First", "status": "draft"}, "--name", "terms"),
        octavo.json("put", "article", "--name", "terms", "--body", file),
    ]


def test_ingest_tells_its_sums(ingested):
    files = sum(path.is_file() for path in EXAMPLES.rglob("*"))

    assert (ingested["files"], ingested["created"], ingested["failures"]) == (files, files, [])


def test_a_second_ingest_reads_nothing(octavo, ingested):
    again = octavo.json("ingest", EXAMPLES)

    assert (again["unchanged"], again["documents"], again["bytes"]) == (ingested["files"], 0, 0)


def test_ingest_of_standard_input_is_found_by_search_at_once(octavo, versions):
    octavo.json("ingest", "-", "--name", "note.md", given="# Quokkas\n\nA quokka smiles.\n")

    hits = octavo.json("search", "quokka")

    assert [(hit["name"], hit["type"]) for hit in hits] == [("note.md", "markdown")]


def test_search_gives_hits_with_id_name_score_and_highlight(octavo, ingested):
    hits = octavo.json("search", "refund", "--limit", 2)

    assert len(hits) == 2
    assert hits[0]["name"] == str(EXAMPLES / "refund-policy.md")
    assert hits[0]["score"] >= hits[1]["score"] > 0
    assert "<mark>Refund</mark>" in hits[0]["highlight"]
    assert octavo.json("get", hits[0]["id"])["body"]["title"] == "Refund policy"


def test_search_without_a_hit_is_an_empty_list_and_no_failure(octavo):
    assert octavo.json("search", "xylophonist") == []


def test_the_same_name_makes_the_next_version(versions):
    first, second = versions

    assert (first["version"], second["version"]) == (1, 2)
    assert first["id"] == second["id"]


def test_get_gives_the_current_version(octavo, versions):
    found = octavo.json("get", versions[0]["id"])

    assert (found["id"], found["version"], found["body"]) == (versions[1]["id"], 2, versions[1]["body"])


@pytest.mark.parametrize("option", ["--version", "--at"])
def test_get_gives_an_earlier_version_by_number_and_by_time(octavo, versions, option):
    value = {"--version": 1, "--at": versions[0]["updated_at"]}[option]

    found = octavo.json("get", versions[0]["id"], option, value)

    assert (found["version"], found["body"]) == (1, versions[0]["body"])


def test_find_filters(octavo, versions):
    found = octavo.json("find", "article", "--where", '{"status": "final"}')
    none = octavo.json("find", "article", "--where", '{"status": "draft"}')

    assert ([doc["id"] for doc in found], none) == ([versions[0]["id"]], [])


def test_count_counts_what_find_finds(octavo, versions):
    assert octavo.json("count", "article", "--where", '{"title": "Second"}') == {"count": 1}


def test_history_is_newest_first(octavo, versions):
    history = octavo.json("history", versions[0]["id"])

    assert [(entry["version"], entry["change"]) for entry in history] == [(2, "updated"), (1, "created")]


def test_diff_tells_paths_and_both_values(octavo, versions):
    found = octavo.json("diff", versions[0]["id"], 1, 2)

    assert {(one["path"], one["kind"], one["before"], one["after"]) for one in found} == {
        ("/body/title", "changed", "First", "Second"),
        ("/body/status", "changed", "draft", "final"),
    }


def test_revert_makes_a_new_version_that_is_as_the_earlier_one(octavo):
    id = octavo.put("note", {"n": 1}, "--name", "revert")["id"]
    octavo.put("note", {"n": 2}, "--name", "revert")

    reverted = octavo.json("revert", id, 1)

    assert (reverted["version"], reverted["body"]) == (3, {"n": 1})


def test_a_tag_is_moved_read_and_taken_away(octavo, versions):
    id = versions[0]["id"]
    octavo.json("tag", id, "production", "--version", 1)

    tagged = octavo.json("get", id, "--tag", "production")
    moved = octavo.json("tag", id, "production")
    octavo.json("untag", id, "production")

    assert (tagged["version"], moved["previous"], moved["version"]) == (1, 1, 2)
    assert "production" in octavo.refused("get", id, "--tag", "production")


def test_a_deleted_document_comes_back_and_a_purged_one_does_not(octavo):
    id = octavo.put("note", {"n": 1})["id"]

    octavo.json("delete", id)
    after_delete = octavo.refused("get", id)
    octavo.json("restore-document", id)
    after_restore = octavo.json("get", id)["body"]
    octavo.json("purge", id, "--yes")

    assert (id in after_delete, after_restore) == (True, {"n": 1})
    assert id in octavo.refused("get", id, "--deleted")


def test_purge_without_yes_asks_and_does_nothing_when_nobody_answers(octavo, versions):
    ended = octavo.run("purge", versions[0]["id"])

    assert ended.returncode == 1
    assert octavo.json("get", versions[0]["id"])["version"] == 2


def test_events_are_one_cloudevent_a_line_behind_a_position(octavo):
    first = octavo.put("note", {"n": 1}, "--name", "told")
    octavo.put("note", {"n": 2}, "--name", "told")

    lines = octavo.done("events", "--after", first["position"], "--json").splitlines()

    told = [json.loads(line) for line in lines]
    assert [(event["specversion"], event["type"], event["subject"]) for event in told] == [
        ("1.0", "document.updated", first["id"])
    ]


def test_events_follow_shows_what_another_process_does_and_ends_when_asked(octavo):
    start = octavo.put("note", {"n": 1})["position"]
    command = octavo.words("events", "--follow", "--after", start, "--json")
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
        made = octavo.put("note", {"n": 2})
        line = following.stdout.readline()
        following.terminate()
        following.wait(10)

    event = json.loads(line)
    assert (event["type"], event["subject"]) == ("document.created", made["id"])


def test_status_tells_what_the_record_holds(octavo, versions):
    status = octavo.json("status")

    assert status["documents"] >= 1
    assert status["versions"] > status["documents"]
    assert {projection["last_error"] for projection in status["projections"]} == {None}


def test_doctor_finds_nothing_wrong_with_this_data_directory(octavo):
    ended = octavo.run("doctor", "--json")

    checks = json.loads(ended.stdout)
    # What others left behind on this machine is said too, and is none of this directory's business.
    wrong = [check for check in checks if not check["ok"] and check["name"] != "leftovers"]
    assert len(checks) > 5
    assert wrong == []
    assert ended.returncode == int(any(not check["ok"] for check in checks))


def test_organizations_do_not_see_each_others_documents(octavo):
    octavo.json("org", "create", "acme")
    theirs = octavo.put("secret", {"word": "axolotl"}, "--org", "acme")

    assert "acme" in [one["name"] for one in octavo.json("org", "list")]
    assert octavo.json("get", theirs["id"], "--org", "acme")["body"] == {"word": "axolotl"}
    assert theirs["id"] in octavo.refused("get", theirs["id"])
    assert [hit["id"] for hit in octavo.json("search", "axolotl", "--org", "acme")] == [theirs["id"]]
    assert octavo.json("search", "axolotl") == []


def test_a_backup_restores_into_a_new_directory(octavo, versions, ingested, folder):
    made = octavo.json("backup", folder / "backup")
    octavo.json("verify-backup", folder / "backup")
    restored = Cli(octavo.program, folder / "restored")
    try:
        restored.json("restore", folder / "backup")
        found = restored.json("get", versions[0]["id"], "--version", 1)
        hits = restored.json("search", "refund", "--limit", 1)
    finally:
        embedded.destroy(restored.data, force=True)

    assert made["documents"] > 1
    assert found["body"] == versions[0]["body"]
    assert hits[0]["name"] == str(EXAMPLES / "refund-policy.md")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        pytest.param(("get", NOBODY), NOBODY, id="missing document"),
        pytest.param(("get", "abc"), "abc", id="no id"),
        pytest.param(("put", "note", "--body", "-"), "JSON", id="body is no JSON"),
        pytest.param(("put", "note", "--body", "/nowhere.json"), "/nowhere.json", id="no such body"),
        pytest.param(("find", "--where", "{"), "JSON", id="filter is no JSON"),
        pytest.param(("count", "--org", "nobody"), "nobody", id="unknown organization"),
        pytest.param(("put", "article", "--name", "terms", "--body", "-", "--expect", 1), "2", id="conflict"),
    ],
)
def test_a_failure_is_exit_code_1_and_one_line_that_names_the_value(octavo, versions, words, named):
    given = '{"title": "Third"}' if "--expect" in words else "no JSON"

    said = octavo.refused(*words, given=given)

    assert named in said
    assert said.startswith("octavo: ")


def test_ingest_of_what_is_not_there_is_a_failure_that_tells_its_sums_all_the_same(octavo):
    ended = octavo.run("ingest", "/nowhere", "--json")

    assert (ended.returncode, len(json.loads(ended.stdout)["failures"])) == (1, 1)
    assert (len(ended.stderr.splitlines()), "/nowhere" in ended.stderr) == (1, True)


@pytest.mark.parametrize("words", [("gett", NOBODY), ("get",), ("find", "--limit", "many"), ("put", "note")])
def test_wrong_usage_is_exit_code_2_with_nothing_on_standard_output(octavo, words):
    ended = octavo.run(*words)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Usage" in ended.stderr
