"""Results, models and batches inside a transaction: they commit with its other changes, or not at all."""

from __future__ import annotations

from contextlib import asynccontextmanager, suppress

import pytest

import octavo
from octavo.errors import InvalidInput, LimitExceeded, NotFound, VersionConflict
from octavo.workspace import Workspace

FELT = {"sentiment": "neutral", "score": 0, "confidence": 1, "emotion_scores": {}}


@asynccontextmanager
async def rolled_back(view: Workspace):
    """A transaction that everything is taken back of."""
    with suppress(ZeroDivisionError):
        async with view.transaction() as tx:
            yield tx
            raise ZeroDivisionError


async def test_a_result_commits_with_the_document_it_is_about(acme):
    async with acme.transaction() as tx:
        doc = await tx.documents.put("ticket", {"text": "hello"})
        stored = await tx.results.put(doc.id, "sentiment", FELT, model="moods@1")
        assert (await tx.results.latest(doc.id, "sentiment")).id == stored.id
        assert await acme.results.of(doc.id) == []

    assert [one.id for one in await acme.results.of(doc.id)] == [stored.id]


async def test_a_result_that_is_rolled_back_leaves_nothing(acme):
    doc = await acme.documents.put("ticket", {"text": "hello"})

    async with rolled_back(acme) as tx:
        await tx.results.put(doc.id, "sentiment", FELT, model="moods@1")

    assert await acme.results.of(doc.id) == []
    assert await acme.events.stream(f"result-{doc.id}") == []


async def test_a_result_that_is_refused_leaves_the_rest_of_the_transaction(acme):
    async with acme.transaction() as tx:
        doc = await tx.documents.put("ticket", {"text": "hello"})
        with pytest.raises(NotFound):
            await tx.results.put(doc.id, "sentiment", FELT, model="moods@1", version=7)
        await tx.results.put(doc.id, "sentiment", FELT, model="moods@2")

    assert [one.model_version for one in await acme.results.of(doc.id)] == ["2"]


async def test_a_model_is_registered_and_serves_with_the_commit_or_not_at_all(acme):
    async with rolled_back(acme) as tx:
        await tx.models.register("moods", type="sentiment", artifacts={"weights": b"1"})
    with pytest.raises(NotFound):
        await acme.models.get("moods")

    async with acme.transaction() as tx:
        first = await tx.models.register("moods", type="sentiment", artifacts={"weights": b"1"})
        await tx.models.promote("moods", first.version)
        assert await acme.models.list() == []

    assert (await acme.models.get("moods@production")).version == 1
    assert await acme.models.artifact("moods", "weights") == b"1"


async def test_a_move_of_a_model_that_is_refused_leaves_the_rest_of_the_transaction(acme):
    for description in ("first", "second"):
        await acme.models.register("moods", type="sentiment", description=description)

    async with acme.transaction() as tx:
        with pytest.raises(VersionConflict):
            await tx.models.promote("moods", 1, expect=9)
        await tx.models.promote("moods", 2)
        note = await tx.documents.put("note", {"serves": 2})

    assert (await acme.models.get("moods@production")).version == 2
    assert (await acme.documents.get(note.id)).body == {"serves": 2}


async def test_what_takes_long_is_refused_in_a_transaction(piped):
    doc = await piped.documents.put("note", {})
    async with piped.transaction() as tx:
        batch = await tx.batches.start("double", [doc.id])
        for call in (
            tx.models.train("m", type="note", text="a", label="b"),
            tx.models.train_topics("m", type="note"),
            tx.models.check(),
            tx.batches.wait(batch.id),
            tx.batches.purge(),
        ):
            with pytest.raises(InvalidInput, match="is nothing for a transaction"):
                await call
        with pytest.raises(InvalidInput, match="about documents that are listed"):
            await tx.batches.start("double", type="note")


async def test_a_batch_and_its_runs_commit_with_the_documents_they_are_about(db, piped):
    async with piped.transaction() as tx:
        documents = [await tx.documents.put("note", {"number": n}) for n in range(3)]
        batch = await tx.batches.start("double", [one.id for one in documents], name="three", key="k")
        assert (await tx.batches.get(batch.id)).runs == 3
        assert (await piped.batches.list()).batches == []

    async with db.worker():
        done = await piped.batches.wait(batch.id)

    assert (batch.runs, done.name, done.state, done.completed) == (3, "three", "completed", 3)


async def test_a_batch_that_is_rolled_back_starts_nothing(piped):
    doc = await piped.documents.put("note", {})

    async with rolled_back(piped) as tx:
        await tx.batches.start("double", [doc.id])

    assert ((await piped.batches.list()).batches, (await piped.runs.list()).runs) == ([], [])


async def test_a_batch_that_is_refused_leaves_the_rest_of_the_transaction(piped):
    gone = await piped.documents.put("note", {})
    await piped.documents.delete(gone.id)

    async with piped.transaction() as tx:
        note = await tx.documents.put("note", {"kept": True})
        with pytest.raises(NotFound, match="no batch was started"):
            await tx.batches.start("double", [note.id, gone.id])

    assert (await piped.batches.list()).batches == []
    assert (await piped.documents.get(note.id)).body == {"kept": True}


async def test_a_batch_in_a_transaction_has_a_bound(piped):
    doc = await piped.documents.put("note", {})

    async with piped.transaction() as tx:
        with pytest.raises(LimitExceeded, match="a batch of 10001 documents inside a transaction"):
            await tx.batches.start("double", [doc.id] * 10_001)


async def test_a_batch_is_cancelled_and_retried_inside_a_transaction(piped):
    doc = await piped.documents.put("note", {})
    batch = await piped.batches.start("double", [doc.id])

    async with rolled_back(piped) as tx:
        assert (await tx.batches.cancel(batch.id)).state == "cancelled"
    assert (await piped.batches.get(batch.id)).state == "pending"

    async with piped.transaction() as tx:
        await tx.batches.cancel(batch.id)
        assert await tx.batches.retry(batch.id) == 0
    assert (await piped.batches.get(batch.id)).state == "cancelled"


async def test_workers_hear_of_a_batch_when_the_transaction_commits(db: octavo.Octavo, piped):
    doc = await piped.documents.put("note", {})
    wakeup = db._parts.wakeup
    before = wakeup.runs

    async with piped.transaction() as tx:
        await tx.batches.start("double", [doc.id])
        inside = wakeup.runs

    assert (inside, wakeup.runs) == (before, before + 1)
