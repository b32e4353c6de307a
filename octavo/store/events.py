"""Events of streams: append under an expected sequence, read a stream in order, look back over the log.

A stream is the events of one thing. The stream of a document, `document-<id>`, is written by the store alone, as
its sequence stands on the document's head; every other stream takes what is appended to it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import msgspec

from octavo.errors import (
    IdempotencyConflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    OctavoError,
    VersionConflict,
)
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.event import Event
from octavo.values.json import encode_object
from octavo.values.position import START, Position
from octavo.values.trace import Trace
from octavo.values.upcast import Upcasters

_sql = load("octavo.store", "events.sql")
_keys = load("octavo.store", "idempotency.sql")
log = logging.getLogger("octavo.events")

MAX_DATA_BYTES = 256 * 1024
MAX_EVENTS = 1_000
MAX_EVENTS_BYTES = 16 * 1024 * 1024
MAX_STREAM_LENGTH = 200
MAX_TYPE_LENGTH = 100
# First words of types whose events the store and its derived parts write: a reader may trust them.
OWN_TYPES = frozenset({"document", "tag", "label", "link", "run", "batch", "trigger", "result", "model"})
END = Position(2**31 - 1, 2**31 - 1, 2**63 - 1, 2**63 - 1)
_TYPE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
_DOCUMENT = "document-"
# What has a row of its own that orders its events.
_THINGS = frozenset({"run", "batch", "model", "result"})


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """What is appended: a type, its data, and what they refer to. Made by `fact`, which checks it."""

    type: str
    data: bytes
    schema_version: int
    document_id: UUID | None
    version: int | None


def document_stream(id: UUID) -> str:
    """The name of a document's stream."""
    return f"{_DOCUMENT}{id}"


def fact(
    type: str,
    data: object,
    *,
    schema_version: int = 1,
    document_id: UUID | None = None,
    version: int | None = None,
) -> Fact:
    """Check what is to be appended.

    Args:
        type: lower-case words joined by dots, at least two: `order.placed`; at most 100 characters.
        data: a JSON object of at most 256 KiB. The log is kept: refer to personal data instead of copying it.
        schema_version: which shape of the type's data this is, from 1 on.
        document_id, version: the document and its version the event is about.

    Raises:
        InvalidInput, LimitExceeded.
    """
    if not _TYPE.fullmatch(type) or len(type) > MAX_TYPE_LENGTH:
        raise InvalidInput(
            f"{type[:MAX_TYPE_LENGTH]!r} is not an event type",
            remedy=f"use lower-case words joined by dots, as order.placed, at most {MAX_TYPE_LENGTH} characters",
        )
    if not 1 <= schema_version <= 32_767:
        raise InvalidInput(f"the schema version {schema_version} is not between 1 and 32,767")
    encoded = encode_object(data, what="event data", max_bytes=MAX_DATA_BYTES)
    return Fact(
        type=type, data=encoded, schema_version=schema_version, document_id=document_id, version=version
    )


def facts(given: Sequence[Mapping[str, Any]], upcasters: Upcasters) -> list[Fact]:
    """Check events of a user's own, each a mapping with `type` and `data`, and `schema_version` if wanted.

    Raises:
        InvalidInput, LimitExceeded: none, more than 1,000, or more than 16 MiB of data.
    """
    if not 1 <= len(given) <= MAX_EVENTS:
        raise LimitExceeded(
            f"{len(given)} events in one call",
            remedy=f"append 1 to {MAX_EVENTS} at once",
            limit=MAX_EVENTS,
            actual=len(given),
        )
    checked = [_own(one, upcasters) for one in given]
    size = sum(len(one.data) for one in checked)
    if size > MAX_EVENTS_BYTES:
        raise LimitExceeded(
            f"the events of one call have {size} bytes of data",
            remedy=f"the limit is {MAX_EVENTS_BYTES}: append them in several calls",
            limit=MAX_EVENTS_BYTES,
            actual=size,
        )
    return checked


def own_fact(type: str, data: object, schema_version: int | None, upcasters: Upcasters) -> Fact:
    """Check an event of a user's own; without a schema version it is of the newest shape that is known."""
    version = upcasters.newest(type) if schema_version is None else schema_version
    return fact(type, data, schema_version=version)


def check_open_to_all(stream: str, type: str) -> None:
    """Refuse what only Octavo itself writes; raises `InvalidInput`."""
    if stream.startswith(_DOCUMENT):
        raise InvalidInput(
            f"the stream {stream[:MAX_STREAM_LENGTH]!r} is written by changes of its document alone",
            remedy="append to a stream of your own",
        )
    kind, separator, _ = stream.partition("-")
    if separator and kind in _THINGS:
        raise InvalidInput(
            f"the stream {stream[:MAX_STREAM_LENGTH]!r} is written by its {kind} alone",
            remedy="append to a stream of your own",
        )
    if type.partition(".")[0] in OWN_TYPES:
        raise InvalidInput(
            f"events of the type {type!r} are written by Octavo alone",
            remedy="begin the type with a word of your own",
        )


