"""The record: PostgreSQL, embedded or by URL, opened with the roles, limits and epoch that all relies on.

Two pools, because two roles: `app` is subject to row-level security and serves calls; `system` sees every
organization and serves the feed, projections and maintenance. A connection is told its limits when it is
opened, and each transaction is behind a pooler; nothing is set in a session afterwards.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import asyncpg
import msgspec

from octavo.errors import Conflict, InvalidSetting, MigrationNeeded, Unavailable
from octavo.postgres import admission, health
from octavo.postgres.background import Background
from octavo.postgres.connect import Reached, check_version, reach
from octavo.postgres.epoch import keep_epoch, look
from octavo.postgres.health import GateHolder, Health
from octavo.postgres.migrator import migrate
from octavo.postgres.pool import Pool
from octavo.postgres.server import Server, open_server
from octavo.postgres.statements import load
from octavo.settings import Settings

log = logging.getLogger("octavo.postgres")

_sql = load("octavo.postgres", "record.sql")

URL_SCHEMES = ("postgresql://", "postgres://")
MONTHS_AHEAD = 2
DAY_SECONDS = 86_400.0


class Way(msgspec.Struct, frozen=True):
    """How to connect as one role: what the driver's `connect` takes, and whether a pooler stands between."""

    arguments: Mapping[str, Any]
    pooled: bool = False


class Record:
    """An open record. Made by `open_record`; closed by its opener."""

    def __init__(
        self, app: Pool, system: Pool | None, listen: Mapping[str, Any] | None, server: Server | None
    ) -> None:
        self.app = app
        self.shard = 0
        self.epoch = 0
        self.server = server
        self._system = system
        self._listen = listen
        self._revival: Background | None = None
        self._partitions = Background(
            "partitions",
            self._partitions_step,
            first_wait_seconds=DAY_SECONDS,
            longest_wait_seconds=DAY_SECONDS,
            longest_fault_wait_seconds=600.0,
            immediately=False,
        )

    @property
    def pooled(self) -> bool:
        """Whether calls reach the server through a transaction pooler."""
        return self.app.pooled

    @property
    def has_system(self) -> bool:
        """Whether this process may do what serves all organizations: feed, projections, maintenance."""
        return self._system is not None

    @property
    def system(self) -> Pool:
        """The pool that sees every organization; raises `InvalidSetting` when it was not configured."""
        if self._system is None:
            raise InvalidSetting(
                "this needs a role that serves all organizations, and record_system is not set",
                remedy="set OCTAVO_RECORD_SYSTEM to the URL of a member of octavo_system",
                setting="record_system",
            )
        return self._system

    @property
    def can_listen(self) -> bool:
        """Whether notifications of other processes can be heard."""
        return self._listen is not None

    @property
    def listen(self) -> Mapping[str, Any]:
        """What the driver's `connect` takes for LISTEN; raises `InvalidSetting` if only a pooler is known."""
        if self._listen is None:
            raise InvalidSetting(
                "the record is behind a connection pooler, which passes no notifications on",
                remedy="set OCTAVO_RECORD_DIRECT to a URL that reaches the server itself",
                setting="record_direct",
            )
        return self._listen

    async def health(self) -> Health:
        """A few round trips to the record, and what can be said of it; raises `Unavailable` if it is gone."""
        round_trip_ms, version = await health.ping(self.app)
        holders = await self.gate_holders() if self.has_system else []
        return Health(
            round_trip_ms=round_trip_ms,
            open_connections=self.app.open_connections
            + (self._system.open_connections if self._system else 0),
            version=version,
            epoch=self.epoch,
            pooled=self.pooled,
            gate_holder=holders[0] if holders else None,
        )

    async def gate_holders(self, older_than_seconds: float = 0.0) -> list[GateHolder]:
        """Who holds the feed back: open writing transactions of the whole server, the decisive one first."""
        return await health.gate_holders(self.system, older_than_seconds)

    async def close(self) -> None:
        """Close the connections and give the embedded server back; safe to call twice."""
        if self._revival is not None:
            await self._revival.stop()
        await self._partitions.stop()
        await self.app.close()
        if self._system is not None:
            await self._system.close()
        if self.server is not None:
            self.server.close()

    def watch_server(self, settings: Settings) -> None:
        """Start the embedded server again whenever it dies while this record is open."""

        async def revive() -> bool:
            if self.server is not None and not self.server.is_alive:
                log.warning("the embedded server has died and is started again")
                dead, self.server = self.server, await _start_server(settings)
                dead.close()
            return False

        self._revival = Background("server", revive, first_wait_seconds=0.5, longest_fault_wait_seconds=5.0)
        self._revival.start()

    async def begin(self) -> None:
        """Find the epoch, keep partitions ahead, and see to it that both stay; part of `open_record`."""
        self.epoch = await self._current_epoch()
        if not self.app.pooled:
            self.app.on_connect = self._recognise
        if self._system is not None:
            if not self._system.pooled:
                self._system.on_connect = self._recognise_as_system
            await self._keep_partitions()
            self._partitions.start()

    async def _current_epoch(self) -> int:
        if self._system is not None:
            return await keep_epoch(self._system)
        life = await look(self.app)
        if not life.goes_on:
            raise _moved()
        return life.epoch

    async def _recognise(self, connection: asyncpg.Connection) -> None:
        """A new connection may reach another server than the last: a successor, or a restored one."""
        if not (await look(connection)).goes_on:
            if self._system is None:
                raise _moved()
            self.epoch = await keep_epoch(self._system)

    async def _recognise_as_system(self, connection: asyncpg.Connection) -> None:
        self.epoch = await keep_epoch(connection)

    async def _keep_partitions(self) -> None:
        try:
            await self.system.fetch(_sql.keep_event_partitions, MONTHS_AHEAD)
        except Conflict as error:
            # A long transaction has the table; events go to the default partition meanwhile.
            log.warning("event partitions could not be made now: %s", error)

    async def _partitions_step(self) -> bool:
        await self.system.fetch(_sql.keep_event_partitions, MONTHS_AHEAD)
        return False


