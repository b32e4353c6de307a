"""Aggregates: made from events, faster with snapshots, the same without."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uuid_utils.compat import uuid7

from octavo.errors import InvalidInput, LimitExceeded, NotFound, VersionConflict
from octavo.feed.wakeup import Wakeup
from octavo.store.scope import Scope
from octavo.values.event import Event
from octavo.values.upcast import Upcasters
from octavo.workspace import Events
from tests.database.conftest import scope_for


class Account(msgspec.Struct, frozen=True):
    """What the bank knows of an account."""

    owner: str | None = None
    balance: int = 0
    booked: tuple[str, ...] = ()

    snapshot_every: ClassVar[int] = 5

    def apply(self, event: Event) -> Account:
        match event.type:
            case "account.opened":
                return msgspec.structs.replace(self, owner=event.data["owner"])
            case "account.booked":
                return msgspec.structs.replace(
                    self,
                    balance=self.balance + event.data["amount"],
                    booked=(*self.booked, event.id),
                )
        raise ValueError(event.type)


class NewAccount(Account, frozen=True):
    """The same account, as the next release sees it: it counts in cents."""

    schema_version: ClassVar[int] = 2

    def apply(self, event: Event) -> NewAccount:
        if event.type == "account.booked":
            return msgspec.structs.replace(self, balance=self.balance + 100 * event.data["amount"])
        return self


NewAccount.__name__ = "Account"


def events_for(record: Any, scope: Scope, upcasters: Upcasters | None = None) -> Events:
    async def bind() -> Scope:
        return scope

    return Events(bind, record.app, Wakeup(record.app, None), upcasters)


@pytest.fixture
def events(record: Any, scope: Scope) -> Events:
    return events_for(record, scope)


def opened(owner: str = "ann") -> dict[str, Any]:
    return {"type": "account.opened", "data": {"owner": owner}}


def booked(amount: int) -> dict[str, Any]:
    return {"type": "account.booked", "data": {"amount": amount}}


async def rows(scope: Scope) -> list[Any]:
    return list(
        await scope.runner.fetch(
            "SELECT stream, schema_version, sequence, state FROM octavo.snapshot"
            " WHERE organization_id = $1::octavo.organization ORDER BY stream",
            scope.organization,
        )
    )


async def test_several_events_are_appended_by_one_statement(events: Events, statements: list[str]):
    appended = await events.append_many("account-1", [opened(), booked(5), booked(-2)])

    assert len(statements) == 1
    assert [(event.sequence, event.type) for event in appended] == [
        (1, "account.opened"),
        (2, "account.booked"),
        (3, "account.booked"),
    ]
    assert [event.position for event in appended] == sorted(event.position for event in appended)
    assert await events.stream("account-1") == appended


async def test_of_several_events_all_or_none_are_appended(events: Events):
    await events.append_many("account-1", [opened()])

    with pytest.raises(VersionConflict) as refused:
        await events.append_many("account-1", [booked(1), booked(2)], expect=0)

    assert refused.value.fields == {"expected": 0, "actual": 1}
    assert len(await events.stream("account-1")) == 1


async def test_many_writers_of_one_stream_leave_it_in_order(events: Events):
    """Places in the log are drawn under the stream's lock, also by writers that append many at once."""
    await asyncio.gather(
        *(events.append_many("account-1", [booked(n) for _ in range(7)]) for n in range(20)),
        *(events.append("account-1", "account.booked", {"amount": 0}) for _ in range(20)),
    )

    found = await events.stream("account-1", limit=1000)

    assert [event.sequence for event in found] == list(range(1, 161))
    assert [event.position for event in found] == sorted({event.position for event in found})


async def test_events_sent_twice_with_one_key_are_there_once(events: Events):
    """S0-184"""
    first = await events.append_many("account-1", [opened(), booked(5)], idempotency_key="k")
    again = await events.append_many("account-1", [opened(), booked(5)], idempotency_key="k")

    assert again == first
    assert len(await events.stream("account-1")) == 2


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ([], LimitExceeded),
        ([booked(1)] * 1001, LimitExceeded),
        ([{"type": "account.booked", "data": {"text": "x" * 260_000}}] * 70, LimitExceeded),
        ([{"type": "account.booked"}], InvalidInput),
        ([{**booked(1), "expect": 3}], InvalidInput),
        ([booked(1), {"type": "document.created", "data": {}}], InvalidInput),
        ([booked(1), {"type": "account.booked", "data": [1]}], InvalidInput),
    ],
    ids=["none", "too many", "too long", "no data", "a key too many", "a type of Octavo's own", "no object"],
)
async def test_what_cannot_be_appended_leaves_nothing(events: Events, given: list[Any], error: type):
    with pytest.raises(error):
        await events.append_many("account-1", given)

    assert await events.stream("account-1") == []


async def test_an_unknown_stream_is_the_initial_state(events: Events):
    loaded = await events.load(Account, "account-1")

    assert (loaded.state, loaded.sequence, loaded.snapshot) == (Account(), 0, 0)


