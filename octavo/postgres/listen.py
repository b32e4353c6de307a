"""One connection that listens for notifications, and comes back when it was lost.

A notification is a hint and nothing more: what is sent while the connection is away is lost, so whoever listens
looks for himself when the connection is there (again), and now and then.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import asyncpg

from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.translate import DRIVER_ERRORS

log = logging.getLogger("octavo.postgres")

# A connection the network dropped in silence is noticed by asking it something.
HEARTBEAT_SECONDS = 30.0
ANSWER_SECONDS = 5.0
FIRST_WAIT_SECONDS = 0.1
LONGEST_WAIT_SECONDS = 10.0


class Listener:
    """Listens on one channel from `start` to `close`.

    Args:
        arguments: what the driver's `connect` takes; must lead to the server itself and not to a pooler.
        channel: the channel.
        heard: called in the event loop with the payload of each notification, and with None when the
            connection is there: anything may have been missed before.
    """

    def __init__(
        self, arguments: Mapping[str, Any], channel: str, heard: Callable[[str | None], None]
    ) -> None:
        self._arguments = dict(arguments)
        self._channel = channel
        self._heard = heard
        self._task: asyncio.Task[None] | None = None
        self._listening = asyncio.Event()

    @property
    def is_listening(self) -> bool:
        """Whether the connection is there."""
        return self._listening.is_set()

    async def listening(self) -> None:
        """Wait until the connection is there."""
        await self._listening.wait()

    def start(self) -> None:
        """Connect in the background; does nothing when it was started already."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name=f"listen {self._channel}")

    async def close(self) -> None:
        """Close the connection; safe to call twice, and without a start."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})

    async def _run(self) -> None:
        attempt = 0
        while True:
            try:
                await self._listen()
                attempt = 0
            except (*DRIVER_ERRORS, TimeoutError) as error:
                level = logging.DEBUG if attempt else logging.WARNING
                log.log(level, "cannot listen on %s now: %s", self._channel, type(error).__name__)
            attempt += 1
            await asyncio.sleep(backoff_seconds(attempt, first=FIRST_WAIT_SECONDS, most=LONGEST_WAIT_SECONDS))

    async def _listen(self) -> None:
        """Listen until the connection is lost."""
        connection = await asyncpg.connect(**self._arguments)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(self._channel, self._hear)
            self._listening.set()
            self._heard(None)
            await self._stay(connection, lost)
        finally:
            self._listening.clear()
            connection.terminate()

    async def _stay(self, connection: asyncpg.Connection, lost: asyncio.Event) -> None:
        while not lost.is_set():
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await lost.wait()
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=ANSWER_SECONDS)

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        self._heard(str(payload))
