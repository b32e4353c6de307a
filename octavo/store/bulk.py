"""Changing all documents that a filter holds for: found in looks, changed in chunks.

A look reads at most `Limits.scanned` documents and names those the filter holds for. A chunk is a transaction of its
own and two statements: the first locks the heads, the second asks the filter again of what is locked now and
changes what it still holds for. So no document is changed that somebody else has just taken out of the filter, none
is changed twice in a call, and a call that was interrupted is made again: what it has done is not in the filter any
more, or is equal to what it makes.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, LimitExceeded, OctavoError
from octavo.postgres.backoff import backoff_seconds
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.postgres.translate import is_transient
from octavo.store import reads, typed
from octavo.store.filters import LOOKUP, Compiler, conjuncts
from octavo.store.find import as_filter, fetch, within
from octavo.store.leads import asked_type, narrowing_lead
from octavo.store.narrowing import index_for, leads_to, sql_of
from octavo.store.question import FIRST_PARAMETER, Statement, unfound
from octavo.store.rows import position_from_row
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.store.types import TakenNamed
from octavo.values import patch as patches
from octavo.values.condition import Attribute, Condition, Filter, Node
from octavo.values.json import encode
from octavo.values.position import Position

_sql = load("octavo.store", "bulk.sql")
_changes = load("octavo.store", "changes.sql")
CHUNK_DOCUMENTS = 500
CHUNK_BYTES = 16 * 1024 * 1024
MAX_CHANGED = 10_000
_ATTEMPTS = 8
_PATCH_FILTER_FROM = 11
_DELETE_FILTER_FROM = 8
# Told how many documents are done of how many; of 0 when nobody counted them.
Progress = Callable[[int, int], None]


class BulkChange(msgspec.Struct, frozen=True):
    """What a bulk change did, or would do if it was a dry run.

    Attributes:
        matched: documents the filter held for.
        changed: those that have a new version now; the others were equal already. 0 in a dry run.
        position: that of the last event made; None when there is none.
    """

    matched: int = 0
    changed: int = 0
    position: Position | None = None

    def __add__(self, other: BulkChange) -> BulkChange:
        positions = [each.position for each in (self, other) if each.position is not None]
        return BulkChange(
            self.matched + other.matched, self.changed + other.changed, max(positions, default=None)
        )

    def as_dict(self) -> dict[str, Any]:
        """The counts and the position as plain data."""
        position = None if self.position is None else str(self.position)
        return {"matched": self.matched, "changed": self.changed, "position": position}


class Selection(msgspec.Struct, frozen=True, kw_only=True):
    """Which documents a bulk change is about, and how many at most.

    Attributes:
        where: the filter; an empty one holds for all documents of the type.
        max_changed: more documents than this are refused before anything changes; None for no limit.
        dry_run: change nothing, count.
        progress: told after each chunk.
    """

    type: str | None
    where: Mapping[str, Any] | Filter
    max_changed: int | None = MAX_CHANGED
    dry_run: bool = False
    progress: Progress | None = None


class _Change(msgspec.Struct, frozen=True):
    """What is done to a chunk: a statement of changes.sql, and its parameters behind the ids.

    `is_checked` when documents of registered types may be among the changed ones, and must fit them.
    """

    text: str
    arguments: list[object]
    is_checked: bool = False


class _Most(msgspec.Struct, frozen=True):
    """How many documents may match, and what to do when there are more."""

    documents: int
    remedy: str


async def update_many(
    scope: Scope,
    pool: Pool | None,
    changed: Mapping[str, Any],
    selection: Selection,
    *,
    metadata: Mapping[str, Any] | None = None,
) -> BulkChange:
    """Patch every document of a selection, as `changes.patch` patches one.

    Args:
        pool: what gives each chunk its transaction; None inside a transaction, which is one chunk then.

    Raises:
        InvalidFilter, InvalidInput: nothing changed, unless an operation does not fit a stored value; then its
            chunk is rolled back and `fields["changed"]` says how many documents the chunks before it changed.
        InvalidBody: a result does not fit its registered type; the same holds for its chunk.
        LimitExceeded: more than `max_changed` documents, or more than a chunk inside a transaction.
    """
    parsed = patches.parse(changed)
    asked = within(as_filter(selection.where), selection.type, None, scope)
    compiler = Compiler(LOOKUP, _PATCH_FILTER_FROM)
    change = _Change(
        _changes.patch_documents.replace("{filter}", compiler.sql(asked.root)),
        [
            parsed.merge,
            parsed.operations,
            None if metadata is None else encode(metadata, what="metadata"),
            *compiler.arguments,
        ],
        bool(scope.types.models) and (selection.type is None or selection.type in scope.types.models),
    )
    return await _run(scope, pool, asked, selection, change)


async def delete_many(scope: Scope, pool: Pool | None, selection: Selection) -> BulkChange:
    """Delete every document of a selection, as `changes.delete` deletes one; errors as `update_many`."""
    asked = within(as_filter(selection.where), selection.type, None, scope)
    compiler = Compiler(LOOKUP, _DELETE_FILTER_FROM)
    change = _Change(
        _changes.delete_documents.replace("{filter}", compiler.sql(asked.root)), compiler.arguments
    )
    return await _run(scope, pool, asked, selection, change)


async def _run(
    scope: Scope, pool: Pool | None, asked: Filter, selection: Selection, change: _Change
) -> BulkChange:
    most = _most(pool, selection)
    total = 0 if most is None and not selection.dry_run else await _count(scope, asked, most)
    if selection.dry_run:
        return BulkChange(matched=total)
    done = BulkChange()
    async for ids in _chunks(scope, asked):
        try:
            async with TakenNamed(scope):
                done += await _change_all(scope, pool, change, ids)
        except OctavoError as error:
            error.fields["changed"] = done.changed
            raise
        if selection.progress is not None:
            selection.progress(done.matched, max(total, done.matched) if total else 0)
    return done


def _most(pool: Pool | None, selection: Selection) -> _Most | None:
    """How many documents may match; None when nobody minds."""
    asked = selection.max_changed
    if asked is not None and asked < 1:
        raise InvalidInput(
            f"max_changed is {asked}", remedy="allow at least one document, or None for no limit"
        )
    if pool is None and not selection.dry_run and (asked is None or asked > CHUNK_DOCUMENTS):
        return _Most(CHUNK_DOCUMENTS, "change them outside of the transaction, or narrow the filter")
    return None if asked is None else _Most(asked, "narrow the filter, or pass a higher max_changed, or None")


async def _count(scope: Scope, asked: Filter, most: _Most | None) -> int:
    total = 0
    async for ids in _looks(scope, asked):
        total += len(ids)
        if most is not None and total > most.documents:
            raise LimitExceeded(
                f"the filter holds for more than {most.documents} documents",
                remedy=most.remedy,
                limit=most.documents,
                actual=total,
            )
    return total


async def _chunks(scope: Scope, asked: Filter) -> AsyncIterator[list[UUID]]:
    """Ids of the documents the filter holds for, in chunks."""
    async for ids in _looks(scope, asked):
        for start in range(0, len(ids), CHUNK_DOCUMENTS):
            yield ids[start : start + CHUNK_DOCUMENTS]


async def _looks(scope: Scope, asked: Filter) -> AsyncIterator[list[UUID]]:
    """Ids of the documents the filter holds for, look by look: what an index finds, or else along an index."""
    found = await _found(scope, asked)
    if found is not None:
        yield found
        return
    last: Row | None = None
    while True:
        rows = await fetch(scope, walk_statement(scope, asked, last))
        yield [row["document_id"] for row in rows if row["holds"]]
        if not rows or not rows[-1]["goes_on"]:
            return
        last = rows[-1]


async def _found(scope: Scope, asked: Filter) -> list[UUID] | None:
    """All ids, if an index finds them in one look."""
    statement = found_statement(scope, asked)
    if statement is None:
        return None
    ids = [row["document_id"] for row in await fetch(scope, statement)]
    return None if None in ids else ids


def found_statement(scope: Scope, asked: Filter) -> Statement | None:
    """The statement that finds ids by an index; None when none knows the filter."""
    compiler = Compiler(LOOKUP, FIRST_PARAMETER)
    apart, beside = _parts(asked)
    lead = leads_to(beside, narrowing_lead([*apart, *beside], scope.types.ready(asked_type(apart))))
    index = index_for(compiler, beside, lead)
    if index is None:
        return None
    text = _filled(
        _sql.found_ids,
        narrowed=index.within(f"({sql_of(compiler, apart)})"),
        rest=sql_of(compiler, unfound(beside, lead)),
        bound=compiler.parameter(scope.limits.scanned + 1, "bigint"),
    )
    return Statement(text, compiler.arguments)


def walk_statement(scope: Scope, asked: Filter, last: Row | None) -> Statement:
    """The statement of one look along an index, behind the last row of the look before."""
    compiler = Compiler(LOOKUP, FIRST_PARAMETER)
    apart, beside = _parts(asked)
    has_namespace = any(_is_equal(part, "@namespace") for part in apart)
    keys = {"created_at": "timestamptz", "document_id": "uuid"} if has_namespace else {"document_id": "uuid"}
    after = "true"
    if last is not None:
        place = ", ".join(compiler.parameter(last[key], type) for key, type in keys.items())
        after = f"({', '.join(keys)}) > ({place})"
    text = _filled(
        _sql.walked_ids,
        scope=f"({sql_of(compiler, apart)})",
        asked=sql_of(compiler, beside),
        order=", ".join(keys),
        after=after,
        bound=compiler.parameter(scope.limits.scanned, "bigint"),
    )
    return Statement(text, compiler.arguments)


def _parts(asked: Filter) -> tuple[list[Node], list[Node]]:
    """The equal namespace and type, which are in front of an index that can be walked along; and the others."""
    parts = conjuncts(asked.root)
    if not any(_is_equal(part, "@namespace") for part in parts):
        return [], parts
    apart = [part for part in parts if _is_equal(part, "@namespace") or _is_equal(part, "@type")]
    return apart, [part for part in parts if part not in apart]


def _is_equal(part: Node, attribute: str) -> bool:
    return isinstance(part, Condition) and part.subject == Attribute(attribute) and part.operator == "eq"


def _filled(text: str, **parts: str) -> str:
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text


async def _change_all(scope: Scope, pool: Pool | None, change: _Change, ids: Sequence[UUID]) -> BulkChange:
    """Change documents in as many chunks as their bodies need."""
    done, rest = BulkChange(), sorted(ids)
    while rest:
        taken, answer = await _change_some(scope, pool, change, rest)
        done += answer
        rest = [id for id in rest if id not in taken] if taken else []
    return done


async def _change_some(
    scope: Scope, pool: Pool | None, change: _Change, ids: list[UUID]
) -> tuple[set[UUID], BulkChange]:
    """One chunk; tried again when it met a deadlock, since nothing of it was kept then."""
    if pool is None:
        return await _change_inside(scope, change, ids)
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            async with transaction(pool, scope) as inside:
                return await _change_chunk(inside, change, ids)
        except OctavoError as error:
            if attempt == _ATTEMPTS or error.__cause__ is None or not is_transient(error.__cause__):
                raise
            await asyncio.sleep(backoff_seconds(attempt, first=0.02, most=0.5))
    raise AssertionError("unreachable")


async def _change_inside(scope: Scope, change: _Change, ids: list[UUID]) -> tuple[set[UUID], BulkChange]:
    """One chunk in a caller's transaction, which it leaves as it was when a result does not fit its type."""
    if not change.is_checked:
        return await _change_chunk(scope, change, ids)
    async with typed.undone_if_refused(scope, None) as inside:
        return await _change_chunk(inside, change, ids)


async def _change_chunk(scope: Scope, change: _Change, ids: list[UUID]) -> tuple[set[UUID], BulkChange]:
    locked = await scope.runner.fetch(_sql.lock_documents, scope.organization, ids, CHUNK_BYTES)
    taken = {row["id"] for row in locked}
    row = await scope.runner.fetchrow(change.text, *scope.change(sorted(taken), *change.arguments))
    assert row is not None
    if not row["changed"]:
        return taken, BulkChange(matched=row["matched"])
    if change.is_checked:
        for document in (await reads.get_many(scope, sorted(taken))).values():
            typed.check(scope, document)
    scope.committed()
    return taken, BulkChange(row["matched"], row["changed"], position_from_row(row, scope.shard))