async def open_record(settings: Settings) -> Record:
    """Open the record that `settings.record` names.

    A directory, or `embedded:DIR`: the embedded server is started or joined, its schema brought up to date.
    A URL: server, role and schema are looked at and refused when they cannot work; nothing is changed in the
    schema, `octavo migrate up` does that.

    Raises:
        Unavailable, AccessDenied: nothing answers, or the login or the role is refused.
        RecordFault: the server is too old.
        MigrationNeeded, MigrationFault: the schema is missing or older; or newer than this version.
        InvalidSetting: a URL or a size that cannot work.
        ServerFault, StorageFault: the embedded server cannot be started.
    """
    if settings.record.startswith(URL_SCHEMES):
        return await _open_outside(settings)
    return await _open_embedded(settings)


async def _open_embedded(settings: Settings) -> Record:
    deadline = time.monotonic() + settings.start_timeout_seconds
    while True:
        server = await _start_server(settings)
        try:
            return await _open_server_record(settings, server)
        except Unavailable:
            # The server we joined was killed before we reached it: the next round starts it again.
            if server.is_alive or time.monotonic() > deadline:
                raise


async def _open_server_record(settings: Settings, server: Server) -> Record:
    try:
        await migrate(server.running.dsn("octavo_admin"))
        app, system = server.running.dsn("octavo_app"), server.running.dsn("octavo_system")
        record = await _open(settings, Way(app), Way(system), listen=system, server=server)
    except BaseException:
        server.close()
        raise
    record.watch_server(settings)
    return record


async def _start_server(settings: Settings) -> Server:
    starting = asyncio.ensure_future(asyncio.to_thread(_open_server, settings))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        starting.add_done_callback(_give_back)  # the thread goes on; its share must not stay behind
        raise


def _open_server(settings: Settings) -> Server:
    return open_server(
        Path(settings.record.removeprefix("embedded:")).expanduser(),
        start_timeout=settings.start_timeout_seconds,
        idle_stop=settings.idle_stop_seconds,
    )


def _give_back(started: asyncio.Future[Server]) -> None:
    if not started.cancelled() and started.exception() is None:
        started.result().close()


async def _open_outside(settings: Settings) -> Record:
    app = await _way(settings.record)
    system = await _way(settings.record_system) if settings.record_system else None
    ways = [await _direct_way(settings.record_direct)] if settings.record_direct else [system, app]
    listen = next((way.arguments for way in ways if way and not way.pooled), None)
    return await _open(settings, app, system, listen=listen, server=None)


async def _way(url: str) -> Way:
    arguments = {"dsn": url}
    reached: Reached = await reach(arguments)
    check_version(reached.major)
    return Way(arguments, reached.pooled)


async def _direct_way(url: str) -> Way:
    way = await _way(url)
    if way.pooled:
        raise InvalidSetting(
            "record_direct leads through a connection pooler",
            remedy="set it to a URL that reaches the server itself",
            setting="record_direct",
        )
    return way


async def _open(
    settings: Settings,
    app: Way,
    system: Way | None,
    *,
    listen: Mapping[str, Any] | None,
    server: Server | None,
) -> Record:
    record = Record(_pool(settings, app), _pool(settings, system) if system else None, listen, server)
    try:
        await record.app.open()
        await _admit(settings, record)
        if record.has_system:
            await record.system.open()
            admission.check_system_role(await admission.describe(record.system))
        await record.begin()
    except BaseException:
        await record.close()
        raise
    return record


async def _admit(settings: Settings, record: Record) -> None:
    role = await admission.describe(record.app)
    admission.check_app_role(role)
    if record.server is None:
        await admission.check_schema(record.app)
    if not record.pooled:
        pools = 2 if record.has_system else 1
        admission.check_room(role, settings.pool_size * pools + 1)  # and one that listens


def _pool(settings: Settings, way: Way) -> Pool:
    limits = _limits(settings)
    if way.pooled:
        arguments = {**way.arguments, "statement_cache_size": 0}
    else:
        # No statement of ours is too long or too old to stay prepared.
        cache = {"max_cacheable_statement_size": 0, "max_cached_statement_lifetime": 0}
        told = {**limits, "application_name": "octavo", "default_transaction_isolation": "read committed"}
        arguments = {**way.arguments, **cache, "server_settings": told}
    return Pool(
        arguments,
        size=settings.pool_size,
        warm=settings.pool_warm,
        acquire_timeout_seconds=settings.acquire_timeout_seconds,
        lifetime_seconds=settings.connection_lifetime_seconds,
        pooled=way.pooled,
        transaction_settings=limits if way.pooled else None,
    )


def _limits(settings: Settings) -> dict[str, str]:
    """Time limits of the server's own, so that they hold also when this process is gone."""
    transaction = f"{round(settings.transaction_timeout_seconds * 1000)}ms"
    return {
        "statement_timeout": f"{round(settings.statement_timeout_seconds * 1000)}ms",
        "transaction_timeout": transaction,
        "idle_in_transaction_session_timeout": transaction,
        "client_connection_check_interval": "1s",
        "timezone": "UTC",
    }


def _moved() -> MigrationNeeded:
    return MigrationNeeded(
        "the record is on another server or timeline than its log was written on, as after a restore",
        remedy="run `octavo migrate up`, which begins a new epoch of the log, or set record_system",
    )
