"""The analytics projection: a fact of every event."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.projections.folds import FoldProjection
from octavo.roles.analytics import Fact, FactEngine, Parked
from octavo.values.event import Event
from octavo.values.fields import fields_of

_sql = load("octavo.projections", "analytics.sql")

NAME = "analytics"
# A field of an own event that says when it happened, if that is not when it was recorded.
OCCURRED_AT = "occurred_at"
_ID_CHARACTERS = 300
_DOCUMENTS = "document-"
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

Key = tuple[UUID, UUID]


class AnalyticsProjection(FoldProjection):
    """Brings a fact of every event to an analytics engine.

    Args:
        system: reads the types of documents of all organizations.
        feed: the log of all organizations.
        engine: takes the facts, and knows where it stands.
        pause_seconds: between two batches that are not full, at least.
    """

    def __init__(
        self, system: Pool, feed: Feed, engine: FactEngine, *, name: str = NAME, pause_seconds: float = 0.0
    ) -> None:
        async def derive(events: Sequence[Event]) -> Sequence[Fact | Parked]:
            types = await document_types(system, events)
            return await asyncio.to_thread(lambda: [fact_or_parked(event, types) for event in events])

        super().__init__(name, feed, engine, derive, pause_seconds=pause_seconds)


async def document_types(system: Pool, events: Sequence[Event]) -> Mapping[Key, str]:
    """The types of the documents that events are about; of one that is purged there is none."""
    keys = {(event.organization_id, event.document_id) for event in events if event.document_id is not None}
    if not keys:
        return {}
    rows = await system.fetch(
        _sql.document_types, [organization for organization, _ in keys], [document for _, document in keys]
    )
    return {(row["organization_id"], row["id"]): row["type"] for row in rows}


def fact_or_parked(event: Event, types: Mapping[Key, str]) -> Fact | Parked:
    """The fact of an event; parked when it cannot be made, so that the others go on."""
    try:
        return fact_of(event, types)
    except Exception as error:  # noqa: BLE001 - whatever one event does, the others go on
        return Parked(
            organization=event.organization_id,
            position=event.position,
            recorded_at=event.recorded_at,
            type=event.type,
            code="unreadable",
            message=f"no fact could be made of it ({type(error).__name__})",
        )


def fact_of(event: Event, types: Mapping[Key, str]) -> Fact:
    """The fact of an event. What changed in a document is told without values, so such a fact has no fields."""
    is_own = not event.stream.startswith(_DOCUMENTS)
    numbers, texts = fields_of(event.raw_data) if is_own else ({}, {})
    document = event.document_id
    return Fact(
        organization=event.organization_id,
        position=event.position,
        time=_to_the_millisecond(_occurred(texts) or event.recorded_at),
        recorded_at=event.recorded_at,
        type=event.type,
        kind=event.stream.partition("-")[0],
        stream=event.stream,
        document=document,
        document_type=types.get((event.organization_id, document), "") if document else "",
        actor=f"{event.actor.kind}:{_bounded(event.actor.id)}",
        session=_bounded(event.session or ""),
        numbers=numbers,
        texts=texts,
    )


def _occurred(texts: Mapping[str, str]) -> datetime | None:
    """When an event says that it happened: a moment of RFC 3339 with its offset, from 1970 to 2099."""
    try:
        moment = msgspec.convert(texts.get(OCCURRED_AT), datetime)
    except msgspec.ValidationError:
        return None
    return moment if moment.tzinfo is not None and _EARLIEST <= moment < _LATEST else None


def _to_the_millisecond(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _bounded(id: str) -> str:
    """An id as it is, or of a very long one its digest: two different ones stay two."""
    if len(id) <= _ID_CHARACTERS:
        return id
    return f"sha256:{hashlib.sha256(id.encode()).hexdigest()}"
