"""The engines this process knows: those that serve its reads, and a runner for each that is kept up to date.

The catalogue says which there are. It is looked at when the database is opened and then every second, so a read costs
no statement more, and every process notices within about a second that another engine serves. One that has not
noticed yet reads the engine that served before, which is kept up to date: it answers as rightly.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

import msgspec

from octavo.errors import InvalidInput, OctavoError
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.background import Background
from octavo.postgres.lease import Lease
from octavo.postgres.record import Record
from octavo.projections import catalogue
from octavo.projections.catalogue import Entry
from octavo.projections.role import Engine, EngineProjection, Role, close
from octavo.projections.runner import Runner
from octavo.projections.runners import Runners
from octavo.values.numbered import parted

log = logging.getLogger("octavo.engines")

LOOK_SECONDS = 1.0
# Which of several engines of one place is meant when it is named without its number.
_STATES = ("live", "building", "kept", "retired")


class Place(msgspec.Struct, frozen=True):
    """An engine of the catalogue in this process; without the system's role nothing fills it here."""

    role: Role
    url: str
    engine: Engine
    projection: EngineProjection | None = None
    runner: Runner | None = None


class Roster:
    """The engines of all roles, as the catalogue says.

    Args:
        record: the open record.
        wakeup: tells the runners that the log has grown.
        roles: by name.
        look_seconds: between two looks at the catalogue.

    Attributes:
        runners: one for each engine that is kept up to date.
        entries: what the catalogue said at the last look.
    """

    def __init__(
        self,
        record: Record,
        wakeup: Wakeup,
        roles: Mapping[str, Role],
        *,
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        self.roles = roles
        self.record = record
        self.wakeup = wakeup
        self.look_seconds = look_seconds
        self.entries: Sequence[Entry] = ()
        self.runners = Runners()
        self._places: dict[tuple[str, str], Place] = {}
        self._live: dict[str, Place] = {}
        self._refused: set[tuple[str, str]] = set()
        self._looking = asyncio.Lock()
        self._looks = Background(
            "engines",
            self._look_step,
            first_wait_seconds=look_seconds,
            longest_wait_seconds=look_seconds,
            longest_fault_wait_seconds=look_seconds,
            immediately=False,
        )

    async def open(self) -> None:
        """Find the engines, and give each role without one its first; then look again and again.

        Raises:
            InvalidSetting, MissingExtra: an engine that serves cannot be used by this process.
        """
        await self.look()
        if len(self._live) < len(self.roles):
            await self._begin()
        for role in self.roles.values():
            self._tell_of_another(role)
        self._looks.start()

    async def close(self) -> None:
        """Look no more, stop the runners, and close what engines have open; safe to call twice."""
        await self._looks.stop()
        await self.runners.stop()
        for place in {id(one.engine): one for one in (*self._places.values(), *self._live.values())}.values():
            await close(place.engine)

    async def look(self) -> None:
        """Read the catalogue and be as it says.

        Raises:
            InvalidSetting, MissingExtra: an engine that serves by now cannot be used by this process.
        """
        async with self._looking:
            await self._look()

    async def _look(self) -> None:
        entries = [one for one in await catalogue.entries(self.record.app) if one.role in self.roles]
        if entries == self.entries:
            return
        places = {one.key: place for one in entries if (place := self._place_of(one)) is not None}
        # A role without an entry goes on with the engine of its setting.
        live = {**self._live, **{one.role: places[one.key] for one in entries if one.state == "live"}}
        for role, place in live.items():
            if role in self._live and self._live[role] is not place:
                log.info("%s is served by %s from now on", role, place.url)
        gone = [place for key, place in self._places.items() if key not in places]
        self.entries, self._places, self._live = entries, places, live
        await self.runners.become(self._named())
        for place in gone:
            await close(place.engine)

    def place(self, role: str, url: str | None = None) -> Place:
        """An engine of a role, the one that serves it if none is named.

        Args:
            url: one without a number also means the engine that was built anew in its place.

        Raises:
            InvalidInput: there is no such role, or no such engine in the catalogue.
        """
        known = self.role(role)
        if url is None:
            return self._live[role]
        found = self._places.get((role, self.spelt(role, known.address(url))))
        if found is None:
            raise InvalidInput(f"{role} has no engine {url}", remedy="see `octavo engines list`")
        return found

    def spelt(self, role: str, url: str) -> str:
        """The URL of the engine that is meant: of one that was built anew, the number is seldom written."""
        same = [one for one in self.entries if one.role == role and parted(one.url)[0] == url]
        if not same or any(one.url == url for one in same):
            return url
        return min(same, key=lambda one: _STATES.index(one.state)).url

    def found(self, role: str, url: str) -> Place | None:
        """An engine of the catalogue, by the URL that is kept there; None when it is not in use here."""
        return self._places.get((role, url))

    def in_use(self, role: str) -> Sequence[Place]:
        """The engines of a role that answer: the one that serves, then those that are kept."""
        kept = [one.key for one in self.entries if one.role == role and one.state == "kept"]
        return [self._live[role], *(self._places[key] for key in kept if key in self._places)]

    def all_of(self, role: str) -> Sequence[Place]:
        """All engines of a role that are in use here, also one that is being filled."""
        return [self._live[role], *(one for one in self._of(role) if one is not self._live[role])]

    def role(self, name: str) -> Role:
        """The role of this name; raises `InvalidInput`."""
        if name not in self.roles:
            raise InvalidInput(
                f"there is no role {name!r} with engines",
                remedy=f"give one of {', '.join(sorted(self.roles))}",
            )
        return self.roles[name]

    async def moved(self, role: str, seconds: float) -> None:
        """Wait until this process has moved the engine that serves a role, at most so many seconds."""
        runner = self._live[role].runner
        assert runner is not None
        await runner.moved(seconds)

    def _of(self, role: str) -> Sequence[Place]:
        return [place for place in self._places.values() if place.role.name == role]

    async def _look_step(self) -> bool:
        await self.look()
        return False

    async def _begin(self) -> None:
        for role in self.roles.values():
            if role.name in self._live:
                continue
            first = self._made(
                role, role.address(role.first)
            )  # what this process cannot use becomes no entry
            if self.record.has_system:
                await catalogue.begin(self.record.system, role.name, first.url)
            else:
                # Nobody has opened the record with the system's role yet: what the setting says, until then.
                self._live[role.name] = first
        await self.look()

    def _place_of(self, entry: Entry) -> Place | None:
        """The engine of an entry; None when nothing is to be done with it here.

        Raises:
            OctavoError: the one that serves cannot be used.
        """
        if entry.state == "retired":
            return None
        if entry.key in self._places:
            return self._places[entry.key]
        try:
            return self._made(self.roles[entry.role], entry.url)
        except OctavoError as error:
            if entry.state == "live":
                raise
            if entry.key not in self._refused:
                self._refused.add(entry.key)
                log.warning(
                    "this process leaves the engine %s of %s to others: %s", entry.url, entry.role, error
                )
            return None

    def _made(self, role: Role, url: str) -> Place:
        engine = role.build(url)
        if not self.record.has_system:
            return Place(role, url, engine)
        system = self.record.system
        projection = role.project(system, Feed(system, self.wakeup, shard=self.record.shard), engine)
        runner = Runner(projection, Lease(system, role.lease(url)), self.wakeup)
        return Place(role, url, engine, projection, runner)

    def _named(self) -> dict[str, Runner]:
        """The runners by name, first those of the engines that serve."""
        named = {role: place.runner for role, place in self._live.items() if place.runner is not None}
        for place in self._places.values():
            if place.runner is not None and place is not self._live.get(place.role.name):
                named[f"{place.role.name} {place.url}"] = place.runner
        return named

    def _tell_of_another(self, role: Role) -> None:
        if (other := self.differs(role.name)) is not None:
            log.warning(
                "the setting names %s for %s, which is served by %s: `octavo engines promote %s %s` moves it there",
                other,
                role.name,
                self._live[role.name].url,
                role.name,
                other,
            )

    def differs(self, role: str) -> str | None:
        """The URL that the setting names, if another engine serves; None when they agree."""
        known = self.roles[role]
        if not known.setting or known.address(known.setting) == parted(self._live[role].url)[0]:
            return None
        return known.address(known.setting)
