"""Declared indexes: built beside all writers, built again after a failure, dropped when nobody declares them.

An index that refuses what another could not find (its guard) is made first, so whatever is found by a complete pair
is complete. A build that was interrupted leaves an INVALID index, which is dropped and built anew.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Literal

import msgspec

from octavo.errors import Conflict, OctavoError
from octavo.operations.migrations import administrator
from octavo.postgres.administration import administering
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.postgres.translate import DRIVER_ERRORS, translate
from octavo.settings import Settings
from octavo.store import jsonpath, types
from octavo.store.leads import TypeIndex

_sql = load("octavo.operations", "indexes.sql")
SHOWN = 10
_PLACE = re.compile(r"{(\w+)}")
State = Literal["ready", "building", "missing", "failed", "undeclared", "dropped"]


class IndexState(msgspec.Struct, frozen=True):
    """A declared index and how it is.

    Attributes:
        index: what is declared, as `index on status, priority`; empty for one that no type declares.
        state: `missing` waits to be built, `undeclared` to be dropped; `dropped` and `failed` tell what a call did.
        progress: 0 to 1 while it is being built, as far as PostgreSQL tells.
        problem: why it could not be built.
        documents: lists of ids that stand in its way, at most 10: those with one unique value, or one whose field
            holds several.
    """

    type: str
    index: str
    name: str
    state: State
    progress: float | None = None
    problem: str = ""
    documents: tuple[tuple[str, ...], ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """The state as plain data."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told


async def states(system: Pool) -> list[IndexState]:
    """Every declared index, and every one that is there though nobody declares it."""
    declared, valid = await types.declared_indexes(system)
    there = {row["name"]: row["is_valid"] for row in await system.fetch(_sql.indexes_there)}
    working = {row["name"]: _share(row) for row in await system.fetch(_sql.progress)}
    told = [_state(index, valid, working) for index in declared]
    wanted = {name for index in declared for name in _names(index)}
    return told + [IndexState("", "", name, "undeclared") for name in there if name not in wanted]


async def apply(
    settings: Settings, system: Pool, *, drop: bool = True, patience_seconds: float = 300.0
) -> list[IndexState]:
    """Build what is declared and not there, and drop what is there and not declared; writers go on meanwhile.

    Args:
        drop: False leaves undeclared indexes alone.
        patience_seconds: how long to wait for another builder.

    Returns:
        The state of every declared index afterwards, and of each that was dropped.

    Raises:
        Conflict: another builder works longer than that. InvalidSetting: nobody says who may.
    """
    declared, _ = await types.declared_indexes(system)
    async with _building(settings, patience_seconds) as connection:
        done = await _drop(connection, declared, undeclared=drop)
        failed = [problem for index in declared if (problem := await _build(connection, system, index))]
    failures = {state.name: state for state in failed}
    return [failures.get(state.name, state) for state in await states(system)] + done


def missing(declared: Sequence[TypeIndex], valid: frozenset[str]) -> list[str]:
    """Names of the indexes that are declared and not complete."""
    return [name for index in declared for name in _names(index) if name not in valid]


@asynccontextmanager
async def _building(settings: Settings, patience_seconds: float) -> AsyncIterator[Any]:
    """The administrator's connection, for the one builder there may be."""
    async with (
        administrator(settings) as arguments,
        administering(arguments, 0.0, create=False) as connection,
    ):
        until, attempt = time.monotonic() + patience_seconds, 0
        # Asked again and again, because whoever waits for a lock in PostgreSQL is waited for by a build.
        while not await connection.fetchval(_sql.try_to_build):
            if time.monotonic() >= until:
                raise Conflict(
                    "somebody else is building declared indexes", remedy="wait for it, then try again"
                )
            attempt += 1
            await asyncio.sleep(backoff_seconds(attempt, first=0.02, most=1.0))
        yield connection


async def _drop(connection: Any, declared: Sequence[TypeIndex], *, undeclared: bool) -> list[IndexState]:
    """Drop what an interrupted build left, and what nobody declares: an index before its guard."""
    wanted = {name for index in declared for name in _names(index)}
    dropped = []
    for row in sorted(await connection.fetch(_sql.indexes_there), key=lambda row: "guard" in row["name"]):
        if row["name"] in wanted and row["is_valid"]:
            continue
        if row["name"] in wanted or undeclared:
            await connection.execute(_filled(_sql.drop_index, name=row["name"]))
        if row["name"] not in wanted and undeclared:
            dropped.append(IndexState("", "", row["name"], "dropped"))
    return dropped


async def _build(connection: Any, system: Pool, index: TypeIndex) -> IndexState | None:
    """Build what is missing of an index; what stands in its way, if something does."""
    there = {row["name"] for row in await connection.fetch(_sql.indexes_there)}
    for name, statement in _statements(index).items():
        if name in there:
            continue
        try:
            await connection.execute(statement)
        except DRIVER_ERRORS as error:
            await connection.execute(_filled(_sql.drop_index, name=name))
            return await _failure(system, index, translate(error))
    return None


async def _failure(system: Pool, index: TypeIndex, error: OctavoError) -> IndexState:
    rows: list[Row] = []
    for field in index.declared.subjects:
        if index.is_unique:
            rows += await system.fetch(_sql.duplicates, index.type, jsonpath.path(field), SHOWN)
        else:
            rows += await system.fetch(
                _sql.several_values,
                index.type,
                jsonpath.first_scalar(field),
                SHOWN,
                index.room_bytes,
                jsonpath.elements(field),
            )
    documents = tuple(tuple(map(str, row["ids"])) for row in rows[:SHOWN])
    problem = "several documents have one value" if index.is_unique and rows else error.message
    return IndexState(
        index.type, str(index.declared), index.name, "failed", problem=problem, documents=documents
    )


def _statements(index: TypeIndex) -> dict[str, str]:
    """What makes an index, by name, in the order in which it must be made."""
    create = _sql.create_unique_index if index.is_unique else _sql.create_index
    made = {index.name: _filled(create, name=index.name, columns=index.columns, predicate=index.predicate)}
    if index.guard is None:
        return made
    guard = _filled(_sql.create_index, name=index.guard, columns="organization_id", predicate=index.refusals)
    return {index.guard: guard, **made}


def _filled(statement: str, **parts: str) -> str:
    return _PLACE.sub(lambda place: parts[place[1]], statement)


def _names(index: TypeIndex) -> list[str]:
    return [name for name in (index.guard, index.name) if name is not None]


def _state(index: TypeIndex, valid: frozenset[str], working: dict[str, float]) -> IndexState:
    names = _names(index)
    progress = next((working[name] for name in names if name in working), None)
    state: State = "building" if progress is not None else "missing"
    if not missing([index], valid):
        state = "ready"
    return IndexState(index.type, str(index.declared), index.name, state, progress)


def _share(row: Row) -> float:
    return round(min(row["done"] / row["total"], 1.0), 3) if row["total"] else 0.0
