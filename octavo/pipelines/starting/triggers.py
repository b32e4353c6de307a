"""Triggers of an organization: kept here, and fired by the server in the transaction of each change."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from octavo.errors import InvalidFilter, LimitExceeded, NotFound
from octavo.pipelines.queueing.queue import Claimed
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store import jsonpath
from octavo.store.filters import conjuncts
from octavo.store.jsonpath import Source
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.condition import Either, Every, Node, Not
from octavo.values.declared import check_type_name
from octavo.values.filter import parse as parse_filter
from octavo.values.json import decode, encode_object
from octavo.values.pipeline import NAMESPACE, TYPE, Reference
from octavo.values.trigger import Change, Trigger, check_bounds, check_changes, check_name

_sql = load("octavo.pipelines.starting", "triggers.sql")
MAX_TRIGGERS = 1_000
_MAX_FILTER_BYTES = 64 * 1024


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A trigger as it is put, checked."""

    name: str
    pipeline: Reference
    type: str
    on: tuple[Change, ...]
    where: Mapping[str, Any]
    priority: int
    debounce_seconds: float
    recursive: bool
    max_depth: int

    @classmethod
    def of(
        cls,
        name: str,
        pipeline: Reference,
        *,
        type: str,
        on: Collection[str] | str,
        where: Mapping[str, Any],
        priority: int,
        debounce_seconds: float,
        recursive: bool,
        max_depth: int,
    ) -> Wanted:
        """Check what a caller gave; raises `InvalidInput`."""
        check_type_name(type, 1)
        check_bounds(priority, debounce_seconds, max_depth)
        return cls(
            name=check_name(name),
            pipeline=pipeline,
            type=type,
            on=check_changes(on),
            where=where,
            priority=priority,
            debounce_seconds=debounce_seconds,
            recursive=recursive,
            max_depth=max_depth,
        )


async def put(scope: Scope, wanted: Wanted) -> Trigger:
    """Keep a trigger, or change the one of this name; documents that change from now on start its runs.

    Raises:
        NotFound: no such pipeline, tag or version. InvalidFilter; LimitExceeded: there are 1,000 triggers.
    """
    body, metadata = conditions(wanted.where)
    reference, actor = wanted.pipeline, scope.origin.actor
    row = await scope.runner.fetchrow(
        _sql.put_trigger,
        scope.organization,
        wanted.name,
        scope.namespace,
        wanted.type,
        reference.name,
        reference.tag,
        reference.version,
        "created" in wanted.on,
        "updated" in wanted.on,
        encode_object(wanted.where, what="filter", max_bytes=_MAX_FILTER_BYTES),
        body,
        metadata,
        wanted.priority,
        wanted.debounce_seconds,
        wanted.recursive,
        wanted.max_depth,
        actor.id,
        actor.kind,
        NAMESPACE,
        TYPE,
        MAX_TRIGGERS,
    )
    if row is None:
        raise await _refusal(scope, reference)
    return _trigger(row)


async def get(scope: Scope, name: str) -> Trigger:
    """One trigger; raises `NotFound`."""
    return _found(await scope.runner.fetchrow(_sql.get_trigger, scope.organization, name), name)


async def listing(scope: Scope, *, after: str = "", limit: int = 100) -> list[Trigger]:
    """Triggers by name, those behind `after`."""
    rows = await scope.runner.fetch(
        _sql.list_triggers, scope.organization, after, min(limit, scope.limits.page)
    )
    return [_trigger(row) for row in rows]


async def pause(scope: Scope, name: str, *, paused: bool) -> Trigger:
    """Let a trigger start nothing any more, or again; raises `NotFound`."""
    return _found(await scope.runner.fetchrow(_sql.pause_trigger, scope.organization, name, paused), name)


async def delete(scope: Scope, name: str) -> None:
    """Delete a trigger; the runs it has started stay. Raises `NotFound`."""
    if await scope.runner.fetchrow(_sql.delete_trigger, scope.organization, name) is None:
        raise _no_trigger(name)


