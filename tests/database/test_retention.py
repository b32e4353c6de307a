"""Operational events are dropped when they are older than wanted; nothing else ever is."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import msgspec
import pytest
from uuid_utils.compat import uuid7

from octavo.errors import InvalidInput, NotFound
from octavo.feed.wakeup import Wakeup
from octavo.operations.retention import drop_old_events
from octavo.operations.task import Bounds
from octavo.store import organizations, retention
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.event import Event
from octavo.workspace import Documents, Events
from tests.database.conftest import documents_for, scope_for
from tests.databases import administrator

BEAT = {"type": "host.seen", "data": {}}


class Beats(msgspec.Struct, frozen=True):
    """How often a host was seen."""

    count: int = 0
    snapshot_every: ClassVar[int] = 2

    def apply(self, event: Event) -> Beats:
        return Beats(self.count + 1)


class Place:
    """A record of its own, an organization in it, and a way to make its events old."""

    def __init__(self, record: Any, server: Any, database: str, organization: Any) -> None:
        self.record, self.organization = record, organization
        self.scope: Scope = scope_for(record, organization)
        self.docs: Documents = documents_for(record, organization)
        self._server, self._database = server, database

        async def bind() -> Scope:
            return self.scope

        self.events = Events(bind, record.app, Wakeup(record.app, None))

    async def age(self, stream: str, days: float, up_to: int = 2**31) -> None:
        """Make a stream's first events so many days old, as the superuser alone can."""
        async with administrator(self._server, self._database) as admin:
            await admin.execute(
                "UPDATE octavo.event SET recorded_at = clock_timestamp() - $3::interval"
                " WHERE organization_id = $1 AND stream = $2 AND sequence <= $4",
                *(self.organization.id, stream, timedelta(days=days), up_to),
            )

    async def sequences(self, stream: str) -> list[int]:
        return [event.sequence for event in await self.events.stream(stream, limit=1000)]


@pytest.fixture
async def place(fresh_record: Any, server: Any, fresh_database: str) -> Place:
    organization = await organizations.create(fresh_record.system, "acme")
    return Place(fresh_record, server, fresh_database, organization)


async def test_events_older_than_their_retention_go_and_younger_ones_stay(place: Place):
    """S2-042, S2-044: 7 days and a minute are gone, 6 days stay."""
    await place.events.append_many("ops-old", [BEAT] * 3)
    await place.events.append_many("ops-young", [BEAT] * 3)
    await place.age("ops-old", 7 + 1 / 1440, up_to=2)
    await place.age("ops-young", 6)
    await place.events.retain("ops-", days=7)

    done = await drop_old_events(place.record.system)

    assert (done.examined, done.changed, done.after) == (2, 2, None)
    assert await place.sequences("ops-old") == [3]
    assert await place.sequences("ops-young") == [1, 2, 3]


async def test_a_stream_goes_on_behind_what_was_dropped(place: Place):
    """Ids of events are never given twice."""
    await place.events.append_many("ops-1", [BEAT] * 3)
    await place.age("ops-1", 30)
    await place.events.retain("ops-", days=7)
    await drop_old_events(place.record.system)

    event = await place.events.append("ops-1", "host.seen", {}, expect=3)

    assert event.sequence == 4
    assert await place.sequences("ops-1") == [4]


async def test_what_happened_to_documents_and_in_other_streams_is_kept(place: Place):
    """S2-044: audit is not operation."""
    document = await place.docs.put("article", {"n": 1})
    await place.events.append_many("order-1", [BEAT])
    for stream in (f"document-{document.id}", "order-1"):
        await place.age(stream, 1000)
    await place.events.retain("ops-", days=1)

    assert (await drop_old_events(place.record.system)).changed == 0
    assert await place.sequences(f"document-{document.id}") == [1]
    assert await place.sequences("order-1") == [1]


async def test_another_organization_keeps_its_own(place: Place, server: Any, fresh_database: str):
    other = await organizations.create(place.record.system, "globex")
    theirs = Place(place.record, server, fresh_database, other)
    for one in (place, theirs):
        await one.events.append_many("ops-1", [BEAT])
        await one.age("ops-1", 30)
    await place.events.retain("ops-", days=7)

    await drop_old_events(place.record.system)

    assert (await place.sequences("ops-1"), await theirs.sequences("ops-1")) == ([], [1])
    assert await theirs.events.retentions() == []


