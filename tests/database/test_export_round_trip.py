"""Documents get out and in again, equal."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from octavo.engines.blobs.files import FileBlobs
from octavo.errors import BackupFault, NotFound
from octavo.operations.export import ExportReport, export_documents
from octavo.operations.imports import ImportReport, import_documents
from octavo.operations.names import readable_name
from octavo.postgres.record import Record
from octavo.store import changes, contents, organizations, reads, tags
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from tests.backups import put, put_file, scope_of


@pytest.fixture
def blobs(tmp_path: Path) -> FileBlobs:
    return FileBlobs(tmp_path / "blobs")


@pytest.fixture
def source(record: Record, organization: Organization) -> Scope:
    return scope_of(record, organization.id)


@pytest.fixture
def target(record: Record, other_organization: Organization) -> Scope:
    return scope_of(record, other_organization.id, origin=Origin(Actor("importer", "service")))


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    return tmp_path / "export"


async def export(
    record: Record, scope: Scope, directory: Path, blobs: Any = None, **options: Any
) -> ExportReport:
    return await export_documents(record.app, scope, blobs, directory, **options)


async def imported(
    record: Record, scope: Scope, directory: Path, blobs: Any = None, **options: Any
) -> ImportReport:
    return await import_documents(record.app, scope, blobs, directory, **options)


def lines_of(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (directory / "documents.jsonl").read_text().splitlines()]


def list_of(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


async def events(record: Record, scope: Scope) -> int:
    row = await record.system.fetchrow(
        "SELECT count(*) AS n FROM octavo.event WHERE organization_id = $1", scope.organization
    )
    assert row is not None
    return int(row["n"])


async def state(scope: Scope, id: UUID) -> object:
    """Everything a reader can see of a document, but for its position."""
    document = await reads.get(scope, id)
    tagged = {
        tag.name: ((await reads.get(scope, id, tag=tag.name)).body, tag.moved_at, tag.moved_by)
        for tag in await tags.current(scope, id)
    }
    return (
        document.namespace, document.type, document.name, document.raw_body, document.metadata,
        document.created_at, document.created_by, document.updated_at, document.updated_by, tagged,
    )  # fmt: skip


async def past(scope: Scope, id: UUID) -> object:
    """Every version of a document with its body."""
    history = await reads.history(scope, id, limit=1000)
    return [
        (entry, (await reads.get(scope, id, version=entry.number, deleted=True)).raw_body)
        for entry in history
    ]


async def test_documents_come_back_equal_in_another_organization(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    made = [
        await put(source, {"n": n, "text": "Grüße"}, name=f"doc {n}", metadata={"of": n}) for n in range(700)
    ]

    out = await export(record, source, exported)
    back = await imported(record, target, exported)

    assert (out.documents, out.versions, out.failed) == (700, 700, 0)
    assert (back.documents, back.created, back.updated, back.unchanged, back.failed) == (700, 700, 0, 0, 0)
    for document in made[::50]:
        assert await state(target, document.id) == await state(source, document.id)


async def test_tags_come_back_at_equal_versions(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    document = await put(source, {"title": "first"}, name="tagged")
    for title in ("second", "third", "fourth"):
        await tags.move(source, document.id, f"at-{document.body['title']}")
        document = await changes.patch(source, document.id, {"title": title})
    await tags.move(source, document.id, "production")

    out = await export(record, source, exported)
    await imported(record, target, exported)

    assert out.versions == 4
    assert await state(target, document.id) == await state(source, document.id)


async def test_without_the_history_only_tagged_and_current_versions_are_exported(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    document = await put(source, {"n": 1})
    for n in range(2, 9):
        document = await changes.patch(source, document.id, {"n": n})
        if n == 4:
            await tags.move(source, document.id, "kept")

    await export(record, source, exported)
    await imported(record, target, exported)

    assert [version["number"] for version in lines_of(exported)[0]["versions"]] == [4]
    assert [entry.number for entry in await reads.history(target, document.id)] == [2, 1]
    assert (await reads.get(target, document.id, tag="kept")).body == {"n": 4}


async def test_the_history_comes_back_version_by_version(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    document = await put(source, {"n": 1}, metadata={"state": "draft"})
    await changes.patch(source, document.id, {"n": 2}, metadata={"state": "final"})
    await changes.revert(source, document.id, 1)
    await changes.delete(source, document.id)
    await changes.restore(source, document.id)
    await changes.patch(source, document.id, {"text": "long " * 2000})
    await tags.move(source, document.id, "first", 1)

    out = await export(record, source, exported, history=True)
    await imported(record, target, exported)

    assert out.versions == 6
    assert await past(target, document.id) == await past(source, document.id)
    assert await state(target, document.id) == await state(source, document.id)


async def test_a_history_longer_than_a_portion_is_one_line(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    document = await put(source, {"n": 0, "text": "x" * 300_000})
    for n in range(1, 60):
        document = await changes.patch(source, document.id, {"n": n})
    other = await put(source, {"n": "after"})

    await export(record, source, exported, history=True)
    await imported(record, target, exported)

    assert [len(line["versions"]) for line in lines_of(exported)] == [59, 0]
    assert await past(target, document.id) == await past(source, document.id)
    assert await state(target, other.id) == await state(source, other.id)


async def test_json_comes_back_to_the_last_digit(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    body = (
        b'{"a": 1.10, "b": 12345678901234567890123, "c": 1e-7,'
        b' "d": "\\u00e9\\ud83d\\ude00\\"\\\\", "e": [[], {}, null]}'
    )
    document = await changes.put(source, changes.Draft(type="article", body=body))
    stored = await reads.get(source, document.id)

    await export(record, source, exported)
    await imported(record, target, exported)

    assert (await reads.get(target, document.id)).raw_body == stored.raw_body


async def test_a_second_run_changes_nothing(
    record: Record, source: Scope, target: Scope, exported: Path, blobs: FileBlobs
) -> None:
    for n in range(300):
        document = await put(source, {"n": n}, name=f"doc {n}")
    await changes.patch(source, document.id, {"n": "newer"})
    await tags.move(source, document.id, "old", 1)
    await put_file(source, blobs, b"file", name="file")
    await export(record, source, exported, blobs)
    await imported(record, target, exported, blobs)
    before = await events(record, target)

    again = await imported(record, target, exported, blobs)

    assert (again.created, again.updated, again.unchanged, again.failed) == (0, 0, 301, 0)
    assert await events(record, target) == before


async def test_an_import_over_its_own_source_changes_nothing(
    record: Record, source: Scope, exported: Path
) -> None:
    document = await put(source, {"n": 1}, name="doc")
    await tags.move(source, document.id, "production")
    await export(record, source, exported, history=True)
    before = await events(record, source)

    again = await imported(record, source, exported)

    assert (again.unchanged, await events(record, source)) == (1, before)


async def test_a_document_that_was_changed_meanwhile_gets_the_exported_state_as_its_next_version(
    record: Record, source: Scope, exported: Path
) -> None:
    document = await put(source, {"n": 1}, name="doc")
    await tags.move(source, document.id, "production")
    await export(record, source, exported)
    await changes.patch(source, document.id, {"n": 2})
    await tags.move(source, document.id, "production")

    back = await imported(record, source, exported)

    now = await reads.get(source, document.id)
    assert (back.updated, now.version, now.body) == (1, 3, {"n": 1})
    assert (await reads.get(source, document.id, tag="production")).body == {"n": 1}
    assert (await reads.get(source, document.id, version=2)).body == {"n": 2}


async def test_with_new_ids_a_second_run_finds_what_the_first_one_made(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    made = [await put(source, {"n": n}) for n in range(5)]
    await export(record, source, exported)

    first = await imported(record, target, exported, keep_ids=False)
    second = await imported(record, target, exported, keep_ids=False)

    assert (first.created, second.created, second.unchanged) == (5, 0, 5)
    assert await reads.get_many(target, [document.id for document in made]) == {}


async def test_deleted_and_purged_documents_stay_where_they_are(
    record: Record, source: Scope, exported: Path
) -> None:
    kept = await put(source, {"n": "kept"})
    await changes.delete(source, (await put(source, {"n": "deleted"})).id)
    await changes.purge(source, (await put(source, {"n": "purged"})).id)

    await export(record, source, exported, history=True)

    assert [line["id"] for line in lines_of(exported)] == [str(kept.id)]


async def test_only_the_namespace_and_type_asked_for_are_exported(
    record: Record, source: Scope, exported: Path
) -> None:
    drafts = scope_of(record, source.organization, namespace="drafts")
    await put(source, {"n": 1})
    wanted = await put(drafts, {"n": 2})
    await changes.put(drafts, changes.Draft.of(drafts, "note", {"n": 3}))

    out = await export(record, source, exported, namespace="drafts", type="article")

    assert [line["id"] for line in lines_of(exported)] == [str(wanted.id)]
    assert json.loads((exported / "export.json").read_text())["namespace"] == "drafts"
    assert out.documents == 1


async def test_namespaces_come_back(record: Record, source: Scope, target: Scope, exported: Path) -> None:
    made = [
        await put(scope_of(record, source.organization, namespace=name), {"n": 1}, name="same")
        for name in ("a", "b", "a.b")
    ]

    await export(record, source, exported)
    await imported(record, target, exported)

    for document in made:
        assert await state(target, document.id) == await state(source, document.id)


async def test_another_organizations_documents_are_never_exported(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    await put(source, {"n": "mine"})
    await put(target, {"n": "theirs"})

    await export(record, source, exported)

    assert [line["body"] for line in lines_of(exported)] == [{"n": "mine"}]


async def test_the_log_tells_when_and_by_whom_documents_were_imported(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    document = await put(source, {"n": 1})
    await export(record, source, exported)
    before = datetime.now(UTC)

    await imported(record, target, exported)

    rows = await record.system.fetch(
        "SELECT type, actor, recorded_at FROM octavo.event WHERE organization_id = $1", target.organization
    )
    assert [(row["type"], row["actor"]) for row in rows] == [("document.created", "importer")]
    assert rows[0]["recorded_at"] > before > (await reads.get(target, document.id)).created_at


async def test_changes_after_an_import_come_after_the_imported_versions(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    document = await put(source, {"n": 1})
    await export(record, source, exported)
    await imported(record, target, exported)
    then = datetime.now(UTC)

    changed = await changes.patch(target, document.id, {"n": 2})

    assert changed.version == 2
    assert (await reads.get(target, document.id, at=then)).body == {"n": 1}


async def test_original_files_come_back_under_names_one_can_read(
    record: Record, source: Scope, target: Scope, exported: Path, blobs: FileBlobs, tmp_path: Path
) -> None:
    data = os.urandom(200_000)
    document = await put_file(source, blobs, data, name="Verträge/2024/Grüße & Küsse.PDF")
    copies = FileBlobs(tmp_path / "copies")

    out = await export(record, source, exported, blobs)
    back = await imported(record, target, exported, copies)

    assert (out.files, out.bytes, back.files) == (1, 200_000, 1)
    [line] = lines_of(exported)[0]["contents"]
    assert Path(line["file"]).match("files/default/article/Grüße-Küsse--*.pdf")
    assert (exported / line["file"]).read_bytes() == data
    here, there = await contents.get(source, document.id), await contents.get(target, document.id)
    assert await copies.get(there.blob) == data
    assert {f: getattr(here, f) for f in here.__struct_fields__ if f != "blob"} == {
        f: getattr(there, f) for f in there.__struct_fields__ if f != "blob"
    }


async def test_the_file_of_an_earlier_version_stays_with_the_versions_it_counts_for(
    record: Record, source: Scope, target: Scope, exported: Path, blobs: FileBlobs
) -> None:
    document = await put_file(source, blobs, b"first", name="file.txt")
    await tags.move(source, document.id, "first")
    await put_file(source, blobs, b"second", name="file.txt")
    await changes.patch(source, document.id, {"note": "by hand"})

    await export(record, source, exported, blobs)
    await imported(record, target, exported, blobs)

    tagged = (await reads.get(target, document.id, tag="first")).version
    assert await blobs.get((await contents.get(target, document.id, tagged)).blob) == b"first"
    assert await blobs.get((await contents.get(target, document.id)).blob) == b"second"


async def test_files_of_one_name_do_not_overwrite_each_other(
    record: Record, source: Scope, exported: Path, blobs: FileBlobs
) -> None:
    for number in range(20):
        await put_file(source, blobs, b"%d" % (number % 10), name=f"{number}/report.pdf")

    out = await export(record, source, exported, blobs)

    files = {line["contents"][0]["file"] for line in lines_of(exported)}
    assert (out.files, len(files)) == (10, 10)


@pytest.mark.parametrize(
    ("name", "media_type", "expected"),
    [
        ("report.pdf", "application/pdf", "report--61.pdf"),
        ("a/b\\c/Q1 report.DOCX", "application/pdf", "Q1-report--61.docx"),
        ("../../etc/passwd", "text/plain", "passwd--61.txt"),
        ("...", "text/html", "file--61.html"),
        (None, "application/x-unheard-of", "file--61.bin"),
        ("con:aux|<>?*\x07\"'", "text/plain", "con-aux--61.txt"),
        ("報告書.txt", "text/plain", "報告書--61.txt"),
        ("version 2.0 final", "text/plain", "version-2--61.0 final"),
    ],
)
def test_a_name_is_safe_and_readable(name: str | None, media_type: str, expected: str) -> None:
    made = readable_name(name, media_type, b"a" * 32).replace("61" * 8, "61")

    assert made == expected.replace("version-2--61.0 final", "version-2.0-final--61.txt")


def test_a_long_name_is_cut_between_characters() -> None:
    made = readable_name("ü" * 400 + ".txt", "text/plain", b"a" * 32)

    assert len(made.encode()) < 140
    assert made.startswith("ü" * 50)


async def test_an_export_is_of_one_moment(
    record: Record, source: Scope, exported: Path, blobs: FileBlobs
) -> None:
    """The first file is read after the export began, and everything changes while it is read."""
    first = await put_file(source, blobs, b"file", name="first")
    second = await put(source, {"n": "before"}, name="second")

    class Busy(FileBlobs):
        async def read(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
            await changes.patch(source, second.id, {"n": "after"})
            await put(source, {"n": "new"}, name="third")
            await changes.purge(source, first.id)
            async for piece in super().read(key, start=start, end=end):
                yield piece

    out = await export(record, source, exported, Busy(blobs.directory))

    assert [(line["name"], line["version"]) for line in lines_of(exported)] == [("first", 1), ("second", 1)]
    assert lines_of(exported)[1]["body"] == {"n": "before"}
    assert out.failed == 0


async def test_a_damaged_original_is_reported_and_the_rest_is_exported(
    record: Record, source: Scope, exported: Path, blobs: FileBlobs
) -> None:
    damaged = await put_file(source, blobs, b"damaged", name="damaged.pdf")
    await put_file(source, blobs, b"fine", name="fine.pdf")
    path = blobs.directory / (await contents.get(source, damaged.id)).blob
    path.write_bytes(b"DAMAGED")

    out = await export(record, source, exported, blobs)

    assert (out.documents, out.files, out.failed) == (2, 1, 1)
    assert "damaged.pdf" in str(out.problems[0])
    assert "file" not in lines_of(exported)[0]["contents"][0]


async def test_progress_is_told_in_documents(
    record: Record, source: Scope, target: Scope, exported: Path
) -> None:
    for n in range(3):
        await put(source, {"n": n})
    out: list[tuple[int, int]] = []
    back: list[tuple[int, int]] = []

    await export(record, source, exported, progress=lambda *done: out.append(done))
    await imported(record, target, exported, progress=lambda *done: back.append(done))

    assert out == [(3, 3)]
    assert back == [((exported / "documents.jsonl").stat().st_size,) * 2]


async def test_a_used_directory_is_refused(record: Record, source: Scope, exported: Path) -> None:
    await export(record, source, exported)

    with pytest.raises(BackupFault, match="is not empty"):
        await export(record, source, exported)


async def test_an_organization_that_is_not_there_has_no_export(
    record: Record, exported: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotFound):
        await export(record, scope_of(record, UUID(int=7)), exported)

    assert list_of(tmp_path) == []


async def test_an_empty_organization_makes_an_empty_export(
    record: Record, exported: Path, organization: Organization, target: Scope
) -> None:
    out = await export(record, scope_of(record, organization.id), exported)
    back = await imported(record, target, exported)

    assert (out.documents, back.documents, back.failed) == (0, 0, 0)
    assert await organizations.find(record.system, organization.name) == organization