async def is_superseded(scope: Scope, run: Claimed) -> bool:
    """Whether the trigger of a run has another one about a newer version of the document.

    The document is held until the transaction ends, so the answer stays true. A run that no trigger started has no
    other in its place, and sends no statement.
    """
    if run.trigger is None or run.document_id is None:
        return False
    document = run.document_id
    await scope.runner.execute(_sql.hold_document, scope.organization, document)
    row = await scope.runner.fetchrow(
        _sql.newer_run, scope.organization, document, run.document_version, run.trigger, run.id
    )
    return row is not None and bool(row["is_there"])


def conditions(where: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """A filter as two jsonpath predicates, on the body and on the metadata; None where it asks nothing.

    Raises:
        InvalidFilter: it asks for what is not in the document itself, or compares with an object or a list.
    """
    said: dict[Source, list[str]] = {"body": [], "metadata": []}
    for part in conjuncts(parse_filter(where).root):
        predicates = ((source, _predicate(part, source)) for source in said)
        found = next(((source, text) for source, text in predicates if text is not None), None)
        if found is None:
            raise InvalidFilter(
                "the filter of a trigger asks for what a change does not tell",
                remedy="compare fields of the body or of @metadata with texts, numbers, true, false and null",
            )
        said[found[0]].append(found[1])
    body, metadata = (" && ".join(f"({text})" for text in said[source]) or None for source in said)
    return body, metadata


def _predicate(node: Node, source: Source) -> str | None:
    """A node as one predicate, negations included; what is unknown to a comparison does not hold."""
    match node:
        case Not(part=part):
            inner = _predicate(part, source)
            return None if inner is None else f"(({inner}) is unknown || !({inner}))"
        case Every(parts=parts) | Either(parts=parts):
            inners = [_predicate(part, source) for part in parts]
            if not inners or None in inners:
                return None
            word = " && " if isinstance(node, Every) else " || "
            return word.join(f"({inner})" for inner in inners)
    return jsonpath.predicate(node, source, False)


async def _refusal(scope: Scope, reference: Reference) -> NotFound | LimitExceeded:
    found = await scope.runner.fetchrow(
        _sql.present_version,
        scope.organization,
        NAMESPACE,
        TYPE,
        reference.name,
        reference.tag,
        reference.version,
    )
    if found is None or found["number"] is None:
        return no_pipeline(reference)
    row = await scope.runner.fetchrow(_sql.count_triggers, scope.organization)
    return LimitExceeded(
        "the organization has as many triggers as it may",
        remedy=f"the limit is {MAX_TRIGGERS}: delete those that are not needed",
        limit=MAX_TRIGGERS,
        actual=0 if row is None else row["triggers"],
    )


def no_pipeline(reference: Reference) -> NotFound:
    """The refusal of a pipeline, tag or version that is not there."""
    return NotFound(f"there is no pipeline {str(reference)!r}", remedy="see `octavo pipeline list`")


def _found(row: Row | None, name: str) -> Trigger:
    if row is None:
        raise _no_trigger(name)
    return _trigger(row)


def _no_trigger(name: str) -> NotFound:
    return NotFound(f"there is no trigger {name!r}", remedy="see `octavo trigger list`")


def _trigger(row: Row) -> Trigger:
    on: list[Change] = []
    if row["on_created"]:
        on.append("created")
    if row["on_updated"]:
        on.append("updated")
    reference = Reference(row["pipeline"], row["pipeline_tag"], row["pipeline_version"])
    return Trigger(
        name=row["name"],
        namespace=row["namespace"],
        type=row["type"],
        pipeline=str(reference),
        on=tuple(on),
        where=decode(row["filter"]),
        priority=row["priority"],
        debounce_seconds=row["debounce_seconds"],
        recursive=row["recursive"],
        max_depth=row["max_depth"],
        is_paused=row["is_paused"],
        created_at=row["created_at"],
        created_by=Actor(row["created_by"], row["created_by_kind"]),
        updated_at=row["updated_at"],
        stopped_at=row["stopped_at"],
        stopped_reason=row["stopped_reason"],
        stopped_document_id=row["stopped_document_id"],
    )
