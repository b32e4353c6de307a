"""Semantic search in the record's own PostgreSQL: half-precision vectors, compared whole or found by an HNSW index.

The vectors of an organization stand on a shelf of its own. As long as a shelf is small, or a filter leaves few of
it, every vector that passes is compared, by the b-trees of the filters: that is exact, and faster than an
approximate index, which loses what a filter leaves out. A large shelf has an index of its own, so no organization
is lost among the vectors of others. The answer says which way it was found.

An index is searched as widely as measured to find 97 to 99 of the 100 nearest (passages of real documentation, see
`octavo.vector_candidates`), and goes on where a filter or deleted documents leave too few. What it cannot find is
found by comparing all. So is an answer in a crowd, where all that an index brings is about equally near, as among
thousands of copies with small changes: there an index brings any of them, and not the nearest.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from octavo.engines.vectors.halfvec import written
from octavo.engines.vectors.postgres_narrowings import Narrowings
from octavo.engines.vectors.postgres_shelves import INDEXED_FROM, PostgresShelves
from octavo.errors import InvalidInput
from octavo.postgres.pool import Row
from octavo.postgres.record import Record
from octavo.postgres.statements import load
from octavo.roles.embedder import Model
from octavo.roles.state import NO_DOCUMENT, Cursor, Digest, Parked
from octavo.roles.vectors import Near, Nearest, NearestQuery, VectorChange
from octavo.values.numbered import FIRST, numbered
from octavo.values.position import Position

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector

_sql = load("octavo.engines.vectors", "postgres.sql")

# Passages a look brings: at least, for each document of the answer, and times as many at the next look; by an index
# at most, and at all.
FEWEST = 20
A_DOCUMENT = 3
AGAIN = 8
WIDEST, EVERYTHING = 5_000, 1_000_000
# Passages that are compared whole although there is an index: at least, and as a part of the shelf.
FEW, FEW_IN = 2_000, 64
# What an index brings is a crowd when the nearest and the farthest of it are no farther apart than this, in cosine; and
# a shelf of more passages is not compared whole because of it.
CROWDED, CROWDED_IN = 0.005, 50_000
# How long what is known of a shelf is used, and how many are known.
_KNOWN_SECONDS, _KNOWN_SHELVES = 10.0, 10_000
_NARROWED = {
    "namespaces": "passage.namespace = ANY(${place}::text [])",
    "types": "passage.type = ANY(${place}::text [])",
    "languages": "passage.language = ANY(${place}::text [])",
    "authors": "passage.author = ANY(${place}::text [])",
    "created_from": "passage.created_at >= ${place}::timestamptz",
    "created_to": "passage.created_at <= ${place}::timestamptz",
}
# Whether a passage's document passes a filter: asked of all documents, or of each passage as an index brings it.
_OF_ALL = "passage.document_id IN (SELECT filtered.document_id FROM filtered)"
_OF_EACH = "EXISTS (SELECT FROM filtered WHERE filtered.document_id = passage.document_id OFFSET 0)"


class _Way(msgspec.Struct, frozen=True):
    """How passages are found: a statement, SQL that tells whether it is exact, and the names it is filled with."""

    statement: str
    is_exact: str
    named: Mapping[str, object] = {}


_COMPARED = _Way(_sql.nearest_of_all, "true")


class _Look(msgspec.Struct, frozen=True, kw_only=True):
    """One look.

    Attributes:
        brought: how many passages there were.
        is_enough: there are as many documents as wanted, or all others are too far away.
        is_crowd: all of them are about equally near.
    """

    nearest: Nearest
    brought: int
    is_enough: bool
    is_crowd: bool = False


class _Shelf(msgspec.Struct, frozen=True):
    """What is known of an organization's shelf; `number` is None while it has none."""

    number: int | None
    passages: int
    is_indexed: bool
    known_at: float


