"""Runs that wait for room, or for other runs, and what the end of a run is to them.

A lane is what is limited: the organization (an empty name), one of its pipelines (its id), or a key of a pipeline's
runs (`id:key`). Who ends runs says so here, and those that waited for it go to the queue; what was missed — a worker
that died in between, a run that was started while the other ended — is found within seconds by whoever leads.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping
from uuid import UUID

from octavo.errors import OctavoError
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.store.scope import Committed

_sql = load("octavo.pipelines.queueing", "held.sql")
_queue = load("octavo.pipelines.queueing", "queue.sql")
_limits = load("octavo.pipelines.queueing", "limits.sql")
log = logging.getLogger("octavo.pipelines")

Lane = tuple[UUID, str]
LOOK_SECONDS = 1.0
_FORGET_SECONDS = 3_600.0
_NOBODY = UUID(int=0)
# What one look goes through at most: lanes, runs of one lane, dependencies, and runs that waited for what has ended.
LANES, ROOM, DEPENDENCIES, PIECE = 500, 1_000, 5_000, 1_000
_ROUNDS = 20


class Held:
    """What waits for room or for other runs.

    Args:
        system: connections of a member of octavo_system.
        committed: told when something went to the queue, to wake the workers.
    """

    def __init__(self, system: Pool, committed: Committed) -> None:
        self._system = system
        self._committed = committed
        self._looked_at = self._forgot_at = float("-inf")
        self._lane: Lane = (_NOBODY, "")
        self._run = (_NOBODY, _NOBODY)

    async def follow(self, freed: Mapping[Lane, int], ended: Collection[tuple[UUID, UUID]]) -> None:
        """Let those go on that waited; what fails is left to whoever looks next.

        Args:
            freed: how many places became free, by lane.
            ended: organizations and ids of runs that have ended and that others wait for.
        """
        try:
            moved = await self.admit(freed) if freed else 0
            moved += await self.resolve(ended) if ended else 0
        except OctavoError as error:
            log.warning("those that waited for ended runs go on later: %s", error)
            return
        if moved:
            self._committed(runs=True)

    async def admit(self, room: Mapping[Lane, int]) -> int:
        """Let so many runs of each lane go to the queue; returns how many did."""
        lanes = sorted(room)
        rows = await self._system.fetch(
            _sql.admit,
            [organization for organization, _ in lanes],
            [name for _, name in lanes],
            [room[lane] for lane in lanes],
        )
        return len(rows)

    async def resolve(self, ended: Collection[tuple[UUID, UUID]]) -> int:
        """Let those go on that waited for runs which have ended; returns for how many waits this was the end.

        What a failed run cancels may cancel others in turn: they are followed for some rounds, and by the next look.
        """
        moved, left = 0, sorted(set(ended))
        for _ in range(_ROUNDS):
            rows = await self._system.fetch(
                _queue.resolve, [organization for organization, _ in left], [id for _, id in left], PIECE
            )
            moved += len(rows)
            cancelled = {(row["organization_id"], row["run_id"]) for row in rows if row["is_cancelled"]}
            if not cancelled and len(rows) < PIECE:
                break
            left = sorted(cancelled | set(left if len(rows) == PIECE else ()))
        return moved

    async def step(self) -> bool:
        """One bounded look, once a second; False, since nothing is left for the same second."""
        now = time.monotonic()
        if now - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = now
        moved = await self._look_for_room() + await self._look_for_ended()
        if now - self._forgot_at >= _FORGET_SECONDS:
            await self._system.execute(_limits.forget_quotas, 10 * PIECE)
            self._forgot_at = now
        if moved:
            self._committed(runs=True)
        return False

    async def _look_for_room(self) -> int:
        rows = await self._system.fetch(_sql.find_room, *self._lane, LANES, ROOM)
        more = len(rows) == LANES
        self._lane = (rows[-1]["organization_id"], rows[-1]["name"]) if more else (_NOBODY, "")
        room = {(row["organization_id"], row["name"]): row["room"] for row in rows if row["room"]}
        return await self.admit(room) if room else 0

    async def _look_for_ended(self) -> int:
        rows = await self._system.fetch(_sql.find_settled, *self._run, DEPENDENCIES)
        last = rows[0]["last_organization"], rows[0]["last_run"]
        self._run = (_NOBODY, _NOBODY) if last[0] is None else last
        ended = [(row["organization_id"], row["needs"]) for row in rows if row["needs"] is not None]
        return await self.resolve(ended) if ended else 0