async def test_the_longest_prefix_counts(place: Place):
    for stream in ("ops-1", "ops-audit-1"):
        await place.events.append_many(stream, [BEAT])
        await place.age(stream, 30)
    await place.events.retain("ops-", days=7)
    await place.events.retain("ops-audit-", days=365)

    await drop_old_events(place.record.system)

    assert (await place.sequences("ops-1"), await place.sequences("ops-audit-1")) == ([], [1])


async def test_a_legal_hold_keeps_everything_until_it_is_lifted(place: Place):
    await place.events.append_many("ops-1", [BEAT])
    await place.age("ops-1", 30)
    await place.events.retain("ops-", days=7)

    await retention.hold(place.record.system, "acme", held=True)
    held = await drop_old_events(place.record.system)
    await retention.hold(place.record.system, "acme", held=False)
    lifted = await drop_old_events(place.record.system)

    assert (held.changed, lifted.changed) == (0, 1)


async def test_snapshots_of_what_was_dropped_go_with_it(place: Place):
    await place.events.append_many("ops-1", [BEAT] * 4)
    await place.events.load(Beats, "ops-1")
    await place.age("ops-1", 30, up_to=3)
    await place.events.retain("ops-", days=7)

    await drop_old_events(place.record.system)

    assert await place.events.drop_snapshots() == 0
    with pytest.raises(NotFound, match="the event 1 of the stream 'ops-1' is gone"):
        await place.events.load(Beats, "ops-1")


async def test_a_dry_run_tells_the_same_and_changes_nothing(place: Place):
    await place.events.append_many("ops-1", [BEAT] * 5)
    await place.age("ops-1", 30, up_to=3)
    await place.events.retain("ops-", days=7)

    told = await drop_old_events(place.record.system, Bounds(limit=1000, dry_run=True))

    assert (told.changed, await place.sequences("ops-1")) == (3, [1, 2, 3, 4, 5])
    assert (await drop_old_events(place.record.system)).changed == 3


async def test_a_run_that_was_bounded_goes_on_where_it_stopped(place: Place):
    for number in range(4):
        await place.events.append_many(f"ops-{number}", [BEAT] * 10)
        await place.age(f"ops-{number}", 30)
    await place.events.retain("ops-", days=7)

    steps, after = [], None
    while not steps or after is not None:
        steps.append(await drop_old_events(place.record.system, Bounds(limit=8, after=after)))
        after = steps[-1].after

    assert max(step.examined + step.changed for step in steps) <= 8
    assert sum(step.changed for step in steps) == 40


async def test_a_place_that_is_none_is_refused(place: Place):
    with pytest.raises(InvalidInput, match="no place where a run stopped"):
        await drop_old_events(place.record.system, Bounds(limit=8, after="everywhere"))


async def test_a_retention_can_be_changed_listed_and_taken_away(place: Place):
    await place.events.retain("ops-", days=7)
    changed = await place.events.retain("ops-", days=0.5)
    await place.events.retain("metrics-", days=1)

    assert changed is not None
    assert (changed.days, changed.set_by) == (0.5, Actor("ann"))
    assert [one.prefix for one in await place.events.retentions()] == ["metrics-", "ops-"]
    assert await place.events.retain("ops-", days=None) is None
    assert [one.prefix for one in await place.events.retentions()] == ["metrics-"]


@pytest.mark.parametrize(
    ("prefix", "days"),
    [("document-", 7), ("doc", 7), ("d", 7), ("document-0", 7), ("run-", 7), ("", 7), ("x" * 201, 7)]
    + [("ops-", days) for days in (0, -1, 1e9, float("nan"))],
)
async def test_what_is_no_retention_is_refused(place: Place, prefix: str, days: float):
    with pytest.raises(InvalidInput):
        await place.events.retain(prefix, days=days)

    assert await place.events.retentions() == []


async def test_nobody_holds_an_organization_that_is_not_there(place: Place):
    with pytest.raises(NotFound, match="no organization"):
        await retention.hold(place.record.system, f"none-{uuid7().hex}", held=True)
