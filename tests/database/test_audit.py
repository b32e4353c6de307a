"""Who read what: recorded for an organization that wants it, and nothing at all for one that does not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from uuid_utils.compat import uuid7

from octavo.errors import InvalidInput, NotFound
from octavo.store import audit, events
from octavo.store.organizations import Organization
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.values.event import Event
from octavo.workspace import Documents
from octavo.workspace.audit import ReadAudit, audited
from octavo.workspace.transactions import unit_of_work
from tests.database.conftest import documents_for, scope_for

READER = Origin(Actor("bob"), session="s-1", correlation="c-1")


@pytest.fixture
async def reads(record: Any) -> Any:
    """Flushed by the tests alone."""
    noted = ReadAudit(record.app, flush_seconds=3600.0)
    yield noted
    await noted.close()


@pytest.fixture
def read_docs(record: Any, organization: Organization, reads: ReadAudit) -> Documents:
    return audited(documents_for(record, organization, origin=READER), reads)


async def accesses(scope: Scope) -> list[Event]:
    rows = await scope.runner.fetch(
        "SELECT DISTINCT stream FROM octavo.event"
        " WHERE organization_id = $1::octavo.organization AND type = 'document.accessed'",
        scope.organization,
    )
    return [event for row in rows for event in await events.read(scope, row["stream"])]


WAYS: dict[str, Callable[[Documents, Any], Awaitable[Any]]] = {
    "get": lambda docs, one: docs.get(one.id),
    "get by name": lambda docs, one: docs.get(one.type, name=one.name),
    "get a version": lambda docs, one: docs.get(one.id, version=1),
    "get_many": lambda docs, one: docs.get_many([one.id]),
    "a page": lambda docs, _: docs.find("article").page(),
    "the first": lambda docs, _: docs.find("article").first(),
    "by_session": lambda docs, _: docs.by_session("s-0"),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=list(WAYS))
async def test_a_read_is_recorded_with_who_and_what(
    record: Any, organization: Organization, scope: Scope, reads: ReadAudit, read_docs: Documents, way: Any
):
    """S3-052, S3-053: type, trace, session and user; count and types, ids and versions."""
    written = documents_for(record, organization, origin=Origin(Actor("ann"), session="s-0"))
    one = await written.put("article", {"n": 1}, name="a")
    await audit.set_fraction(record.system, organization.name, 1.0)

    await way(read_docs, one)
    await reads.flush()

    [event] = await accesses(scope)
    assert (event.type, event.actor, event.session, event.correlation) == (
        "document.accessed", Actor("bob"), "s-1", "c-1",
    )  # fmt: skip
    assert event.data == {
        "count": 1,
        "types": {"article": 1},
        "documents": [{"id": str(one.id), "version": 1}],
        "fraction": 1.0,
        "lost": 0,
    }
    assert event.stream.startswith("access-20")


async def test_every_document_of_an_iteration_is_recorded_together(
    record: Any,
    organization: Organization,
    scope: Scope,
    reads: ReadAudit,
    read_docs: Documents,
    docs: Documents,
):
    """S3-053: batched, so reads write little."""
    stored = await docs.put_many([{"type": "article", "body": {"n": n}} for n in range(25)])
    await audit.set_fraction(record.system, organization.name, 1.0)

    found = [one.id async for page in read_docs.find("article", limit=10).pages() for one in page.documents]
    await reads.flush()

    [event] = await accesses(scope)
    assert len(found) == event.data["count"] == 25
    assert {one["id"] for one in event.data["documents"]} == {str(one.id) for one in stored}


async def test_reads_of_a_transaction_are_recorded_also_when_it_is_rolled_back(
    record: Any, organization: Organization, scope: Scope, reads: ReadAudit, docs: Documents
):
    one = await docs.put("article", {"n": 1})
    await audit.set_fraction(record.system, organization.name, 1.0)

    async def bind() -> Scope:
        return scope

    async def read_and_fail() -> None:
        async with unit_of_work(record.app, bind, reads) as tx:
            await tx.documents.get(one.id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await read_and_fail()
    await reads.flush()

    assert [event.data["count"] for event in await accesses(scope)] == [1]


async def test_an_organization_that_wants_none_pays_with_no_statement(
    reads: ReadAudit, read_docs: Documents, docs: Documents, scope: Scope, statements: list[str]
):
    one = await docs.put("article", {"n": 1})
    await read_docs.get(one.id)
    await reads.flush()
    statements.clear()

    for _ in range(5):
        await read_docs.get(one.id)
        await reads.flush()

    assert len(statements) == 5
    assert await accesses(scope) == []


async def test_a_sample_is_a_part(
    record: Any,
    organization: Organization,
    scope: Scope,
    reads: ReadAudit,
    read_docs: Documents,
    docs: Documents,
):
    """S3-053: sampled. A thousand reads of which none or every one is recorded do not happen by chance."""
    stored = await docs.put_many([{"type": "article", "body": {"n": n}} for n in range(1_000)])
    await audit.set_fraction(record.system, organization.name, 0.5)

    await read_docs.get_many([one.id for one in stored])
    await reads.flush()

    [event] = await accesses(scope)
    assert 0 < event.data["count"] < 1_000
    assert event.data["fraction"] == 0.5


async def test_what_could_not_be_kept_is_told(
    record: Any,
    organization: Organization,
    scope: Scope,
    reads: ReadAudit,
    read_docs: Documents,
    docs: Documents,
):
    stored = await docs.put_many([{"type": "article", "body": {"n": n}} for n in range(3_000)])
    await audit.set_fraction(record.system, organization.name, 1.0)
    for _ in range(8):
        await read_docs.get_many([one.id for one in stored])

    await reads.flush()

    recorded = await accesses(scope)
    assert sum(event.data["count"] for event in recorded) == 18_000
    assert sum(event.data["lost"] for event in recorded) == 6_000
    assert max(event.data["count"] for event in recorded) == 1_000


async def test_reads_of_two_organizations_and_of_two_actors_are_kept_apart(
    record: Any, organization: Organization, other_organization: Organization, scope: Scope, reads: ReadAudit
):
    for one, actor in ((organization, "ann"), (organization, "bob"), (other_organization, "cid")):
        await audit.set_fraction(record.system, one.name, 1.0)
        docs = audited(documents_for(record, one, origin=Origin(Actor(actor))), reads)
        await docs.get((await docs.put("article", {"of": actor})).id)

    await reads.flush()

    mine = await accesses(scope)
    assert {event.actor.id for event in mine} == {"ann", "bob"}
    [theirs] = await accesses(scope_for(record, other_organization))
    assert theirs.actor.id == "cid"


async def test_a_change_of_the_setting_counts_at_the_next_look(
    record: Any, organization: Organization, scope: Scope, docs: Documents
):
    reads = ReadAudit(record.app, flush_seconds=3600.0, refresh_seconds=0.0)
    read_docs = audited(docs, reads)
    one = await docs.put("article", {"n": 1})
    for fraction in (0.0, 1.0, 0.0):
        await audit.set_fraction(record.system, organization.name, fraction)
        await read_docs.get(one.id)
        await reads.flush()
    await reads.close()

    assert len(await accesses(scope)) == 1


async def test_closing_records_what_is_left_and_without_reads_does_nothing(
    record: Any, organization: Organization, scope: Scope, docs: Documents, statements: list[str]
):
    one = await docs.put("article", {"n": 1})
    await audit.set_fraction(record.system, organization.name, 1.0)
    reads = ReadAudit(record.app)
    await audited(docs, reads).get(one.id)
    await reads.close()
    statements.clear()
    await ReadAudit(record.app).close()

    assert statements == []
    assert len(await accesses(scope)) == 1


@pytest.mark.parametrize("fraction", [-0.1, 1.1, float("nan")])
async def test_a_part_is_none_to_all(record: Any, organization: Organization, fraction: float):
    with pytest.raises(InvalidInput):
        await audit.set_fraction(record.system, organization.name, fraction)


async def test_nobody_audits_an_organization_that_is_not_there(record: Any):
    with pytest.raises(NotFound, match="no organization"):
        await audit.set_fraction(record.system, f"none-{uuid7().hex}", 1.0)