class PostgresVectors:
    """The vector engine inside the record; see `octavo.roles.vectors.VectorEngine`.

    Args:
        model: whose vectors it holds.
        indexed_from: passages of an organization from which they have an approximate index.
        number: of the engine, when the same model is held more than once.
    """

    def __init__(
        self, record: Record, model: Model, *, indexed_from: int = INDEXED_FROM, number: int = FIRST
    ) -> None:
        self._record = record
        self._model = model
        self._version = numbered(model.version, number)
        self._shelves = PostgresShelves(record, model, self._version, indexed_from=indexed_from)
        self._known: OrderedDict[UUID, _Shelf] = OrderedDict()
        self._narrowings = Narrowings()

    @property
    def model(self) -> Model:
        """Whose vectors it holds."""
        return self._model

    async def position(self) -> Cursor:
        """Where the engine stands; a process without the system's role sees no progress of a scan."""
        if self._record.has_system:
            return await self._shelves.cursor()
        row = await self._record.app.fetchrow(_sql.position, self._model.name, self._version)
        return self._nowhere() if row is None else self._cursor(row)

    async def apply(self, changes: Sequence[VectorChange], before: Cursor, after: Cursor) -> Sequence[Parked]:
        """Take changes and move the cursor; see the role."""
        return await self._shelves.apply(changes, before, after)

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Documents that could not be taken, 1,000 at most."""
        return await self._shelves.parked(organization)

    async def erase(self, organization: UUID, documents: Sequence[UUID] | None = None) -> None:
        """Forget documents, or everything of an organization."""
        await self._shelves.erase(organization, documents)

    async def reset(self) -> Cursor:
        """Forget everything of the model and begin a new generation."""
        return await self._shelves.reset()

    async def digests(self) -> Mapping[tuple[UUID, int], Digest]:
        """What is held, by organization and bucket."""
        return await self._shelves.digests()

    async def summaries(self) -> Mapping[UUID, Digest]:
        """What is held, by organization, with seals of the server."""
        return await self._shelves.summaries()

    async def digests_of(self, organizations: Sequence[UUID]) -> Mapping[tuple[UUID, int], Digest]:
        """What is held of some organizations, by bucket."""
        return await self._shelves.digests(organizations)

    async def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket and the version held of each."""
        return await self._shelves.held(organization, bucket)

    async def nearest(self, query: NearestQuery) -> Nearest:
        """The documents whose passages are nearest; the module says how they are found."""
        if len(query.vector) != self._model.dimensions:
            raise InvalidInput(
                f"the vector has {len(query.vector)} numbers, and those of {self._model.key} have"
                f" {self._model.dimensions}",
                remedy="ask with a vector of the same model",
            )
        shelf = await self._shelf(query.organization)
        way = self._way(query, shelf)
        brought = max(FEWEST, A_DOCUMENT * query.limit)
        while True:
            found = await self._look(query, way, brought)
            if (
                found.is_crowd
                and way is not _COMPARED
                and query.exact is None
                and shelf.passages <= CROWDED_IN
            ):
                way = _COMPARED
                continue
            is_all = found.brought < brought
            if found.is_enough or (is_all and found.nearest.exact) or brought >= EVERYTHING:
                return found.nearest
            if is_all or brought >= WIDEST:
                way = _COMPARED  # an index has no more to give
            brought = min(brought * AGAIN, EVERYTHING)

    async def vectors(self, organization: UUID, documents: Sequence[UUID]) -> Mapping[UUID, Sequence[Vector]]:
        """The vectors of documents' passages, in their order."""
        found: dict[UUID, list[Vector]] = {}
        rows = await self._record.app.fetch(
            _sql.read_vectors, organization, self._model.name, self._version, list(documents)
        )
        for row in rows:
            found.setdefault(row["document_id"], []).append(_vector(row["vector"]))
        return found

    async def known(self, organization: UUID, digests: Sequence[bytes]) -> Mapping[bytes, Vector]:
        """Vectors that passages with these digests have already."""
        rows = await self._record.app.fetch(
            _sql.read_known, organization, self._model.name, self._version, list(digests)
        )
        return {row["digest"]: _vector(row["vector"]) for row in rows}

    def _way(self, query: NearestQuery, shelf: _Shelf) -> _Way:
        """By the index; when something narrows the search, what passes is compared if it is little."""
        if query.exact or not shelf.is_indexed:
            return _COMPARED
        named = {"shelf": shelf.number, "dimensions": self._model.dimensions}
        few_left = self._narrowings.leaves_few(query)
        if few_left:
            return _COMPARED
        if few_left is False or not _is_narrowed(query):
            return _Way(_sql.nearest_by_index, "false", named)
        few = max(FEW, shelf.passages // FEW_IN)
        return _Way(_sql.nearest_of_few, "(SELECT yes FROM are_few)", {**named, "few": few})

    async def _look(self, query: NearestQuery, way: _Way, brought: int) -> _Look:
        arguments: list[object] = [
            query.organization,
            written(query.vector),
            brought,
            query.limit,
            self._model.name,
            self._version,
            1 - query.least_similarity,
            list(query.without),
        ]
        text = way.statement.format(is_exact=way.is_exact, **_narrowed(query, arguments), **way.named)
        rows = await self._record.app.fetch(text, *arguments)
        if rows and way.statement == _sql.nearest_of_few:
            self._narrowings.remember(query, few=rows[0]["is_exact"])
        return self._read(query, rows)

    def _read(self, query: NearestQuery, rows: Sequence[Row]) -> _Look:
        if not rows:  # nobody has registered the model yet
            return _Look(
                nearest=Nearest(matches=(), exact=True, cursor=self._nowhere()), brought=0, is_enough=True
            )
        first = rows[0]
        self._remember(query.organization, first)
        matches = [_near(row) for row in rows if row["document_id"] is not None]
        is_past = first["farthest"] is not None and first["farthest"] > 1 - query.least_similarity
        return _Look(
            nearest=Nearest(matches=matches, exact=first["is_exact"], cursor=self._cursor(first)),
            brought=first["brought"],
            is_enough=is_past or len(matches) >= query.limit,
            is_crowd=_is_crowd(first, matches),
        )

    async def _shelf(self, organization: UUID) -> _Shelf:
        """What is known of the shelf; each answer tells it anew, so few questions need a look of their own."""
        known = self._known.get(organization)
        if known is not None and time.monotonic() - known.known_at < _KNOWN_SECONDS:
            return known
        row = await self._record.app.fetchrow(
            _sql.look_at_shelf, organization, self._model.name, self._version
        )
        return self._remember(organization, row)

    def _remember(self, organization: UUID, row: Row | None) -> _Shelf:
        if row is None or row["shelf"] is None:
            shelf = _Shelf(None, 0, False, time.monotonic())
        else:
            shelf = _Shelf(row["shelf"], row["passages"], row["is_indexed"], time.monotonic())
        self._known[organization] = shelf
        self._known.move_to_end(organization)
        if len(self._known) > _KNOWN_SHELVES:
            self._known.popitem(last=False)
        return shelf

    def _cursor(self, row: Row) -> Cursor:
        position = Position(self._record.shard, row["epoch"], row["position_xid"], row["position_id"])
        return Cursor(row["generation"], position, NO_DOCUMENT if row["scanning"] else None)

    def _nowhere(self) -> Cursor:
        """Where an engine stands that nobody has begun to fill."""
        return Cursor(UUID(int=0), Position(self._record.shard, 0, 0, 0), NO_DOCUMENT)


def _is_narrowed(query: NearestQuery) -> bool:
    return query.condition is not None or any(getattr(query, name) is not None for name in _NARROWED)


def _narrowed(query: NearestQuery, arguments: list[object]) -> dict[str, str]:
    """What narrows the search, as the statements name it; its values are added to the arguments."""
    conditions = ["true"]
    for name, condition in _NARROWED.items():
        value = getattr(query, name)
        if value is not None:
            arguments.append(value)
            conditions.append(condition.format(place=len(arguments)))
    narrowed = " AND ".join(conditions)
    if query.condition is None:
        return {"narrowed": narrowed, "each": narrowed, "condition": "true"}
    condition, values = query.condition(len(arguments) + 1)
    arguments.extend(values)
    of_all, of_each = f"{narrowed} AND {_OF_ALL}", f"{narrowed} AND {_OF_EACH}"
    return {"narrowed": of_all, "each": of_each, "condition": condition}


def _near(row: Row) -> Near:
    return Near(
        id=row["document_id"],
        namespace=row["namespace"],
        type=row["type"],
        name=row["name"],
        title=row["title"],
        version=row["version"],
        current_version=row["current_version"],
        similarity=1 - row["distance"],
        start=row["start_character"],
        end=row["end_character"],
        text=row["text"],
    )


def _is_crowd(first: Row, matches: Sequence[Near]) -> bool:
    if first["is_exact"] or not matches:
        return False
    nearest = 1 - matches[0].similarity
    return bool(first["farthest"] - nearest <= CROWDED)


def _vector(numbers: Sequence[float]) -> Vector:
    import numpy as np  # noqa: PLC0415 - of the extra `vectors`

    return np.asarray(numbers, dtype=np.float32)