async def append(scope: Scope, stream: str, fact: Fact, *, expect: int | None = None) -> Event:
    """Append one event to a stream in one statement; returns it with its place in the log.

    Args:
        stream: its name, 1 to 200 characters; a stream comes into being with its first event.
        expect: the sequence of the stream's last event, 0 for a new stream; None appends in any case.

    Raises:
        VersionConflict: another event came first (`fields`: `expected`, `actual`); nothing was appended.
        InvalidInput, NotFound (the organization).
    """
    _check_name(stream)
    try:
        row = await scope.runner.fetchrow(
            _sql.append,
            *scope.change(
                stream, fact.type, fact.data, expect, fact.schema_version, fact.document_id, fact.version
            ),
        )
        if row is None:
            raise await _refused(scope, stream, expect)
    except OctavoError as error:
        log.error("append to %s failed: %s", stream, error.code, extra={"stream": stream, "type": fact.type})
        raise
    log.debug("appended to %s", stream, extra={"stream": stream, "type": fact.type})
    scope.committed()
    return _appended(scope, stream, fact, row)


async def append_many(
    scope: Scope, stream: str, facts: Sequence[Fact], *, expect: int | None = None
) -> list[Event]:
    """Append events to a stream, all of them or none, in one statement; returns them in the order given.

    They have consecutive sequences. In the log events of other streams may stand between them.

    Raises:
        VersionConflict, InvalidInput, NotFound: as `append`.
    """
    _check_name(stream)
    columns = (
        [fact.type for fact in facts],
        [fact.data for fact in facts],
        expect,
        [fact.schema_version for fact in facts],
        [fact.document_id for fact in facts],
        [fact.version for fact in facts],
    )
    try:
        rows = await scope.runner.fetch(_sql.append_many, *scope.change(stream, *columns))
        if not rows:
            raise await _refused(scope, stream, expect)
    except OctavoError as error:
        log.error("append to %s failed: %s", stream, error.code, extra={"stream": stream})
        raise
    log.debug("appended %d to %s", len(rows), stream, extra={"stream": stream})
    scope.committed()
    ordered = sorted(rows, key=lambda row: row["sequence"])
    return [_appended(scope, stream, fact, row) for fact, row in zip(facts, ordered, strict=True)]


async def append_once(
    scope: Scope, stream: str, facts: Sequence[Fact], key: str, *, expect: int | None = None
) -> list[Event]:
    """`append_many` that may be sent twice: a repetition with the same key returns the events of the first.

    The scope's runner must be a transaction, so that key and events commit together.

    Raises:
        IdempotencyConflict: the key was used for something else; and what `append` raises.
    """
    if not 1 <= len(key) <= 200:
        raise InvalidInput(f"an idempotency key has 1 to 200 characters, this one {len(key)}")
    digest = hashlib.sha256(msgspec.json.encode(("append", stream, *facts))).digest()
    if await scope.runner.fetchrow(_keys.claim_key, scope.organization, key, digest):
        appended = await append_many(scope, stream, facts, expect=expect)
        answer = msgspec.json.encode({"sequence": appended[0].sequence})
        await scope.runner.execute(_keys.keep_answer, scope.organization, key, answer)
        return appended
    row = await scope.runner.fetchrow(_keys.read_answer, scope.organization, key)
    if row is None or row["request"] != digest:
        raise IdempotencyConflict(
            f"the idempotency key {key!r} was used with another request",
            remedy="use a new key for a new request",
        )
    sequence = msgspec.json.decode(row["answer"])["sequence"]
    # As it was answered then, also when the page of a reader is smaller.
    rows = await scope.runner.fetch(
        _sql.read_stream, scope.organization, stream, sequence - 1, None, len(facts)
    )
    return events_from_rows(rows, scope.shard)


async def read(
    scope: Scope, stream: str, *, after: int = 0, types: Collection[str] | None = None, limit: int = 100
) -> list[Event]:
    """Events of a stream behind the sequence `after`, in order; none when there is no such stream."""
    rows = await scope.runner.fetch(
        _sql.read_stream,
        scope.organization,
        stream,
        after,
        _listed(types),
        _page(scope, limit),
    )
    return events_from_rows(rows, scope.shard)


async def walk(
    scope: Scope, stream: str, *, after: int = 0, types: Collection[str] | None = None
) -> AsyncIterator[Event]:
    """All events of a stream behind the sequence `after`, page by page, so in bounded memory."""
    while events := await read(scope, stream, after=after, types=types, limit=scope.limits.page):
        for event in events:
            yield event
        after = events[-1].sequence


async def trace(scope: Scope, correlation: str, *, after: Position = START, limit: int = 1_000) -> Trace:
    """Events with a correlation, in the order of the log, at most `limit` behind a position."""
    rows = await scope.runner.fetch(
        _sql.trace, scope.organization, correlation, after.epoch, after.xid, after.id, _page(scope, limit)
    )
    events = events_from_rows(rows, scope.shard)
    return Trace(correlation, events, events[-1].position if len(events) == limit else None)


