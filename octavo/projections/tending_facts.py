"""What is done to one engine of facts: folded, compared with the log, mended, folded anew.

A fold cannot make a fact of what there is now, only of the event. An engine with commits is mended where it is, and
nothing right is missing meanwhile (`mending`). In another one what differs is mended by forgetting the organization
and folding its events again: until that is done its answers lack what is not there yet. It is made anew without any
lack by `rebuild`, which folds the log beside it.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import cast
from uuid import UUID

import msgspec

from octavo.errors import Conflict, Unavailable
from octavo.feed.reader import Feed
from octavo.projections import catalogue, days
from octavo.projections.days import Compared, Key
from octavo.projections.folds import FoldProjection
from octavo.projections.mending import Mending
from octavo.projections.reaching import Reaching
from octavo.projections.roster import Place, Roster
from octavo.projections.tending import Repaired, Retried
from octavo.projections.verify import LISTED, Count, Progress, Verification, silent
from octavo.roles.analytics import AnalyticsEngine, Fact, Mendable, Query, Sum
from octavo.roles.analytics import Place as After
from octavo.values.position import START, Position, parse

FACTS_AT_ONCE = 2_000
# An hour may be counted again while it is looked at: what differs must do so every time.
LOOKS = 3
# Steps of a rebuild in place.
_ADDING, _ADDED = "adding", "added"
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


class FactTending:
    """Works on one engine of facts, beside whoever reads it and whoever folds into it; see `Tended`.

    Args:
        timeout_seconds: how long the engine may take to come to a position; None: as long as it moves.
        progress: told of events and days.

    Raises:
        InvalidSetting: this process may not serve all organizations.
    """

    def __init__(
        self,
        roster: Roster,
        place: Place,
        *,
        timeout_seconds: float | None = None,
        progress: Progress = silent,
    ) -> None:
        self.place = place
        self._roster = roster
        self._system = roster.record.system
        self._progress = progress
        self._reaching = Reaching(roster, place, timeout_seconds, self._tell_of_the_fold)

    async def catch_up(self) -> None:
        """Fold everything up to the end of the log as it is now."""
        await self._reaching.catch_up()

    async def verify(self) -> Verification:
        """Compare what is held with the log, and rollups with facts, by organization and day.

        In the answer documents are events: `missing` and `ghosts` those that one side has more, `stale` those of days
        that have as many others, or whose rollups do not add up. Facts of events that an organization let go count
        as held.
        """
        begun = time.monotonic()
        await self.catch_up()
        position = (await self._engine.position()).position
        self._progress("comparing days", 0, 2)
        found = await days.compared(self._system, self._engine, position)
        self._progress("comparing days", 1, 2)
        unrolled = await self._unrolled()
        self._progress("comparing days", 2, 2)
        verification = Verification(
            role=self.place.role.name,
            url=self.place.url,
            position=position,
            total=_total(found, unrolled, len(await self._engine.parked())),
            organizations=_by_organization(found, unrolled),
            differences=(),
            days=[one for one in found.differences if not one.kept][:LISTED],
            seconds=time.monotonic() - begun,
        )
        if verification.is_equal:
            await catalogue.note_equal(
                self._system, self.place.role.name, self.place.url, position, found.events
            )
        return verification

    async def repair(self) -> Repaired:
        """Mend what differs, or forget the organizations of which something does and fold their events again; verify.

        Raises:
            Conflict: one that would be forgotten has facts of events that it let go, which nothing could bring back.
        """
        await self.catch_up()
        found = await days.compared(self._system, self._engine, (await self._engine.position()).position)
        unrolled = await self._unrolled()
        if isinstance(self._engine, Mendable):
            return Repaired(await self._mend(found, unrolled), await self.verify())
        differing = {one.organization for one in found.differences if not one.kept}
        differing |= {organization for organization, _ in unrolled}
        if lost := differing & {one.organization for one in found.differences if one.kept}:
            raise Conflict(
                f"organization {min(lost)} has facts of events that the log does not hold any more",
                remedy="promote another place: it is folded beside this one, and takes those facts over",
            )
        told = 0
        for organization in sorted(differing):
            told += await self._fold_anew(organization)
        return Repaired(told, await self.verify())

    async def rebuild(self) -> Repaired:
        """Fold the log anew from its start, and verify: where it is, or of an engine without commits emptied before."""
        if isinstance(self._engine, Mendable):
            told = await self._make_anew(self._mending(self._engine))
            return Repaired(told, await self.verify())
        await self._projection.rebuild()
        verification = await self.verify()
        return Repaired(verification.total.documents, verification)

    async def retry(self) -> Retried:
        """Events no fact can be made of stay so: the same event gives the same fact."""
        parked = await self._engine.parked()
        return Retried(0, parked)

    async def take_over(
        self, before: Place, verification: Verification, *, accept_parked: bool, is_anew: bool
    ) -> None:
        """Hold what the engine that serves holds: also facts of events that the log has let go.

        Raises:
            Conflict: some day adds up otherwise there. Unavailable: it does not tell what it holds.
        """
        del verification
        serves = cast("AnalyticsEngine", before.engine)
        try:
            await self._carry_over(serves)
            differing = [] if is_anew else await self._unlike(serves)
        except Unavailable:
            if accept_parked:
                return
            raise
        if differing and not accept_parked:
            organization, day = differing[0]
            raise Conflict(
                f"{self.place.url} and {before.url} add up otherwise on {len(differing)} days, as {day} of"
                f" organization {organization}",
                remedy="`octavo engines verify analytics` tells which is right; accept_parked takes what the log says",
            )

    async def _carry_over(self, serves: AnalyticsEngine) -> None:
        gone = await days.let_go(self._system)
        wanted: dict[UUID, set[date]] = {}
        for organization, day in await self._unlike(serves):
            if day <= gone.get(organization, date.min):
                wanted.setdefault(organization, set()).add(day)
        for organization, of_days in wanted.items():
            async for facts in _recorded(serves, organization, of_days):
                await self._projection.deliver(facts)

    async def _unlike(self, serves: AnalyticsEngine) -> list[Key]:
        """Days whose facts or numbers add up otherwise in two engines, up to where both are."""
        await self.catch_up()
        positions = [(await engine.position()).position for engine in (serves, self._engine)]
        until = min(positions)
        theirs, ours = await serves.totals(until), await self._engine.totals(until)
        none = Sum(0)
        return sorted(
            key for key in theirs.keys() | ours.keys() if theirs.get(key, none) != ours.get(key, none)
        )

    async def _unrolled(self) -> Collection[Key]:
        found = set(await self._engine.unrolled())
        for _ in range(1, LOOKS):
            if not found:
                break
            await self.catch_up()
            found &= set(await self._engine.unrolled())
        return found

    async def _mend(self, found: Compared, unrolled: Collection[Key]) -> int:
        """Make right what differs, where it is; returns how many events were told again."""
        mending, told = self._mending(cast("Mendable", self._engine)), 0
        differing = [one for one in found.differences if not one.kept]
        until = (await self._engine.position()).position
        for organization in sorted({one.organization for one in differing if one.log}):
            async for events, _ in mending.add(self._feed(organization), until):
                told += events
        await self._remove_strangers(mending)
        for organization, day in unrolled:
            await cast("Mendable", self._engine).roll(organization, day)
        return told

    async def _make_anew(self, mending: Mending) -> int:
        """Tell the engine of every event, and add everything up anew; goes on where it was broken off."""
        await self.catch_up()
        until, told = (await self._engine.position()).position, 0
        step, after = await self._rebuilt_to()
        if step == _ADDING:
            async for events, position in mending.add(self._feed(), until, after):
                told += events
                await self._note_rebuilt(f"{_ADDING} {position}")
                self._progress("telling of every event", min(position.id, until.id), until.id)
            await self._remove_strangers(mending)
            await self._note_rebuilt(f"{_ADDED} {until}")
        async for done, known in mending.add_up():
            self._progress("adding up days", done, known)
        await self._note_rebuilt(None)
        return told

    async def _remove_strangers(self, mending: Mending) -> None:
        found = await days.compared(self._system, self._engine, (await self._engine.position()).position)
        for one in found.differences:
            if not one.kept:
                await mending.remove_strangers(self._feed(), one.organization, one.day)

    async def _rebuilt_to(self) -> tuple[str, Position]:
        noted = await catalogue.rebuilt(self._system, self.place.role.name, self.place.url)
        if noted is None:
            return _ADDING, START
        step, position = noted.split(" ")
        return step, parse(position)

    async def _note_rebuilt(self, to: str | None) -> None:
        await catalogue.note_rebuilt(self._system, self.place.role.name, self.place.url, to)

    def _mending(self, engine: Mendable) -> Mending:
        return Mending(self._system, engine, self._projection.derive)

    def _feed(self, organization: UUID | None = None) -> Feed:
        record = self._roster.record
        pool = self._system if organization is None else record.app
        return Feed(pool, self._roster.wakeup, organization, shard=record.shard)

    async def _fold_anew(self, organization: UUID) -> int:
        await self._engine.erase(organization)
        # Whoever folds may have had a load under way: it is in, as far as it was not forgotten, when this is reached.
        await self.catch_up()
        until = (await self._engine.position()).position
        return await self._projection.fold_again(self._feed(organization), until)

    async def _tell_of_the_fold(self, to: Position) -> None:
        reached = (await self._engine.position()).position
        self._progress("folding the log", min(reached.id, to.id), to.id)

    @property
    def _engine(self) -> AnalyticsEngine:
        return cast("AnalyticsEngine", self.place.engine)

    @property
    def _projection(self) -> FoldProjection:
        return cast("FoldProjection", self.place.projection)


async def _recorded(
    engine: AnalyticsEngine, organization: UUID, of_days: Collection[date]
) -> AsyncIterator[Sequence[Fact]]:
    """An organization's facts that were recorded on some days."""
    query = Query(
        organization=organization,
        since=_EARLIEST,
        until=_LATEST,
        most_facts=FACTS_AT_ONCE,
        most_rows=FACTS_AT_ONCE,
    )
    after: After | None = None
    while page := await engine.facts(query, FACTS_AT_ONCE, after):
        yield [fact for fact in page if fact.recorded_at.astimezone(UTC).date() in of_days]
        last = page[-1]
        after = After(last.time, last.position.epoch, last.position.id)


def _by_organization(found: Compared, unrolled: Collection[Key]) -> Mapping[UUID, Count]:
    counts: dict[UUID, Count] = {}
    for one in found.differences:
        if not one.kept:
            counts[one.organization] = _added(
                counts.get(one.organization, Count(documents=0)), one.log, one.engine
            )
    for organization, _ in unrolled:
        before = counts.get(organization, Count(documents=0))
        counts[organization] = msgspec.structs.replace(before, stale=before.stale + 1)
    return counts


def _added(count: Count, log: int, engine: int) -> Count:
    return msgspec.structs.replace(
        count,
        documents=count.documents + log,
        missing=count.missing + max(0, log - engine),
        ghosts=count.ghosts + max(0, engine - log),
        stale=count.stale + (log if log == engine else 0),
    )


def _total(found: Compared, unrolled: Collection[Key], parked: int) -> Count:
    counts = _by_organization(found, unrolled).values()
    return Count(
        documents=found.events,
        missing=sum(one.missing for one in counts),
        stale=sum(one.stale for one in counts),
        ghosts=sum(one.ghosts for one in counts),
        parked=parked,
    )
