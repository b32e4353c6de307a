"""What an import refuses: one line of error each, and the rest goes on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from octavo.engines.blobs.files import FileBlobs
from octavo.errors import InvalidInput, NotFound
from octavo.operations import imports
from octavo.operations.export import export_documents
from octavo.operations.imports import ImportReport, import_documents
from octavo.operations.problems import Problem
from octavo.postgres.record import Record
from octavo.store import changes, contents, reads
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.document import Document
from tests.backups import put, put_file, scope_of

GOOD = {"type": "article", "name": "good", "body": {"good": True}}
ID = "0192d4e0-1111-7222-8333-444455556666"


@pytest.fixture
def scope(record: Record, organization: Organization) -> Scope:
    return scope_of(record, organization.id)


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


async def take(record: Record, scope: Scope, path: Path, *lines: object, **options: Any) -> ImportReport:
    """Import lines: texts as they are, everything else as JSON."""
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    file = path / "lines.jsonl"
    file.write_text("\n".join(texts) + "\n", encoding="utf-8", errors="surrogateescape")
    return await import_documents(record.app, scope, options.pop("blobs", None), file, **options)


async def good(scope: Scope) -> Document:
    return await reads.get_named(scope, "article", "good")


BAD: dict[str, tuple[object, str]] = {
    "no JSON": ("{", "no document of an export"),
    "no object": ("[1, 2]", "no document of an export"),
    "no UTF-8": ('{"type": "article", "body": {"a": "\udcff"}}', "no document of an export|not JSON"),
    "no type": ({"body": {}}, "type"),
    "no body": ({"type": "article"}, "body"),
    "an unknown field": ({**GOOD, "titel": "typo"}, "titel"),
    "a body that is no object": ({**GOOD, "body": [1]}, "JSON object"),
    "metadata that are no object": ({**GOOD, "metadata": 7}, "JSON object"),
    "a key twice": ('{"type": "article", "body": {"a": 1, "a": 2}}', "twice"),
    "NaN": ('{"type": "article", "body": {"a": NaN}}', "no document of an export|NaN"),
    "a number beyond floats": ('{"type": "article", "body": {"a": 1e999}}', "cannot hold"),
    "the null character": ({**GOOD, "body": {"a": "\x00"}}, r"U\+0000"),
    "too deep": ({**GOOD, "body": {"a": json.loads("[" * 101 + "]" * 101)}}, "nested deeper"),
    "a type that is none": ({**GOOD, "type": "no type"}, "rule"),
    "a name that is too long": ({**GOOD, "name": "x" * 501}, "500 characters"),
    "an id that is none": ({**GOOD, "id": "7"}, "id"),
    "a date without a zone": ({**GOOD, "created_at": "2024-01-01T00:00:00"}, "time zone"),
    "an actor that is none": ({**GOOD, "created_at": "2024-01-01T00:00:00Z", "created_by": "robot:r2"}, "robot:r2"),
    "versions out of order": (
        {**GOOD, "version": 2, "versions": [{"number": 2, "change": "created", "created_at": "2024-01-01T00:00:00Z",
                                             "created_by": "user:a", "body": {}}]}, "no order"),
    "versions older than those before": (
        {**GOOD, "version": 2, "updated_at": "2023-01-01T00:00:00Z",
         "versions": [{"number": 1, "change": "created", "created_at": "2024-01-01T00:00:00Z",
                       "created_by": "user:a", "body": {}}]}, "older than one before"),
    "a tag at a version that is missing": ({**GOOD, "tags": {"production": {"version": 7}}}, "production"),
    "a tag's name that is none": ({**GOOD, "tags": {"no tag": {"version": 1}}}, "rule"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
async def test_a_bad_line_is_one_error_and_the_good_ones_are_imported(
    record: Record, scope: Scope, tmp_path: Path, what: str
) -> None:
    line, said = BAD[what]
    if isinstance(line, dict):
        line = (
            {**line, "id": line.get("id", ID)}
            if "name" not in line
            else {**line, "name": line["name"].replace("good", "bad")}
        )

    report = await take(record, scope, tmp_path, line, GOOD)

    assert (report.created, report.failed) == (1, 1)
    assert report.problems[0].place == "line 1"
    assert re.search(said, report.problems[0].message), report.problems[0].message
    assert (await good(scope)).body == {"good": True}
    rows = await record.system.fetch(
        "SELECT id FROM octavo.document WHERE organization_id = $1", scope.organization
    )
    assert len(rows) == 1


async def test_every_bad_line_is_told_at_once_and_none_stops_the_rest(
    record: Record, scope: Scope, tmp_path: Path
) -> None:
    """Half of the lines fail in the record only, spread over many portions."""
    lines = [{"type": "article", "name": f"{n}", "body": {"n": n}} for n in range(500)]
    for n in range(0, 500, 50):
        lines[n]["type"] = "no type"
    told: list[Problem] = []

    report = await take(record, scope, tmp_path, *lines, on_problem=told.append)

    assert (report.created, report.failed) == (490, 10)
    assert [problem.place for problem in told] == [f"line {n + 1}" for n in range(0, 500, 50)]
    assert report.problems == told


async def test_lines_written_by_hand_need_type_and_body_alone(
    record: Record, scope: Scope, tmp_path: Path
) -> None:
    report = await take(
        record,
        scope,
        tmp_path,
        {"type": "note", "body": {"n": 1}},
        "",
        {"type": "note", "name": "n", "body": {"n": 2}},
    )

    assert (report.created, report.failed) == (2, 0)
    named = await reads.get_named(scope, "note", "n")
    assert (named.version, named.body, str(named.updated_by)) == (1, {"n": 2}, "user:ann")


async def test_a_line_without_an_id_finds_its_document_by_name(
    record: Record, scope: Scope, tmp_path: Path
) -> None:
    first = await take(record, scope, tmp_path, GOOD)
    same = await take(record, scope, tmp_path, GOOD)
    other = await take(record, scope, tmp_path, {**GOOD, "body": {"good": "newer"}})

    assert (first.created, same.unchanged, other.updated) == (1, 1, 1)
    assert ((await good(scope)).version, (await good(scope)).body) == (2, {"good": "newer"})


async def test_a_name_twice_in_one_file_goes_to_the_first(
    record: Record, scope: Scope, tmp_path: Path
) -> None:
    twice = {**GOOD, "id": ID, "body": {"good": False}}

    report = await take(record, scope, tmp_path, GOOD, twice)

    assert (report.created, report.failed, report.problems[0].code) == (1, 1, "already_exists")
    assert (await good(scope)).body == {"good": True}


async def test_a_name_that_another_document_has_is_not_taken_from_it(
    record: Record, scope: Scope, tmp_path: Path
) -> None:
    mine = await put(scope, {"mine": True}, name="good")

    report = await take(record, scope, tmp_path, {**GOOD, "id": ID})

    assert (report.created, report.updated, report.failed) == (0, 0, 1)
    assert str(mine.id) in report.problems[0].message
    assert (await good(scope)).body == {"mine": True}


@pytest.mark.parametrize("how", ["deleted", "purged"])
async def test_a_document_that_was_removed_here_is_not_brought_back(
    record: Record, scope: Scope, tmp_path: Path, how: str
) -> None:
    document = await put(scope, {"good": True})
    await (changes.delete if how == "deleted" else changes.purge)(scope, document.id)

    report = await take(record, scope, tmp_path, {**GOOD, "id": str(document.id)})

    assert (report.failed, report.problems[0].code) == (1, "not_found")
    with pytest.raises(NotFound):
        await reads.get(scope, document.id)


async def test_a_document_keeps_its_type(record: Record, scope: Scope, tmp_path: Path) -> None:
    document = await put(scope, {"good": True})

    report = await take(record, scope, tmp_path, {"type": "note", "id": str(document.id), "body": {}})

    assert report.failed == 1
    assert "another type or namespace" in report.problems[0].message


async def test_a_dry_run_tells_the_same_and_changes_nothing(
    record: Record, scope: Scope, tmp_path: Path, blobs: FileBlobs
) -> None:
    await put(scope, {"n": 0}, name="same")
    await put(scope, {"n": 0}, name="differs")
    lines = [
        {"type": "article", "name": "same", "body": {"n": 0}},
        {"type": "article", "name": "differs", "body": {"n": 1}},
        {"type": "no type", "name": "bad", "body": {}},
        {"type": "article", "name": "new", "body": {}, "tags": {"production": {"version": 1}}},
    ]
    before = await everything(record, scope)

    told = await take(record, scope, tmp_path, *lines, dry_run=True, blobs=blobs)
    after = await everything(record, scope)
    done = await take(record, scope, tmp_path, *lines, blobs=blobs)

    assert after == before
    assert (told.created, told.updated, told.unchanged, told.failed) == (1, 1, 1, 1)
    assert (done.created, done.updated, done.unchanged, done.failed) == (1, 1, 1, 1)


async def everything(record: Record, scope: Scope) -> list[Any]:
    rows = await record.system.fetch(
        "SELECT stream, sequence FROM octavo.event WHERE organization_id = $1 ORDER BY 1, 2",
        scope.organization,
    )
    bodies = await record.system.fetch(
        "SELECT hash FROM octavo.body WHERE organization_id = $1 ORDER BY 1", scope.organization
    )
    return [[tuple(row.values()) for row in rows], [row["hash"] for row in bodies]]


@pytest.fixture
async def with_file(record: Record, organization: Organization, blobs: FileBlobs, tmp_path: Path) -> Path:
    scope = scope_of(record, organization.id)
    await put_file(scope, blobs, b"the original", name="file.txt")
    await export_documents(record.app, scope, blobs, tmp_path / "export")
    return tmp_path / "export"


async def import_to(
    record: Record, organization: Organization, blobs: FileBlobs, source: Path
) -> ImportReport:
    return await import_documents(record.app, scope_of(record, organization.id), blobs, source)


@pytest.mark.parametrize(
    ("change", "said"), [("missing", "no file of this export"), ("changed", "another file")]
)
async def test_a_file_that_is_not_the_exported_one_fails_its_line(
    record: Record,
    other_organization: Organization,
    blobs: FileBlobs,
    with_file: Path,
    change: str,
    said: str,
) -> None:
    [path] = [path for path in (with_file / "files").rglob("*") if path.is_file()]
    path.unlink() if change == "missing" else path.write_bytes(b"another one")

    report = await import_to(record, other_organization, blobs, with_file)

    assert (report.created, report.failed) == (0, 1)
    assert said in report.problems[0].message


@pytest.mark.parametrize("outside", ["../secret.txt", "/etc/passwd", "files/../../secret.txt", "link.txt"])
async def test_a_line_cannot_reach_files_outside_of_the_export(
    record: Record, other_organization: Organization, blobs: FileBlobs, with_file: Path, outside: str
) -> None:
    (with_file.parent / "secret.txt").write_bytes(b"the original")
    (with_file / "link.txt").symlink_to(with_file.parent / "secret.txt")
    [line] = [json.loads(text) for text in (with_file / "documents.jsonl").read_text().splitlines()]
    line["contents"][0]["file"] = outside
    (with_file / "documents.jsonl").write_text(json.dumps(line))

    report = await import_to(record, other_organization, blobs, with_file)

    assert (report.created, report.failed) == (0, 1)
    assert "no file of this export" in report.problems[0].message


async def test_a_file_that_was_not_exported_is_told_and_its_document_is_imported(
    record: Record, other_organization: Organization, blobs: FileBlobs, with_file: Path
) -> None:
    [line] = [json.loads(text) for text in (with_file / "documents.jsonl").read_text().splitlines()]
    del line["contents"][0]["file"]
    (with_file / "documents.jsonl").write_text(json.dumps(line))

    report = await import_to(record, other_organization, blobs, with_file)

    assert (report.created, report.failed, report.files) == (1, 1, 0)
    assert "not in the export" in report.problems[0].message
    with pytest.raises(NotFound):
        await contents.get(scope_of(record, other_organization.id), (await _only(record, other_organization)))


async def _only(record: Record, organization: Organization) -> Any:
    row = await record.system.fetchrow(
        "SELECT id FROM octavo.document WHERE organization_id = $1", organization.id
    )
    assert row is not None
    return row["id"]


async def test_a_line_that_is_too_long_is_one_error(
    record: Record, scope: Scope, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "LONGEST_LINE_BYTES", 1000)
    long = {"type": "article", "body": {"text": "x" * 5000}}

    report = await take(record, scope, tmp_path, long, GOOD)

    assert (report.created, report.failed) == (1, 1)
    assert report.problems[0].place == "line 1"


async def test_a_source_with_nothing_in_it_is_refused(record: Record, scope: Scope, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="nothing to import"):
        await import_documents(record.app, scope, None, tmp_path)


async def test_an_import_into_no_organization_is_refused(record: Record, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no organization"):
        await take(record, scope_of(record, UUID(int=7)), tmp_path, GOOD)
