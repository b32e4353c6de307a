"""Results as a service stores them and everybody reads them, one promise a test."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from octavo.errors import AccessDenied, Conflict, InvalidInput, LimitExceeded, NotFound
from octavo.store.scope import Limits, Scope
from octavo.workspace import Documents, Results
from octavo.workspace.transactions import unit_of_work
from tests.database.conftest import documents_for, scope_for

BEGUN = datetime(2026, 5, 4, 12, tzinfo=UTC)
ABOUT = {"model": "topic@1"}


def results_for(scope: Scope) -> Results:
    async def bind() -> Scope:
        return scope

    return Results(bind, scope.runner)  # type: ignore[arg-type]


@pytest.fixture
def results(scope: Scope) -> Results:
    return results_for(scope)


def classified(label: str = "billing", confidence: float = 0.9) -> dict[str, Any]:
    return {
        "predicted_category": label,
        "confidence": confidence,
        "category_scores": {label: confidence, "zzz": 0.0},
    }


def felt(sentiment: str = "neutral") -> dict[str, Any]:
    return {"sentiment": sentiment, "score": 0.0, "confidence": 0.5, "emotion_scores": {}}


async def test_a_result_reads_back_with_what_made_it_and_what_that_took(docs: Documents, results: Results):
    """S0-130, S0-136, S0-137, S0-144, S0-145"""
    doc = await docs.put("ticket", {"text": "invoice"})

    stored = await results.put(
        doc.id,
        "classification",
        classified(),
        model="topic@2026-05",
        options={"threshold": 0.5},
        metrics={"memory_usage_mb": 120.5, "cpu_time_ms": 31.25, "tokens_processed": 7, "batch_size": 1},
        started_at=BEGUN,
        ended_at=BEGUN + timedelta(milliseconds=250),
    )

    read = await results.get(stored.id)
    assert (read.document_id, read.version, read.type, read.status) == (
        doc.id,
        1,
        "classification",
        "completed",
    )
    assert (read.model, read.model_version, read.options) == ("topic", "2026-05", {"threshold": 0.5})
    assert (read.value.predicted_category, read.label, read.score) == ("billing", "billing", 0.9)
    assert (read.started_at, read.processing_time_ms) == (BEGUN, 250.0)
    assert read.metrics.model_dump() == {
        "memory_usage_mb": 120.5,
        "cpu_time_ms": 31.25,
        "tokens_processed": 7,
        "batch_size": 1,
    }
    assert (read.error_message, read.error_details, str(read.actor)) == (None, None, "user:ann")


async def test_the_same_again_replaces_and_other_options_or_models_stand_beside(
    docs: Documents, results: Results
):
    """S0-131"""
    doc = await docs.put("ticket", {})
    first = await results.put(doc.id, "classification", classified("other"), **ABOUT)

    again = await results.put(doc.id, "classification", classified("billing"), **ABOUT)
    await results.put(doc.id, "classification", classified(), model="topic@2")
    await results.put(doc.id, "classification", classified(), options={"n": 1}, **ABOUT)
    await results.put(doc.id, "sentiment", felt(), **ABOUT)

    found = await results.of(doc.id)
    assert len(found) == 4
    replaced = next(one for one in found if one.id == again.id)
    assert (replaced.label, replaced.created_at, replaced.updated_at > first.updated_at) == (
        "billing",
        first.created_at,
        True,
    )
    with pytest.raises(NotFound, match="it may have been replaced"):
        await results.get(first.id)


async def test_many_at_once_leave_one_result(docs: Documents, results: Results):
    """S0-131"""
    doc = await docs.put("ticket", {})

    await asyncio.gather(*(results.put(doc.id, "sentiment", felt(), **ABOUT) for _ in range(8)))

    assert len(await results.of(doc.id)) == 1


async def test_a_result_holds_no_more_when_its_document_goes_on(docs: Documents, results: Results):
    """S0-131"""
    doc = await docs.put("ticket", {"n": 1}, name="t")
    await results.put(doc.id, "classification", classified(), **ABOUT)
    assert (await results.of(doc.id))[0].stale == ()

    await docs.put("ticket", {"n": 2}, name="t")

    (old,) = await results.of(doc.id)
    assert (old.version, old.stale) == (1, ("document",))
    assert [one async for one in results.find("classification")] == []
    assert len([one async for one in results.find("classification", fresh=False)]) == 1


async def test_a_result_of_an_earlier_version_can_be_stored_and_asked_for(docs: Documents, results: Results):
    doc = await docs.put("ticket", {"n": 1}, name="t")
    await docs.put("ticket", {"n": 2}, name="t")

    await results.put(doc.id, "classification", classified("old"), version=1, **ABOUT)
    await results.put(doc.id, "classification", classified("new"), **ABOUT)

    assert [one.label for one in await results.of(doc.id)] == ["new", "old"]
    assert [one.label for one in await results.of(doc.id, version=1)] == ["old"]
    latest = await results.latest(doc.id, "classification")
    assert latest is not None
    assert latest.label == "new"


async def test_the_latest_is_none_where_there_is_none(docs: Documents, results: Results):
    doc = await docs.put("ticket", {})
    await results.put(doc.id, "sentiment", error="the service is down", **ABOUT)

    assert await results.latest(doc.id, "sentiment") is None


async def test_a_result_for_no_document_or_version_is_refused(docs: Documents, results: Results):
    """S0-130, S0-133"""
    doc = await docs.put("ticket", {})
    gone = await docs.put("ticket", {})
    await docs.delete(gone.id)

    for wanted, version in ((uuid.uuid4(), None), (doc.id, 7), (gone.id, None)):
        with pytest.raises(NotFound, match=str(wanted)):
            await results.put(wanted, "sentiment", felt(), version=version, **ABOUT)


async def test_a_failure_is_told_and_found_by_a_word_of_its_details(docs: Documents, results: Results):
    """S0-143, S0-152"""
    doc = await docs.put("ticket", {})
    await results.put(
        doc.id,
        "sentiment",
        error="the service is down",
        error_details={"body": "upstream watchdog tripped"},
        **ABOUT,
    )

    (found,) = (await results.list(error="watchdog")).results

    assert (found.status, found.value) == ("failed", None)
    assert found.error_message == "the service is down"
    assert found.error_details == {"body": "upstream watchdog tripped"}
    assert (await results.list(error="submarine")).results == []


async def test_a_failure_takes_the_place_of_no_value_and_a_value_that_of_a_failure(
    docs: Documents, results: Results
):
    """S0-143"""
    doc = await docs.put("ticket", {})
    await results.put(doc.id, "sentiment", error="down", **ABOUT)
    await results.put(doc.id, "sentiment", felt(), **ABOUT)

    with pytest.raises(Conflict, match="a failure replaces no value"):
        await results.put(doc.id, "sentiment", error="down again", **ABOUT)

    (kept,) = await results.of(doc.id)
    assert (kept.status, kept.label, kept.error_message) == ("completed", "neutral", None)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"type": "mood"}, "is no processing type"),
        ({"value": {**classified(), "confidence": 1.1}}, "confidence"),
        ({"value": {**classified(), "confidense": 1}}, "confidense"),
        ({"value": None}, "a value, or an error"),
        ({"error": "and an error"}, "a value, or an error"),
        ({"model": "topic"}, "names the version of its model"),
        ({"model": "@1"}, "names no model"),
        ({"metrics": {"memory_mb": 3}}, "these are no metrics"),
        ({"started_at": BEGUN}, "a start and an end"),
        ({"started_at": BEGUN, "ended_at": BEGUN - timedelta(1)}, "before it started"),
        ({"started_at": datetime(2026, 5, 4), "ended_at": datetime(2026, 5, 4)}, "no time zone"),  # noqa: DTZ001
    ],
)
async def test_what_is_no_result_is_refused_and_changes_nothing(docs, results, given, told):
    """S0-130, S0-132, S0-137"""
    doc = await docs.put("ticket", {})
    fields = {"type": "classification", "value": classified(), **ABOUT, **given}

    with pytest.raises(InvalidInput, match=told):
        await results.put(doc.id, **fields)

    assert await results.of(doc.id) == []


async def test_options_that_are_too_long_are_refused(docs: Documents, results: Results):
    doc = await docs.put("ticket", {})

    with pytest.raises(LimitExceeded):
        await results.put(doc.id, "sentiment", felt(), options={"prompt": "x" * 70_000}, **ABOUT)


async def test_results_are_listed_by_what_they_are_newest_first(docs: Documents, results: Results):
    """S0-147, S0-148, S0-149, S0-150"""
    made = [await docs.put("ticket", {"n": n}) for n in range(4)]
    await results.put(made[0].id, "classification", classified("a"), model="topic@1")
    await results.put(made[1].id, "classification", classified("b", 0.4), model="topic@2")
    await results.put(made[2].id, "sentiment", felt("positive"), model="mood@1")
    await results.put(made[3].id, "sentiment", error="down", model="mood@1")

    async def asked(**wanted: Any) -> list[int]:
        page = await results.list(**wanted)
        order = [doc.id for doc in made]
        return [order.index(one.document_id) for one in page.results]

    assert await asked() == [3, 2, 1, 0]
    assert await asked(type="classification") == [1, 0]
    assert await asked(model="topic@2") == [1]
    assert await asked(model="topic") == [1, 0]
    assert await asked(status="failed") == [3]
    assert await asked(type="sentiment", status="completed") == [2]
    assert await asked(label="a") == [0]
    assert await asked(type="classification", least_score=0.5) == [0]
    assert await asked(where={"emotion_scores": {"$exists": True}}) == [2]
    assert await asked(type="classification", where={"confidence": {"$lt": 0.5}}) == [1]


async def test_pages_go_on_where_the_one_before_ended(docs: Documents, results: Results):
    made = [await docs.put("ticket", {"n": n}) for n in range(5)]
    for doc in made:
        await results.put(doc.id, "sentiment", felt(), **ABOUT)

    first = await results.list(type="sentiment", limit=2)
    second = await results.list(type="sentiment", limit=2, before=first.before)
    third = await results.list(type="sentiment", limit=2, before=second.before)

    found = [one.document_id for page in (first, second, third) for one in page.results]
    assert found == [doc.id for doc in reversed(made)]
    assert third.before is None


async def test_a_page_that_looks_at_many_and_finds_few_says_where_to_go_on(docs: Documents, scope: Scope):
    results = results_for(msgspec.structs.replace(scope, limits=Limits(scanned=2)))
    rare = await docs.put("ticket", {"n": "rare"})
    await results.put(rare.id, "classification", classified("a", 0.95), **ABOUT)
    for n in range(3):
        doc = await docs.put("ticket", {"n": n})
        await results.put(doc.id, "classification", classified("a", 0.1), **ABOUT)

    page = await results.list(type="classification", least_score=0.9)
    found = [one async for one in results.find("classification", least_score=0.9)]

    assert (page.results, page.before is not None) == ([], True)
    assert [one.document_id for one in found] == [rare.id]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [({"type": "mood"}, "is no processing type"), ({"status": "running"}, "is no status of a result")],
)
async def test_a_word_that_is_none_is_refused_in_a_listing(results: Results, wanted, told):
    """S0-135"""
    with pytest.raises(InvalidInput, match=told):
        await results.list(**wanted)


async def test_a_page_over_the_limit_is_refused(results: Results):
    with pytest.raises(LimitExceeded):
        await results.list(limit=1_001)


async def test_documents_are_counted_once_by_what_holds_of_them_now(docs: Documents, results: Results):
    a, b, c = [await docs.put("ticket", {"n": n}, name=f"t{n}") for n in range(3)]
    for doc in (a, b):
        await results.put(doc.id, "classification", classified("x", 0.6), model="topic@1")
    await results.put(b.id, "classification", classified("y", 0.8), model="topic@2")
    await results.put(c.id, "classification", classified("x"), model="topic@1")
    await docs.put("ticket", {"n": "changed"}, name="t2")

    counted = {one.label: (one.documents, one.score_mean) for one in await results.group("classification")}
    of_one = {one.label: one.documents for one in await results.group("classification", model="topic@1")}

    assert counted == {"x": (1, 0.6), "y": (1, 0.8)}
    assert of_one == {"x": 2}


async def test_a_deleted_document_shows_no_results_and_a_restored_one_does(docs: Documents, results: Results):
    doc = await docs.put("ticket", {})
    stored = await results.put(doc.id, "sentiment", felt(), **ABOUT)

    await docs.delete(doc.id)
    assert (await results.of(doc.id), (await results.list()).results) == ([], [])
    with pytest.raises(NotFound):
        await results.get(stored.id)

    await docs.restore(doc.id)
    assert [one.id for one in await results.of(doc.id)] == [stored.id]


async def test_a_purge_takes_the_results_with_it(docs: Documents, results: Results, record: Any):
    doc = await docs.put("ticket", {})
    await results.put(doc.id, "sentiment", felt(), **ABOUT)

    await docs.purge(doc.id)

    left = "SELECT count(*) AS left FROM octavo.result WHERE document_id = $1"
    assert (await record.system.fetch(left, doc.id))[0]["left"] == 0


async def test_a_result_that_is_stored_while_a_purge_waits_goes_too(
    docs: Documents, record: Any, scope: Scope
):
    doc = await docs.put("ticket", {})

    async def bind() -> Scope:
        return scope

    async with unit_of_work(record.app, bind) as tx:
        await tx.documents.patch(doc.id, {"n": 1})
        purge = asyncio.create_task(docs.purge(doc.id))
        await _waits_for_a_lock(record)
        await results_for(scope).put(doc.id, "sentiment", felt(), version=1, **ABOUT)
    await purge

    left = "SELECT count(*) AS left FROM octavo.result WHERE document_id = $1"
    assert (await record.system.fetch(left, doc.id))[0]["left"] == 0


async def test_the_event_tells_what_was_stored_and_nothing_of_what_was_found(
    docs: Documents, results: Results, record: Any
):
    doc = await docs.put("ticket", {})

    await results.put(doc.id, "classification", classified("secret"), **ABOUT)

    told = "SELECT stream, version, data::text AS data FROM octavo.event WHERE type = 'result.stored'"
    (event,) = await record.system.fetch(f"{told} AND document_id = $1", doc.id)
    assert (event["stream"], event["version"]) == (f"result-{doc.id}", 1)
    assert "secret" not in event["data"]
    assert '"topic"' in event["data"]


async def test_a_result_that_is_refused_leaves_no_event(docs: Documents, results: Results, record: Any):
    doc = await docs.put("ticket", {})
    await results.put(doc.id, "sentiment", felt(), **ABOUT)

    with pytest.raises(Conflict):
        await results.put(doc.id, "sentiment", error="down", **ABOUT)

    events = "SELECT count(*) AS n FROM octavo.event WHERE type = 'result.stored' AND document_id = $1"
    assert (await record.system.fetch(events, doc.id))[0]["n"] == 1


async def test_no_call_gives_results_of_another_organization(
    docs: Documents, results: Results, record: Any, other_organization: Any
):
    theirs = results_for(scope_for(record, other_organization))
    doc = await docs.put("ticket", {})
    stored = await results.put(doc.id, "classification", classified(), **ABOUT)
    their_doc = await documents_for(record, other_organization).put("ticket", {})
    await theirs.put(their_doc.id, "classification", classified("theirs"), **ABOUT)

    assert await theirs.of(doc.id) == []
    assert [one.label for one in (await theirs.list(model="topic@1")).results] == ["theirs"]
    assert [one.label async for one in theirs.find("classification", where={"confidence": 0.9})] == ["theirs"]
    assert [one.label for one in await theirs.group("classification")] == ["theirs"]
    with pytest.raises(NotFound):
        await theirs.get(stored.id)
    with pytest.raises(NotFound):
        await theirs.put(doc.id, "classification", classified(), **ABOUT)


async def test_the_table_itself_refuses_another_organizations_rows_and_half_results(
    docs: Documents, scope: Scope, record: Any, other_organization: Any
):
    """S0-130"""
    doc = await docs.put("ticket", {})
    insert = """INSERT INTO octavo.result (organization_id, id, document_id, version, fits_version, type, model,
        model_version, status, value, started_at, ended_at, actor, actor_kind)
        SELECT $1::octavo.organization, gen_random_uuid(), $2, 1, 1, 'sentiment', 'm', '1', $3::octavo.run_state,
        $4::jsonb, now(), now(), 'ann', 'user'"""

    for status, value in (("completed", None), ("failed", b"{}"), ("running", b"{}")):
        with pytest.raises(InvalidInput):
            await record.app.execute(insert, scope.organization, doc.id, status, value)
    with pytest.raises((NotFound, AccessDenied)):
        await record.app.execute(insert, other_organization.id, doc.id, "completed", b"{}")


async def _waits_for_a_lock(record: Any) -> None:
    """Returns when a statement of this database waits for another transaction."""
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')"
    for _ in range(10_000):
        if await record.system.fetch(waiting):
            return
    raise AssertionError("nobody waits")
