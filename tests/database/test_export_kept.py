"""Kept queries and topics get out with the documents and in again: with consent, and until they expire."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid5

import numpy as np
import pytest

from octavo.operations.export import export_documents
from octavo.operations.imports import ImportReport, import_documents
from octavo.postgres.record import Record
from octavo.registry import topics
from octavo.registry.topics import Version
from octavo.roles.embedder import Embedding, Model
from octavo.store import queries
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.values.topic import TopicDraft
from tests.backups import put, scope_of

ANN, BOB = Actor("ann", "user"), Actor("bob", "user")
MODEL = Model("words", "3", 4)
PRESS = Version("press", "2", MODEL)
DRAFTS = [
    TopicDraft(topic_id=0, name="Refunds", keywords=["refund", "money"], vector=[0.25, 0.5, 0.0, 1.0]),
    TopicDraft(topic_id=5, keywords=["bread"], coherence_score=0.5, vector=[1.0, 0.0, 0.0, 0.125]),
]


@pytest.fixture
def source(record: Record, organization: Organization) -> Scope:
    return scope_of(record, organization.id, origin=Origin(ANN))


@pytest.fixture
def target(record: Record, other_organization: Organization) -> Scope:
    return scope_of(record, other_organization.id, origin=Origin(Actor("importer", "service")))


@pytest.fixture
async def kept(record: Record, source: Scope) -> Scope:
    """An organization with a document, two queries of two people, and topics."""
    await put(source, {"n": 1})
    await queries.allow(source, ANN, 30)
    await queries.allow(source, BOB, 3)
    vector = np.array([0.5, 0.25, 0.0, 1.0], dtype=np.float32)
    await queries.remember(source, ANN, "money", mode="hybrid", found=2, vector=Embedding(MODEL, vector))
    await queries.remember(source, BOB, "bread", mode="keyword", found=0, vector=None)
    await topics.put(record.app, source, PRESS, DRAFTS)
    return source


async def export(record: Record, scope: Scope, directory: Path, **options: Any) -> Any:
    return await export_documents(record.app, scope, None, directory, **options)


async def imported(record: Record, scope: Scope, directory: Path, **options: Any) -> ImportReport:
    return await import_documents(record.app, scope, None, directory, **options)


async def state(scope: Scope) -> object:
    """Everything that is kept, vectors included."""
    asked = np.array([1.0, 0.0, 0.0, 0.0], dtype=np.float32)
    return (
        await queries.consents(scope, None, 100),
        await queries.listing(scope, None, None, 100),
        [(one.text, one.similarity) for one in await queries.similar(scope, MODEL, asked, -1, 100)],
        await topics.sets(scope),
        await topics.drafts(scope, PRESS),
    )


async def test_kept_queries_and_topics_come_back_equal_in_another_organization(
    record: Record, kept: Scope, target: Scope, tmp_path: Path
) -> None:
    """S0-107, S0-108: with consent, vector and the day they expire."""
    out = await export(record, kept, tmp_path / "export")

    back = await imported(record, target, tmp_path / "export")

    assert (out.queries, out.topic_sets, out.failed) == (2, 1, 0)
    assert (back.queries, back.topic_sets, back.failed) == (2, 1, 0)
    assert await state(target) == await state(kept)


async def test_a_second_import_changes_nothing(
    record: Record, kept: Scope, target: Scope, tmp_path: Path
) -> None:
    await export(record, kept, tmp_path / "export")
    await imported(record, target, tmp_path / "export")
    before = await state(target)

    again = await imported(record, target, tmp_path / "export")

    assert (again.queries, again.topic_sets, again.failed) == (0, 0, 0)
    assert await state(target) == before


async def test_what_was_allowed_and_kept_here_stays_as_it_is(
    record: Record, kept: Scope, target: Scope, tmp_path: Path
) -> None:
    await export(record, kept, tmp_path / "export")
    own = await queries.allow(target, ANN, 7)
    await topics.put(record.app, target, PRESS, DRAFTS[:1])

    back = await imported(record, target, tmp_path / "export")

    assert (back.queries, back.topic_sets) == (2, 0)
    assert own in await queries.consents(target, None, 100)
    assert len(await topics.drafts(target, PRESS)) == 1


async def test_a_query_without_consent_or_past_its_days_is_not_imported(
    record: Record, kept: Scope, target: Scope, tmp_path: Path
) -> None:
    """S0-108: nothing without consent, nothing past the window."""
    await export(record, kept, tmp_path / "export")
    _change(tmp_path / "export/consents.jsonl", lambda line: None if line["actor"] == "user:bob" else line)
    past = datetime.now(UTC) - timedelta(days=1)
    old = {"asked_at": (past - timedelta(days=1)).isoformat(), "expires_at": past.isoformat()}
    _change(tmp_path / "export/queries.jsonl", lambda line: {**line, **old} if line["found"] else line)

    back = await imported(record, target, tmp_path / "export")

    assert (back.queries, back.failed) == (0, 0)
    assert await queries.listing(target, None, None, 100) == []


async def test_with_new_ids_queries_have_new_ones_too(
    record: Record, kept: Scope, target: Scope, tmp_path: Path
) -> None:
    await export(record, kept, tmp_path / "export")

    await imported(record, target, tmp_path / "export", keep_ids=False)
    again = await imported(record, target, tmp_path / "export", keep_ids=False)

    old = await queries.listing(kept, None, None, 100)
    new = await queries.listing(target, None, None, 100)
    assert {one.id for one in new} == {uuid5(target.organization, str(one.id)) for one in old}
    assert again.queries == 0


async def test_an_export_of_some_documents_tells_nothing_of_people(
    record: Record, kept: Scope, tmp_path: Path
) -> None:
    out = await export(record, kept, tmp_path / "export", type="note")

    assert (out.queries, out.topic_sets) == (0, 0)
    assert not list((tmp_path / "export").glob("[cqt]*.jsonl"))


async def test_a_dry_run_keeps_nothing(record: Record, kept: Scope, target: Scope, tmp_path: Path) -> None:
    await export(record, kept, tmp_path / "export")

    await imported(record, target, tmp_path / "export", dry_run=True)

    assert await queries.consents(target, None, 100) == []
    assert await topics.sets(target) == []


async def test_lines_that_are_wrong_are_told_and_the_others_are_imported(
    record: Record, kept: Scope, target: Scope, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    await export(record, kept, folder)
    query = json.loads((folder / "queries.jsonl").read_text().splitlines()[0])
    topic = json.loads((folder / "topics.jsonl").read_text())
    _add(folder / "consents.jsonl", {"actor": "user:eve", "days": 0, "given_at": query["asked_at"]})
    _add(
        folder / "queries.jsonl",
        {**query, "text": ""},
        {**query, "vector": None},
        {**query, "expires_at": query["asked_at"]},
        {**query, "id": str(uuid5(target.organization, "big")), "vector": [1e300] * 4},
    )
    _add(folder / "topics.jsonl", {**topic, "model_version": "3", "topics": []})
    _add(folder / "topics.jsonl", {"no": "topics"})

    back = await imported(record, target, folder)

    assert (back.queries, back.topic_sets, back.failed) == (2, 1, 7)
    assert [problem.place for problem in back.problems] == [
        "consents.jsonl, line 3",
        "queries.jsonl, line 3",
        "queries.jsonl, line 4",
        "queries.jsonl, line 5",
        "queries.jsonl, line 6",
        "topics.jsonl, line 2",
        "topics.jsonl, line 3",
    ]


def _change(path: Path, change: Any) -> None:
    lines = [change(json.loads(line)) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines if line is not None))


def _add(path: Path, *lines: dict[str, Any]) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)
