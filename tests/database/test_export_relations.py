"""Labels and links get out with their documents and in again, equal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from msgspec import structs

from octavo.operations.export import export_documents
from octavo.operations.imports import ImportReport, import_documents
from octavo.postgres.record import Record
from octavo.store import changes, labels, links, organizations, reads, synonyms
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.values.document import Document
from tests.backups import put, scope_of


@pytest.fixture
def source(record: Record, organization: Organization) -> Scope:
    return scope_of(record, organization.id)


@pytest.fixture
def target(record: Record, other_organization: Organization) -> Scope:
    return scope_of(record, other_organization.id, origin=Origin(Actor("importer", "service")))


@pytest.fixture
async def three(source: Scope) -> list[Document]:
    """Three documents: labelled, linked; and a deleted one that was both."""
    await labels.define(source, "Legal", colour="#aa3300", description="Contracts")
    await labels.define(source, "unused")
    await links.define(source, "similar", symmetric=True, description="alike")
    a, b, c, gone = [await put(source, {"n": n}, name=f"n{n}") for n in range(4)]
    await labels.assign(source, a.id, "legal", 0.9)
    await labels.assign(source, b.id, "tax")
    await labels.assign(source, gone.id, "legal")
    await links.put(source, a.id, "references", b.id, confidence=0.8, metadata={"page": 7})
    await links.put(source, c.id, "similar", a.id)
    await links.put(source, gone.id, "references", a.id)
    await changes.delete(source, gone.id)
    return [a, b, c]


async def export(record: Record, scope: Scope, directory: Path, **options: Any) -> Any:
    return await export_documents(record.app, scope, None, directory, **options)


async def imported(record: Record, scope: Scope, directory: Path, **options: Any) -> ImportReport:
    return await import_documents(record.app, scope, None, directory, **options)


async def state(scope: Scope, ids: list[UUID]) -> object:
    """Everything a reader can see of labels and links, but for positions."""
    return (
        [(one.name, one.colour, one.description) for one in await labels.listing(scope)],
        [(one.name, one.symmetric, one.description) for one in await links.types(scope)],
        [
            [(one.name, one.confidence, one.assigned_at, one.assigned_by) for one in assigned]
            for assigned in [await labels.of_document(scope, id) for id in ids]
        ],
        [
            (one.type, one.source, one.target, one.confidence, one.metadata, one.created_at, one.created_by)
            for page in [await links.of_document(scope, id) for id in ids]
            for one in page.links
        ],
    )


async def events(record: Record, scope: Scope) -> int:
    [row] = await record.system.fetch(
        "SELECT count(*) AS n FROM octavo.event WHERE organization_id = $1", scope.organization
    )
    return int(row["n"])


async def test_labels_and_links_come_back_equal_in_another_organization(
    record, source, target, three, tmp_path
):
    ids = [doc.id for doc in three]

    out = await export(record, source, tmp_path / "export")
    back = await imported(record, target, tmp_path / "export")

    assert (out.links, out.failed) == (2, 0)
    assert (back.links, back.created, back.failed) == (2, 3, 0)
    assert await state(target, ids) == await state(source, ids)


async def test_a_second_import_changes_nothing(record, source, target, three, tmp_path):
    await export(record, source, tmp_path / "export")
    await imported(record, target, tmp_path / "export")
    before = await events(record, target)

    again = await imported(record, target, tmp_path / "export")

    assert (again.created, again.updated, again.unchanged, again.failed) == (0, 0, 3, 0)
    assert await events(record, target) == before


async def test_a_missing_label_is_assigned_to_a_document_that_is_there(record, source, three, tmp_path):
    await export(record, source, tmp_path / "export")
    before = await state(source, [doc.id for doc in three])
    await labels.remove(source, three[0].id, "legal")

    again = await imported(record, source, tmp_path / "export")

    assert (again.updated, again.unchanged) == (1, 2)
    [label] = await labels.of_document(source, three[0].id)
    assert (label.name, label.confidence) == ("Legal", 0.9)
    assert before != await state(source, [doc.id for doc in three])  # assigned now, and by whom imports


async def test_new_ids_are_linked_as_the_old_ones_were(record, source, target, three, tmp_path):
    await export(record, source, tmp_path / "export")

    await imported(record, target, tmp_path / "export", keep_ids=False)

    a, b, c = (uuid5(target.organization, str(doc.id)) for doc in three)
    page = await links.of_document(target, a)
    assert [(one.type, one.other(a)) for one in page.links] == [("references", b), ("similar", c)]


async def test_a_dry_run_defines_labels_and_links_nothing(record, source, target, three, tmp_path):
    await export(record, source, tmp_path / "export")

    done = await imported(record, target, tmp_path / "export", dry_run=True)

    assert (done.created, done.links, done.failed) == (3, 0, 0)
    assert await state(target, []) == ([], [], [], [])


async def test_links_to_what_was_not_exported_stay_at_home(record, source, three, tmp_path):
    letter = await changes.put(source, changes.Draft.of(source, "letter", {}))
    await links.put(source, letter.id, "references", three[0].id)

    out = await export(record, source, tmp_path / "export", type="article")

    assert out.links == 2


async def test_a_line_that_is_no_link_is_reported_and_the_rest_goes_on(
    record, source, target, three, tmp_path
):
    await export(record, source, tmp_path / "export")
    path = tmp_path / "export" / "links.jsonl"
    nobody = {"source": str(three[0].id), "type": "references", "target": str(UUID(int=7))}
    path.write_text('{"source": 1}\n' + json.dumps(nobody) + "\n" + path.read_text())

    done = await imported(record, target, tmp_path / "export")

    assert (done.links, done.failed) == (2, 2)
    assert [problem.place for problem in done.problems] == ["links.jsonl, line 1", "links.jsonl, line 2"]


async def test_links_beside_a_file_of_ones_own_are_not_taken(record, target, tmp_path):
    (tmp_path / "mine.jsonl").write_text('{"type": "article", "body": {}}\n')
    (tmp_path / "links.jsonl").write_text("what is this\n")

    done = await imported(record, target, tmp_path / "mine.jsonl")

    assert (done.created, done.failed) == (1, 0)


async def test_a_line_of_ones_own_may_have_labels(record, target, tmp_path):
    (tmp_path / "mine.jsonl").write_text(
        '{"type": "article", "id": "00000000-0000-7000-8000-000000000001", "body": {},'
        ' "labels": {"legal": {}, "tax": {"confidence": 0.5}}}\n'
        '{"type": "article", "body": {}, "labels": {" legal": {}}}\n'
    )

    done = await imported(record, target, tmp_path / "mine.jsonl")

    assert (done.created, done.failed) == (1, 1)
    assigned = await labels.of_document(target, UUID("00000000-0000-7000-8000-000000000001"))
    assert [(one.name, one.confidence, one.assigned_by.id) for one in assigned] == [
        ("legal", None, "importer"),
        ("tax", 0.5, "importer"),
    ]


async def test_synonyms_come_along_once(record: Record, source: Scope, target: Scope, tmp_path: Path):
    await synonyms.define(source, ["Refund", "money back"], "en")
    await synonyms.define(source, ["CV", "résumé"])
    await synonyms.define(target, ["résumé", "cv"])
    await export(record, source, tmp_path / "export")

    first = await imported(record, target, tmp_path / "export")
    again = await imported(record, target, tmp_path / "export")

    assert (first.problems, again.problems) == ([], [])
    assert [(one.language, one.words) for one in await synonyms.listing(target)] == [
        (None, ["résumé", "cv"]),
        ("en", ["refund", "money back"]),
    ]


async def test_synonyms_that_are_none_are_reported_and_the_rest_goes_on(
    record: Record, source: Scope, target: Scope, tmp_path: Path
):
    await put(source, {"n": 1}, name="n1")
    await export(record, source, tmp_path / "export")
    told = {"synonyms": [{"words": ["alone"]}, {"words": ["car", "automobile"]}]}
    (tmp_path / "export" / "definitions.json").write_text(json.dumps(told))

    report = await imported(record, target, tmp_path / "export")

    assert ([problem.place for problem in report.problems], report.created) == (
        ["definitions.json, synonyms ['alone']"],
        1,
    )
    assert [one.words for one in await synonyms.listing(target)] == [["car", "automobile"]]


async def test_a_body_keeps_the_version_of_its_type(
    record: Record, source: Scope, target: Scope, tmp_path: Path
):
    """S3-062"""
    draft = changes.Draft(type="article", name="a", body=b'{"n": 1}', schema_version=2)
    await changes.put(source, draft)
    second = await changes.put(source, structs.replace(draft, body=b'{"n": 2}', schema_version=3))
    await changes.put(target, structs.replace(draft, body=b'{"n": 2}', id=second.id))
    await export(record, source, tmp_path / "export", history=True)

    whole = await versions_after(record, await other(record), tmp_path / "export", second.id)
    known = await imported(record, target, tmp_path / "export")

    assert whole == {1: 2, 2: 3}
    assert (known.updated, (await reads.get(target, second.id)).schema_version) == (1, 3)
    assert (await imported(record, target, tmp_path / "export")).unchanged == 1


async def other(record: Record) -> Scope:
    """A third organization."""
    return scope_of(record, (await organizations.create(record.system, f"third-{uuid4().hex}")).id)


async def versions_after(record: Record, scope: Scope, directory: Path, id: UUID) -> dict[int, int]:
    """As which version of its type each version of an imported document was written."""
    await imported(record, scope, directory, keep_ids=False)
    here = uuid5(scope.organization, str(id))
    return {number: (await reads.get(scope, here, version=number)).schema_version for number in (1, 2)}