async def test_an_aggregate_is_what_its_events_make_of_it(events: Events):
    appended = await events.append_many("account-1", [opened(), booked(5), booked(-2)])

    loaded = await events.load(Account, "account-1")

    assert loaded.state == Account("ann", 3, (appended[1].id, appended[2].id))
    assert loaded.sequence == 3


async def test_a_save_gives_the_state_that_the_next_load_gives(events: Events):
    saved = await events.save(await events.load(Account, "account-1"), [opened(), booked(5)])
    saved = await events.save(saved, [booked(7)])

    assert saved.state.balance == 12
    assert (await events.load(Account, "account-1")).state == saved.state


async def test_of_two_that_loaded_the_same_state_one_saves(events: Events):
    """S0-180"""
    begun = await events.save(await events.load(Account, "account-1"), [opened()])

    done = await asyncio.gather(
        *(events.save(begun, [booked(n)]) for n in range(1, 9)), return_exceptions=True
    )

    assert [type(one) for one in done].count(VersionConflict) == 7
    assert len(await events.stream("account-1")) == 2


async def test_writers_that_load_again_after_a_conflict_lose_nothing(events: Events):
    async def book(amount: int) -> None:
        while True:
            loaded = await events.load(Account, "account-1")
            try:
                await events.save(loaded, [booked(amount)])
                return
            except VersionConflict:
                continue

    await asyncio.gather(*(book(1) for _ in range(12)))

    assert (await events.load(Account, "account-1")).state.balance == 12


async def test_a_snapshot_is_made_when_it_is_due_and_saves_reading(
    events: Events, scope: Scope, statements: list[str]
):
    saved = await events.save(await events.load(Account, "account-1"), [opened(), booked(1), booked(1)])
    none_yet = await rows(scope)
    saved = await events.save(saved, [booked(1), booked(1), booked(1)])
    statements.clear()

    loaded = await events.load(Account, "account-1")

    assert none_yet == []
    assert [row["sequence"] for row in await rows(scope)] == [6]
    assert (loaded.snapshot, loaded.sequence, loaded.state) == (6, 6, saved.state)
    # One look finds the snapshot to be all there is; the other statement is this test's own.
    assert len(statements) == 2


async def test_whoever_reads_many_events_leaves_a_snapshot(events: Events, scope: Scope):
    await events.append_many("account-1", [opened(), *[booked(1)] * 8])

    await events.load(Account, "account-1")

    assert [row["sequence"] for row in await rows(scope)] == [9]
    assert (await events.load(Account, "account-1")).snapshot == 9


async def test_an_older_state_never_takes_the_place_of_a_newer_snapshot(events: Events, scope: Scope):
    from octavo.store import snapshots  # noqa: PLC0415 - the only test that goes below the face

    old = await events.save(await events.load(Account, "account-1"), [opened(), *[booked(1)] * 5])
    new = await events.save(old, [booked(1)] * 5)

    assert await snapshots.keep(scope, old) is False
    assert [row["sequence"] for row in await rows(scope)] == [new.sequence]


async def test_a_snapshot_of_another_shape_is_not_used_and_the_newer_shape_takes_its_place(
    events: Events, scope: Scope
):
    await events.save(await events.load(Account, "account-1"), [opened(), *[booked(1)] * 5])

    new = await events.load(NewAccount, "account-1")
    old = await events.load(Account, "account-1")

    assert (new.snapshot, new.state.balance) == (0, 500)
    assert (old.snapshot, old.state.balance) == (0, 5)
    assert [(row["schema_version"], row["sequence"]) for row in await rows(scope)] == [(2, 6)]


async def test_a_snapshot_that_cannot_be_read_is_no_reason_to_fail(events: Events, scope: Scope):
    saved = await events.save(await events.load(Account, "account-1"), [opened(), *[booked(1)] * 5])
    await scope.runner.execute(
        "UPDATE octavo.snapshot SET state = '\\x7b22' WHERE organization_id = $1::octavo.organization",
        scope.organization,
    )

    loaded = await events.load(Account, "account-1")

    assert (loaded.state, loaded.snapshot) == (saved.state, 0)


async def test_snapshots_can_be_dropped_at_any_time(events: Events, scope: Scope):
    saved = await events.save(await events.load(Account, "account-1"), [opened(), *[booked(1)] * 5])

    assert await events.drop_snapshots("account-1") == 1
    assert await events.drop_snapshots() == 0
    assert (await events.load(Account, "account-1")).state == saved.state


async def test_snapshots_go_with_their_stream(events: Events, scope: Scope, record: Any):
    await events.save(await events.load(Account, "account-1"), [opened(), *[booked(1)] * 5])

    await record.system.execute("DELETE FROM octavo.stream WHERE organization_id = $1", scope.organization)

    assert await rows(scope) == []


@dataclass
class Loose:
    """A state whose JSON does not make it again."""

    seen: Any = field(default_factory=set)
    snapshot_every: ClassVar[int] = 1

    def apply(self, event: Event) -> Loose:
        return Loose({*self.seen, event.sequence})


