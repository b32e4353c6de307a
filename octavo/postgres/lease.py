"""A lease: the right to do what only one process at a time may do, as a row with an expiry and a fence.

No session-level lock, since behind a transaction pooler a session is nobody's. Who holds a lease renews it before
it expires; who dies loses it then. Time is the server's alone. A holder that was away for longer than its lease
may think for a moment that it still has it: so what must not be done twice is written with a look at the fence,
a number that grows with every change of the holder.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from uuid_utils.compat import uuid4

from octavo.errors import Unavailable
from octavo.postgres.background import Background
from octavo.postgres.statements import load
from octavo.postgres.transaction import Runner

_sql = load("octavo.postgres", "lease.sql")

SECONDS = 6.0


class Lease:
    """One holder's view of a lease; another object, in this process or elsewhere, is another holder.

    Args:
        runner: `octavo_app` for a lease of an organization, `octavo_system` for one without.
        name: what is leased, at most 200 characters.
        organization: whose lease it is; None: a part that serves all organizations.
        seconds: how long the lease outlives its last renewal.
    """

    def __init__(
        self, runner: Runner, name: str, organization: UUID | None = None, *, seconds: float = SECONDS
    ) -> None:
        self.name = name
        self.organization = organization
        self.seconds = seconds
        self.holder = uuid4()
        self.fence = 0
        self._runner = runner
        self._until = 0.0

    @property
    def is_held(self) -> bool:
        """Whether the lease is ours as far as this process can know: renewed less than `seconds` ago."""
        return time.monotonic() < self._until

    async def take(self) -> bool:
        """Take the lease if nobody else holds it; does not wait. Returns whether it is ours now.

        Every success gives a new, higher `fence`.
        """
        statement = _sql.take_for_all if self.organization is None else _sql.take
        begun = time.monotonic()
        row = await self._runner.fetchrow(statement, self.organization, self.name, self.holder, self.seconds)
        if row is None:
            return False
        self.fence = row["fence"]
        self._until = begun + self.seconds
        return True

    async def renew(self) -> bool:
        """Put the expiry off; False when somebody else has taken the lease meanwhile."""
        statement = _sql.renew_for_all if self.organization is None else _sql.renew
        begun = time.monotonic()
        row = await self._runner.fetchrow(statement, *self._mine, self.seconds)
        self._until = 0.0 if row is None else begun + self.seconds
        return row is not None

    def renewed(self, begun: float | None) -> None:
        """Take note that a statement which began at `begun` (monotonic seconds) renewed it; None: that it is lost."""
        self._until = 0.0 if begun is None else begun + self.seconds

    async def release(self) -> None:
        """Give the lease up, so that the next one need not wait for its expiry; does nothing if it was lost."""
        self._until = 0.0
        statement = _sql.release_for_all if self.organization is None else _sql.release
        await self._runner.execute(statement, *self._mine)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Renew the lease in the background while the block runs, and release it at its end."""
        pause = self.seconds / 3
        renewing = Background(
            f"lease {self.name}",
            self._renew_step,
            first_wait_seconds=pause,
            longest_wait_seconds=pause,
            longest_fault_wait_seconds=pause,
            immediately=False,
        )
        renewing.start()
        try:
            yield
        finally:
            await renewing.stop()
            await self._release_quietly()

    @property
    def _mine(self) -> tuple[UUID | None, str, UUID, int]:
        return self.organization, self.name, self.holder, self.fence

    async def _renew_step(self) -> bool:
        # A lost lease stays lost until it is taken again: whoever has it now may not be disturbed.
        if self.is_held:
            await self.renew()
        return False

    async def _release_quietly(self) -> None:
        try:
            await self.release()
        except Unavailable:
            self._until = 0.0  # it expires by itself
