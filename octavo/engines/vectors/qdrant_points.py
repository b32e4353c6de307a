"""What a document is in Qdrant: one point for each passage, and filters over what the points tell of themselves.

A point's id follows from organization, document, passage and model, so a passage that comes again takes the place
of the one before. `load` is the number of the load that wrote it; later loads have higher numbers. `bucket` is the
document's, for comparisons; `passages` tells how many there should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid5

import msgspec
from qdrant_client import models

from octavo.engines.vectors.qdrant_standing import Standing
from octavo.roles.embedder import Model
from octavo.roles.state import Parked, bucket
from octavo.roles.vectors import Embedded, EmbeddedPassage, NearestQuery

VECTOR = "passage"
PASSAGE, PARKED, CURSOR = "passage", "parked", "cursor"

# Of each field that a filter names; all of them are indexes of the server, and none has a graph of its own but
# the organization's.
INDEXES: dict[str, models.PayloadSchemaType | models.PayloadSchemaParams] = {
    "organization": models.UuidIndexParams(type=models.UuidIndexType.UUID, is_tenant=True),
    "document": models.UuidIndexParams(type=models.UuidIndexType.UUID, enable_hnsw=False),
    **{
        name: models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, enable_hnsw=False)
        for name in ("kind", "namespace", "type", "language", "author", "digest", "owner")
    },
    "created_at": models.DatetimeIndexParams(type=models.DatetimeIndexType.DATETIME, enable_hnsw=False),
    **{
        name: models.IntegerIndexParams(
            type=models.IntegerIndexType.INTEGER, lookup=True, range=True, enable_hnsw=False
        )
        for name in ("bucket", "load", "version")
    },
}

_SHOWN = ("document", "version", "title", "start", "end", "text")
_HELD = ("organization", "document", "version", "passages")
_NUMBER_BYTES = 22
_PAYLOAD_BYTES = 700


class Scope(msgspec.Struct, frozen=True):
    """Points for which all of some conditions hold, and none of others."""

    must: tuple[models.Condition, ...] = ()
    must_not: tuple[models.Condition, ...] = ()

    def within(self, *conditions: models.Condition) -> Scope:
        """Those of them for which these conditions hold too."""
        return Scope((*self.must, *conditions), self.must_not)

    def without(self, *conditions: models.Condition) -> Scope:
        """Those of them for which none of these conditions holds."""
        return Scope(self.must, (*self.must_not, *conditions))

    def filter(self) -> models.Filter:
        """As the client takes it."""
        return models.Filter(must=list(self.must), must_not=list(self.must_not))


def shown() -> list[str]:
    """The fields a hit needs."""
    return list(_SHOWN)


def held() -> list[str]:
    """The fields a comparison needs."""
    return list(_HELD)


def passages(document: Embedded, load: int, model: Model) -> Iterator[models.PointStruct]:
    """The points of a document."""
    about = {
        "kind": PASSAGE,
        "load": load,
        "bucket": bucket(document.id),
        "organization": str(document.organization),
        "document": str(document.id),
        "namespace": document.namespace,
        "type": document.type,
        "version": document.version,
        "title": document.title,
        "language": document.language,
        "author": document.author,
        "created_at": _instant(document.created_at),
        "passages": len(document.passages),
    }
    for passage in document.passages:
        yield models.PointStruct(
            id=str(_id(document.organization, document.id, str(passage.ordinal), model)),
            vector={VECTOR: passage.vector.tolist()},
            payload={
                **about,
                "ordinal": passage.ordinal,
                "start": passage.start,
                "end": passage.end,
                "text": passage.text,
                "digest": passage.digest.hex(),
            },
        )


def parked(document: Parked, load: int, model: Model) -> models.PointStruct:
    """The point that stands for a document which could not be taken: it has no vector."""
    return models.PointStruct(
        id=str(_id(document.organization, document.id, PARKED, model)),
        vector={},
        payload={
            "kind": PARKED,
            "load": load,
            "bucket": bucket(document.id),
            "organization": str(document.organization),
            "document": str(document.id),
            "version": document.version,
            "code": document.code,
            "message": document.message,
        },
    )


def parked_of(payload: dict[str, Any]) -> Parked:
    """What a point says of a parked document."""
    return Parked(
        organization=UUID(payload["organization"]),
        id=UUID(payload["document"]),
        version=payload["version"],
        code=payload["code"],
        message=payload["message"],
    )


def estimated_bytes(passage: EmbeddedPassage) -> int:
    """About how much of a request a passage is; text may be escaped."""
    return _PAYLOAD_BYTES + 2 * len(passage.text) + _NUMBER_BYTES * len(passage.vector)


def is_(field: str, value: str | int) -> models.FieldCondition:
    """The field has this value."""
    return models.FieldCondition(key=field, match=models.MatchValue(value=value))


def one_of(field: str, values: Iterable[str]) -> models.FieldCondition:
    """The field has one of these values."""
    return models.FieldCondition(key=field, match=models.MatchAny(any=list(values)))


def of_documents(ids: Iterable[UUID]) -> models.FieldCondition:
    """It is of one of these documents."""
    return one_of("document", [str(id) for id in ids])


def of_loads(loads: Iterable[int]) -> models.FieldCondition:
    """One of these loads wrote it."""
    return models.FieldCondition(key="load", match=models.MatchAny(any=list(loads)))


def number(field: str, *, at_least: int | None = None, below: int | None = None) -> models.FieldCondition:
    """The field is a number within these bounds."""
    return models.FieldCondition(key=field, range=models.Range(gte=at_least, lt=below))


def of(organization: UUID, documents: Sequence[UUID] | None = None) -> Scope:
    """Everything of an organization, or of some of its documents."""
    mine = Scope((is_("organization", str(organization)),))
    return mine if documents is None else mine.within(of_documents(documents))


def older(load: int) -> models.Filter:
    """What a load may write over: whatever no later one has written."""
    return Scope((number("load", below=load + 1),)).filter()


def left(organization: UUID, documents: Sequence[UUID], load: int) -> models.Filter:
    """What earlier loads wrote of documents: passages that are no more, and marks of being parked."""
    return of(organization, documents).within(number("load", below=load)).filter()


def counting(standing: Standing) -> Scope:
    """The passages that count: of this generation, and of no load that was done again."""
    scope = Scope((is_("kind", PASSAGE), number("load", at_least=standing.floor)))
    return scope.without(of_loads(standing.void)) if standing.void else scope


def asked(query: NearestQuery) -> list[models.Condition]:
    """The conditions of a query that the points can answer."""
    conditions: list[models.Condition] = [is_("organization", str(query.organization))]
    wanted = {
        "namespace": query.namespaces,
        "type": query.types,
        "language": query.languages,
        "author": query.authors,
    }
    conditions += [one_of(field, values) for field, values in wanted.items() if values is not None]
    if query.created_from is not None or query.created_to is not None:
        between = models.DatetimeRange(gte=query.created_from, lte=query.created_to)
        conditions.append(models.FieldCondition(key="created_at", range=between))
    return conditions


def _id(organization: UUID, document: UUID, part: str, model: Model) -> UUID:
    return uuid5(organization, f"{document}/{part}/{model.key}")


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds")