class Looked(msgspec.Struct, frozen=True):
    """A page of a look back: events, newest first, and where the next page goes on (None: it was the last)."""

    events: list[Event]
    before: Position | None


async def look_back(
    scope: Scope,
    *,
    before: Position = END,
    since: datetime | None = None,
    until: datetime | None = None,
    types: Collection[str] | None = None,
    document_id: UUID | None = None,
    actor: Actor | None = None,
    session: str | None = None,
    correlation: str | None = None,
    limit: int = 100,
) -> Looked:
    """What happened, newest first: at most `limit` of the last events, of those that match.

    One call looks at a bounded number of events (`max_scanned`), so a page may hold few or none and there may
    still be more: go on from its `before` until that is None.

    Args:
        before: only what stands before this position of the log.
        since, until: recorded at or after, and before; events of a long transaction are recorded before they
            are committed.
        types, document_id, actor, session, correlation: only events with these.
    """
    limit = _page(scope, limit)
    who = (actor.id, actor.kind) if actor else (None, None)
    conditions = (_listed(types), document_id, *who, session, correlation)
    everything_matches = all(condition is None for condition in conditions)
    rows = await scope.runner.fetch(
        _sql.read_history,
        scope.organization,
        before.epoch,
        before.xid,
        before.id,
        since,
        until,
        limit if everything_matches else scope.limits.scanned,
        limit,
        *conditions,
    )
    marks = [row for row in rows[:1] if row["type"] is None]
    events = events_from_rows(rows[len(marks) :], scope.shard)
    if len(events) == limit:
        return Looked(events, events[-1].position)
    mark = [Position(scope.shard, row["epoch"], row["position_xid"], row["id"]) for row in marks]
    return Looked(events, mark[0] if mark else None)


def events_from_rows(rows: Sequence[Row], shard: int) -> list[Event]:
    """Events from rows that have the columns `event_columns` and no others, in their order.

    Columns are taken by place, since a log is read by the hundred thousand: the driver's rows yield their values
    when they are iterated over, although they are mappings else.
    """
    return [
        Event(
            position=Position(shard, epoch, xid, id),
            organization_id=organization,
            stream=stream,
            sequence=sequence,
            type=type,
            schema_version=schema_version,
            recorded_at=recorded_at,
            document_id=document,
            version=version,
            actor=Actor(actor, kind),
            session=session,
            correlation=correlation,
            causation=causation,
            raw_data=data,
        )
        for (
            epoch,
            xid,
            id,
            organization,
            stream,
            sequence,
            type,
            schema_version,
            recorded_at,
            document,
            version,
            data,
            actor,
            kind,
            session,
            correlation,
            causation,
        ) in cast("Sequence[tuple[Any, ...]]", rows)
    ]


def _own(given: Mapping[str, Any], upcasters: Upcasters) -> Fact:
    if not {"type", "data"} <= set(given) <= {"type", "data", "schema_version"}:
        raise InvalidInput(
            f"an event has the keys {sorted(given)}",
            remedy="give type and data, and if wanted schema_version",
        )
    return own_fact(given["type"], given["data"], given.get("schema_version"), upcasters)


def _check_name(stream: str) -> None:
    if not 1 <= len(stream) <= MAX_STREAM_LENGTH:
        raise InvalidInput(f"the name of a stream has 1 to {MAX_STREAM_LENGTH} characters, not {len(stream)}")


def _appended(scope: Scope, stream: str, fact: Fact, row: Row) -> Event:
    origin = scope.origin
    return Event(
        position=Position(scope.shard, row["epoch"], row["position_xid"], row["id"]),
        organization_id=scope.organization,
        stream=stream,
        sequence=row["sequence"],
        type=fact.type,
        schema_version=fact.schema_version,
        recorded_at=row["recorded_at"],
        document_id=fact.document_id,
        version=fact.version,
        actor=origin.actor,
        session=origin.session,
        correlation=origin.correlation,
        causation=origin.causation,
        raw_data=row["data"],
    )


async def _refused(scope: Scope, stream: str, expect: int | None) -> OctavoError:
    row = await scope.runner.fetchrow(_sql.find_sequence, scope.organization, stream)
    actual = 0 if row is None else row["sequence"]
    if expect is None:
        return NotFound(f"there is no organization {scope.organization}")
    return VersionConflict(
        f"the stream {stream!r} is at sequence {actual}, not {expect}",
        remedy="read what came in between, and decide again",
        expected=expect,
        actual=actual,
    )


def _listed(types: Collection[str] | None) -> list[str] | None:
    if isinstance(types, str):
        raise InvalidInput(f"types is the text {types!r}", remedy=f"give a list: types=[{types!r}]")
    return None if types is None else list(types)


def _page(scope: Scope, limit: int) -> int:
    if not 1 <= limit <= scope.limits.page:
        raise InvalidInput(
            f"a page of {limit} events cannot be read", remedy=f"ask for 1 to {scope.limits.page}"
        )
    return limit