async def test_a_state_that_would_come_back_otherwise_is_in_no_snapshot(events: Events, scope: Scope):
    await events.append_many("account-1", [booked(1), booked(2)])

    assert (await events.load(Loose, "account-1")).state == Loose({1, 2})
    assert await rows(scope) == []


async def test_the_stream_of_a_document_makes_an_aggregate_too(events: Events, docs: Any, scope: Scope):
    document = await docs.put("article", {"n": 0}, name="a")
    for n in range(1, 4):
        await docs.put("article", {"n": n}, name="a")

    loaded = await events.load(Loose, f"document-{document.id}")

    assert loaded.state == Loose({1, 2, 3, 4})


class NoApply(msgspec.Struct):
    """A state without a way to the next one."""


class Plain:
    """A class that no JSON makes."""

    def apply(self, event: Event) -> Plain:
        return self


@pytest.mark.parametrize("kind", [NoApply, Plain])
async def test_a_class_that_is_no_aggregate_is_refused(events: Events, kind: Any):
    with pytest.raises(InvalidInput, match="is no aggregate"):
        await events.load(kind, "account-1")


async def test_events_that_are_gone_are_no_state(events: Events, scope: Scope, record: Any):
    await events.append_many("account-1", [opened(), booked(1)])
    await record.system.execute(
        "DELETE FROM octavo.event WHERE organization_id = $1 AND sequence = 1", scope.organization
    )

    with pytest.raises(NotFound, match="the event 1 of the stream 'account-1' is gone"):
        await events.load(Account, "account-1")


OLD = {"type": "account.booked", "data": {"euros": 3}, "schema_version": 1}
CENTS = Upcasters().with_step("account.booked", 1, lambda data: {"amount": 100 * data["euros"]})


async def test_old_events_are_read_as_new_ones_wherever_they_are_read(record: Any, scope: Scope):
    """S0-186"""
    await events_for(record, scope).append_many("account-1", [opened(), OLD])
    events = events_for(record, scope, CENTS)
    new = await events.append("account-1", "account.booked", {"amount": 5})

    read = [event async for event in events.read(stream="account-1")]
    everything = [event async for event in events.read(types=["account.booked"])]
    page = await events.stream("account-1")
    followed = []
    async for event in events.subscribe("bank", types=["account.booked"]):
        followed.append(event)
        break

    assert new.schema_version == 2
    assert [event.data for event in read] == [{"owner": "ann"}, {"amount": 300}, {"amount": 5}]
    assert [event.data for event in everything] == [{"amount": 300}, {"amount": 5}]
    assert [event.schema_version for event in page] == [1, 2, 2]
    assert [(event.data, event.schema_version) for event in followed] == [({"amount": 300}, 2)]
    assert (await events.load(Account, "account-1")).state.balance == 305


async def test_a_step_that_fails_says_which_event_it_was(record: Any, scope: Scope):
    """S0-191"""
    await events_for(record, scope).append_many("account-1", [{**OLD, "data": {"pounds": 1}}])

    with pytest.raises(KeyError) as failed:
        await events_for(record, scope, CENTS).stream("account-1")

    assert failed.value.__notes__ == [
        "in the step of account.booked from schema version 1, event account-1:1"
    ]


@settings(max_examples=25)
@given(
    writes=st.lists(
        st.tuples(st.lists(st.integers(-9, 9), min_size=1, max_size=6), st.booleans(), st.booleans()),
        max_size=12,
    )
)
def test_with_or_without_snapshots_the_state_is_the_same(
    connect_arguments: dict[str, Any], organization: Any, writes: list[tuple[list[int], bool, bool]]
):
    """Any order of saves, loads and dropped snapshots: always what all events make."""
    asyncio.run(_play(connect_arguments, organization, writes))


async def _play(connect_arguments: dict[str, Any], organization: Any, writes: Any) -> None:
    from octavo.postgres.pool import Pool  # noqa: PLC0415 - a loop of its own needs a pool of its own

    pool = await Pool(
        {**connect_arguments, "user": "octavo_app"}, size=1, acquire_timeout_seconds=10.0
    ).open()
    try:
        scope = scope_for(type("Record", (), {"app": pool}), organization)
        events = events_for(type("Record", (), {"app": pool}), scope)
        stream = f"account-{uuid7()}"
        loaded, expected = await events.load(Account, stream), 0
        for amounts, reload, drop in writes:
            loaded = await events.save(loaded, [booked(amount) for amount in amounts])
            expected += sum(amounts)
            if drop:
                await events.drop_snapshots(stream)
            if reload:
                loaded = await events.load(Account, stream)
        with_snapshot = await events.load(Account, stream)
        await events.drop_snapshots(stream)
        without = Account()
        async for event in events.read(stream=stream):
            without = without.apply(event)
        assert with_snapshot.state == loaded.state == without
        assert (await events.load(Account, stream)).state == without
        assert without.balance == expected
    finally:
        await pool.close()
