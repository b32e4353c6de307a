"""Aggregates: loaded from the newest snapshot that fits and the events behind it, saved as events alone.

A snapshot is made after its events are committed, by whoever sees that one is due; none is ever needed. Without
one, with one of an older shape or one that cannot be read any more, all events are read.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from octavo.errors import NotFound, OctavoError
from octavo.postgres import statements
from octavo.store import events
from octavo.store.events import Fact
from octavo.store.scope import Scope
from octavo.values.aggregate import Loaded, Recipe, State
from octavo.values.upcast import Upcasters

_sql = statements.load("octavo.store", "snapshots.sql")
log = logging.getLogger("octavo.events")

MAX_STATE_BYTES = 16 * 1024 * 1024


async def load(scope: Scope, kind: type[State], stream: str, upcasters: Upcasters) -> Loaded[State]:
    """The aggregate that a stream's events make, in bounded memory; of an unknown stream the initial state.

    Raises:
        NotFound: events it is made of were dropped, as their retention wanted.
        InvalidInput: the class is no aggregate; and what its `apply` raises.
    """
    recipe = Recipe.of(kind)
    row = await scope.runner.fetchrow(
        _sql.find_snapshot, scope.organization, stream, recipe.name, recipe.schema_version
    )
    assert row is not None
    loaded = _begin(recipe, stream, row["state"], row["sequence"])
    if row["last"] != loaded.sequence:
        loaded = await _follow(scope, loaded, upcasters)
        if loaded.sequence < (row["last"] or 0):
            raise _gone(stream, loaded.sequence + 1)
    if recipe.is_due(loaded.snapshot, loaded.sequence):
        await keep(scope, loaded)
    return loaded


async def save(
    scope: Scope, loaded: Loaded[State], facts: Sequence[Fact], upcasters: Upcasters
) -> Loaded[State]:
    """Append events to an aggregate's stream, if nobody else did meanwhile; returns it with them applied.

    Raises:
        VersionConflict: another event came first; nothing was appended.
    """
    appended = await events.append_many(scope, loaded.stream, facts, expect=loaded.sequence)
    saved = loaded
    for event in appended:
        saved = saved.after(upcasters.apply(event))
    if Recipe.of(type(saved.state)).is_due(loaded.sequence, saved.sequence):
        await keep(scope, saved)
    return saved


async def keep(scope: Scope, loaded: Loaded[State]) -> bool:
    """Make a snapshot of a committed state; returns whether it is the newest. A failure is logged, no more."""
    recipe = Recipe.of(type(loaded.state))
    state = recipe.encode(loaded.state)
    if state is None or len(state) > MAX_STATE_BYTES:
        log.warning("the %s of %s fits into no snapshot: all events will be read", recipe.name, loaded.stream)
        return False
    try:
        row = await scope.runner.fetchrow(
            _sql.keep_snapshot,
            *(scope.organization, loaded.stream, recipe.name, recipe.schema_version, loaded.sequence, state),
        )
    except OctavoError as error:
        log.warning("no snapshot of %s could be made: %s", loaded.stream, error.code)
        return False
    return row is not None


async def drop(scope: Scope, stream: str | None = None) -> int:
    """Drop the snapshots of a stream or of all; what is loaded next is made from all events."""
    return int((await scope.runner.execute(_sql.drop_snapshots, scope.organization, stream)).split()[-1])


def _begin(recipe: Recipe[State], stream: str, state: bytes | None, sequence: int | None) -> Loaded[State]:
    kept = None if state is None else recipe.decode(state)
    if kept is None or sequence is None:
        return Loaded(stream=stream, state=recipe.initial(), sequence=0)
    return Loaded(stream=stream, state=kept, sequence=sequence, snapshot=sequence)


async def _follow(scope: Scope, loaded: Loaded[State], upcasters: Upcasters) -> Loaded[State]:
    async for event in events.walk(scope, loaded.stream, after=loaded.sequence):
        if event.sequence != loaded.sequence + 1:
            raise _gone(loaded.stream, loaded.sequence + 1)
        loaded = loaded.after(upcasters.apply(event))
    return loaded


def _gone(stream: str, sequence: int) -> NotFound:
    return NotFound(
        f"the event {sequence} of the stream {stream!r} is gone, and no snapshot goes past it",
        remedy="keep no retention for streams of aggregates",
    )
