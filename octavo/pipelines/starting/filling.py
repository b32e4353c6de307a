"""Starting the runs of a batch, piece by piece: whoever goes on begins where the one before was interrupted.

A daily quota of runs stops the filling until the next day, and a worker goes on then.

The place up to which a batch is filled moves in the statement that starts the runs of the piece, so each piece is
started once, whoever fills: the caller that started the batch, the same one called again, or the upkeep of a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import Contention, InvalidInput, NotFound, OctavoError, QuotaExceeded
from octavo.pipelines.queueing import limits
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store import walking
from octavo.store.scope import Scope
from octavo.values.actor import Actor, Origin
from octavo.values.batch import Asked
from octavo.values.json import encode
from octavo.values.run import MAX_RUNS

_sql = load("octavo.pipelines.starting", "batches.sql")
_runs = load("octavo.pipelines.queueing", "runs.sql")
# Statements of a walk that make one piece at most, however few documents they find.
_LOOKS = 20
_PIECES_OF_QUOTA = 10


class _Piece(msgspec.Struct, frozen=True):
    """Documents to start runs about, and the place they bring the batch to."""

    documents: list[UUID]
    place: str
    is_last: bool


class Bounds(msgspec.Struct, frozen=True):
    """What an organization allows: runs that one piece starts at most, and documents of a batch; None: any number."""

    piece: int
    batch: int | None


async def bounds(scope: Scope) -> Bounds:
    """What an organization allows; several pieces fit into its quota of a day."""
    row = await scope.runner.fetchrow(_sql.bounds, scope.organization)
    quota, batch = (None, None) if row is None else (row["runs"], row["batch"])
    of_quota = MAX_RUNS if quota is None else max(quota // _PIECES_OF_QUOTA, 1)
    return Bounds(min(MAX_RUNS, scope.limits.batch, of_quota), batch)


async def fill(scope: Scope, batch: UUID, started: Callable[[int], None] | None = None) -> None:
    """Start all runs of a batch that are not started yet, as many as the quota of the day allows.

    Args:
        started: told how many this call has started, piece by piece.

    Raises:
        NotFound: its pipeline was purged meanwhile; InvalidInput. The batch says so too, and gets no more runs.
    """
    runs = 0
    with suppress(QuotaExceeded):
        while (more := await fill_piece(scope, batch)) is not None:
            runs += more
            if started is not None:
                started(runs)


async def fill_piece(scope: Scope, batch: UUID) -> int | None:
    """Start the runs of the next piece, 10,000 at most, in one statement; returns how many, None: it is filled.

    Raises:
        QuotaExceeded: nothing was started; go on tomorrow. NotFound, InvalidInput: as `fill`.
    """
    row = await scope.runner.fetchrow(_sql.filling, scope.organization, batch)
    if row is None:
        return None
    try:
        return await _filled(scope, batch, row)
    except (InvalidInput, NotFound) as error:
        # Nobody can go on from here, so nobody shall try.
        await _give_up(scope, batch, error)
        raise


async def _filled(scope: Scope, batch: UUID, row: Row) -> int:
    asked = msgspec.json.decode(row["asked"], type=Asked)
    if asked.documents is not None:
        piece = await _listed(scope, batch, row["cursor"])
    else:
        piece = await _found(scope, asked, row["created_at"], row["cursor"])
    on_behalf = msgspec.structs.replace(scope, origin=_origin(row, batch))
    moved = await scope.runner.fetchrow(
        _runs.fill_batch,
        *on_behalf.change(row["priority"], batch),
        row["cursor"],
        piece.place,
        piece.is_last,
        [uuid7() for _ in piece.documents],
        piece.documents,
    )
    if moved is not None and moved["is_refused"]:
        refusal = await limits.refusal(scope, [], any_end=False, runs=len(piece.documents))
        raise refusal or Contention("the quota of the day was full and is not any more", remedy="try again")
    if moved is not None:
        scope.committed(runs=True)
        return int(moved["runs"])
    now = await scope.runner.fetchrow(_sql.filling, scope.organization, batch)
    if now is not None and now["cursor"] == row["cursor"]:
        raise NotFound(
            f"the pipeline of batch {batch} is not there any more", remedy="start a batch of another one"
        )
    return 0  # somebody else has filled from there


async def _listed(scope: Scope, batch: UUID, cursor: str) -> _Piece:
    place = int(cursor or 0) + 1
    row = await scope.runner.fetchrow(_sql.list_at, scope.organization, batch, place)
    if row is None:
        # Somebody else has just filled from there, and the statement will see it.
        return _Piece([], str(place), False)
    return _Piece(list(row["documents"]), str(place), row["is_last"])


async def _found(scope: Scope, asked: Asked, until: datetime, cursor: str) -> _Piece:
    """The next documents of a question, of which everybody sees the same: those that were there at its start."""
    runs = (await bounds(scope)).piece
    limits_here = msgspec.structs.replace(scope.limits, page=min(scope.limits.page, runs))
    within = msgspec.structs.replace(scope, namespace=asked.namespace or scope.namespace, limits=limits_here)
    question = walking.question(within, asked.type, asked.where, until)
    found: list[UUID] = []
    for _ in range(_LOOKS):
        piece = await walking.walk(within, question, cursor)
        found += piece.ids
        if piece.cursor is None:
            return _Piece(found, "end", True)
        cursor = piece.cursor
        if len(found) + question.limit > runs:
            break
    return _Piece(found, cursor, False)


def _origin(row: Row, batch: UUID) -> Origin:
    stream = f"batch-{batch}"
    return Origin(
        Actor(row["actor"], row["actor_kind"]),
        row["session_id"],
        row["correlation_id"] or stream,
        f"{stream}:1",
    )


async def _give_up(scope: Scope, batch: UUID, error: OctavoError) -> None:
    told = encode({"code": error.code, "message": str(error)})
    await scope.runner.execute(_sql.give_filling_up, scope.organization, batch, told)
