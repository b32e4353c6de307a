"""Search by meaning: a text, a vector or a document in, the nearest documents out, read as keyword search reads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, LimitExceeded, NotFound
from octavo.roles.embedder import Embedder, Embedding, Model
from octavo.roles.state import Cursor
from octavo.roles.vectors import Near, Nearest, NearestQuery, Served, VectorEngine
from octavo.search.narrowing import condition, filter_of, names
from octavo.search.reading import (
    WAIT_SECONDS,
    Fallback,
    Moved,
    Reading,
    Skips,
    check_fallback,
    wanted_position,
)
from octavo.values.position import Position

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector

__all__ = ["Alone", "Neighbours", "Semantic", "Serving"]

MAX_CHARACTERS = 10_000
Answer = TypeVar("Answer")


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """The nearest documents, the nearest first.

    Attributes:
        asked: how many were asked for; fewer came when fewer pass the filters.
        exact: every vector that passes the filters was compared, so nothing nearer exists.
        position: up to where in the log the engine had read.
        stale: the engine was behind `after`, and the caller allowed it.
        took_ms: how long it took, embedding and waiting included, in milliseconds.
        instead: why an engine that is kept answered, and not the one that serves; None when the latter did.
    """

    hits: Sequence[Near]
    asked: int
    exact: bool
    position: Position
    stale: bool
    took_ms: float
    instead: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The answer as plain data."""
        return {
            **msgspec.structs.asdict(self),
            "hits": [{**msgspec.structs.asdict(hit), "id": str(hit.id)} for hit in self.hits],
            "position": str(self.position),
        }


class Serving(Protocol):
    """Whoever serves vectors at the moment."""

    async def answered(
        self, ask: Callable[[Served], Awaitable[Answer]], *, of_one_model: bool = False
    ) -> tuple[Answer, str | None]:
        """What the engine that serves answers or, when it does not, one that is kept up to date.

        Args:
            of_one_model: only an engine of the same model may answer in its stead.

        Returns:
            The answer, and why the engine that serves did not give it; None when it did.

        Raises:
            InvalidSetting: there are no vectors. Unavailable, StorageFault: nobody answers.
        """
        ...


class Alone:
    """One engine with its embedder, which nobody stands in for."""

    def __init__(self, engine: VectorEngine, embedder: Embedder) -> None:
        self._served = Served(engine, embedder)

    async def answered(
        self, ask: Callable[[Served], Awaitable[Answer]], *, of_one_model: bool = False
    ) -> tuple[Answer, str | None]:
        """What the engine answers."""
        del of_one_model
        return await ask(self._served), None


class Semantic:
    """Semantic search by whichever engine serves it, and the embedder of its model.

    Args:
        serving: who answers, asked anew for each search.
        moved, skips: as `octavo.search.reading.Reading` has them.
        max_limit: documents of one answer at most.
    """

    def __init__(
        self,
        serving: Serving,
        *,
        moved: Moved = asyncio.sleep,
        skips: Skips | None = None,
        max_limit: int = 1_000,
    ) -> None:
        self._serving = serving
        self._moved = moved
        self._skips = skips
        self._max_limit = max_limit

    async def search(
        self,
        organization: UUID,
        query: str | Sequence[float] | Vector | Embedding,
        *,
        namespace: str | Sequence[str] | None = None,
        type: str | Sequence[str] | None = None,
        language: str | Sequence[str] | None = None,
        author: str | Sequence[str] | None = None,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int = 10,
        least_similarity: float = -1.0,
        exact: bool | None = None,
        without: Sequence[UUID] = (),
        after: Position | str | None = None,
        wait_seconds: float = WAIT_SECONDS,
        fallback: Fallback = "error",
        told: Callable[[Embedding], None] | None = None,
    ) -> Neighbours:
        """The documents that mean most nearly the same.

        Args:
            query: a text, or a vector of the engine's model; an `Embedding` says of which it is.
            namespace, type, language, author: only these; an author is `kind:id`.
            created_from, created_to: only documents made at or after, and at or before; with an offset from UTC.
            where: a filter, asked of the documents' current state; see `octavo.values.filter`.
            limit: documents at most, 1 to `max_limit`.
            least_similarity: nothing below it, -1 to 1.
            exact: True compares with every vector that passes the filters; None lets the engine choose, and
                `Neighbours.exact` tells what it did.
            without: documents that are not wanted.
            after, wait_seconds, fallback: as in keyword search.
            told: called with what the query was embedded to, so that nobody has to embed it again.

        Raises:
            InvalidInput, InvalidFilter, LimitExceeded: nothing was searched.
            PositionTimeout: the engine did not reach `after` in time, and `fallback` is "error".
            Unavailable: the embedder or the engine does not answer.
        """
        began = time.monotonic()
        check_fallback(fallback)
        wanted = wanted_position(after)
        narrowed = self._narrowed(
            organization,
            limit,
            least_similarity,
            namespaces=names(namespace),
            types=names(type),
            languages=names(language),
            authors=names(author),
            created_from=_instant("created_from", created_from),
            created_to=_instant("created_to", created_to),
            where=where,
            exact=exact,
            without=tuple(without),
        )

        async def ask(served: Served) -> tuple[Nearest, bool]:
            vector = await _vector(served, query)
            if told is not None:
                told(Embedding(served.engine.model, vector))
            question = narrowed(vector=vector)
            return await self._reading(served).find(
                partial(served.engine.nearest, question),
                organization,
                wanted=wanted,
                deadline=began + wait_seconds,
                fallback=fallback,
            )

        (found, stale), instead = await self._serving.answered(ask, of_one_model=not isinstance(query, str))
        return _neighbours(found, limit, stale, began, instead)

    async def similar(
        self,
        organization: UUID,
        document: UUID,
        *,
        after: Position | str | None = None,
        wait_seconds: float = WAIT_SECONDS,
        fallback: Fallback = "error",
        **options: Any,
    ) -> Neighbours:
        """The documents most like one, which is left out: nearest to the mean of its passages' vectors.

        Args:
            document: of the same organization, with text; not deleted.
            after, wait_seconds, fallback: as in keyword search.
            **options: what narrows `search`.

        Raises:
            NotFound: the engine holds no passages of the document (yet).
            Further what `search` raises.
        """
        began = time.monotonic()
        check_fallback(fallback)
        wanted = wanted_position(after)
        without = [document, *options.pop("without", ())]

        async def ask(served: Served) -> tuple[Neighbours, bool]:
            mean, stale = await self._mean_of(
                served,
                organization,
                document,
                wanted=wanted,
                deadline=began + wait_seconds,
                fallback=fallback,
            )
            # By the same engine: the vectors are of its model.
            same = Semantic(Alone(*served), max_limit=self._max_limit)
            return await same.search(organization, mean, without=without, **options), stale

        (found, stale), instead = await self._serving.answered(ask)
        took_ms = (time.monotonic() - began) * 1000
        return msgspec.structs.replace(found, stale=stale, took_ms=took_ms, instead=instead)

    async def embedded(self, query: str | Sequence[float] | Vector) -> Embedding:
        """A text as it would be looked for, and whose vector that is; a vector is taken for one of that model.

        Raises:
            InvalidInput, LimitExceeded; InvalidSetting: there are no vectors. Unavailable: no embedder answers.
        """

        async def ask(served: Served) -> Embedding:
            return Embedding(served.engine.model, await _vector(served, query))

        found, _ = await self._serving.answered(ask)
        return found

    async def model(self) -> Model:
        """Whose vectors are searched; raises `InvalidSetting`, `Unavailable`."""

        async def ask(served: Served) -> Model:
            return served.engine.model

        found, _ = await self._serving.answered(ask)
        return found

    async def passages(self, texts: Sequence[str]) -> tuple[Model, Sequence[Vector]]:
        """Texts as they would be found, and whose vectors those are.

        Raises:
            InvalidInput: a text that can never be embedded. InvalidSetting, Unavailable: as `embedded`.
        """

        async def ask(served: Served) -> tuple[Model, Sequence[Vector]]:
            return served.engine.model, await served.embedder.embed(texts, "passage")

        found, _ = await self._serving.answered(ask)
        return found

    async def of_document(
        self,
        organization: UUID,
        document: UUID,
        *,
        after: Position | str | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> Embedding:
        """The mean of the vectors of a document's passages, and whose it is.

        Raises:
            NotFound: the engine holds no passages of the document (yet). PositionTimeout, InvalidSetting, Unavailable.
        """
        deadline, wanted = time.monotonic() + wait_seconds, wanted_position(after)

        async def ask(served: Served) -> Embedding:
            mean, _ = await self._mean_of(
                served, organization, document, wanted=wanted, deadline=deadline, fallback="error"
            )
            return Embedding(served.engine.model, mean)

        found, _ = await self._serving.answered(ask)
        return found

    async def _mean_of(
        self, served: Served, organization: UUID, document: UUID, **reading: Any
    ) -> tuple[Vector, bool]:
        """The mean of what an engine holds of a document, and whether that is stale."""
        of_document, stale = await self._reading(served).find(
            partial(_held, served.engine, organization, document), organization, **reading
        )
        if not of_document.vectors:
            raise NotFound(
                f"there are no vectors of document {document}",
                remedy="pass after= with the position of its write; a document without text has none",
            )
        return _mean(of_document.vectors), stale

    def _reading(self, served: Served) -> Reading:
        return Reading("semantic search", served.engine, moved=self._moved, skips=self._skips)

    def _narrowed(
        self,
        organization: UUID,
        limit: int,
        least_similarity: float,
        *,
        where: Mapping[str, Any] | None,
        **narrowing: Any,
    ) -> partial[NearestQuery]:
        """The question without its vector, looked at before anything is embedded."""
        if not 1 <= limit <= self._max_limit:
            raise LimitExceeded(
                f"limit = {limit}", remedy=f"give 1 to {self._max_limit}", limit=self._max_limit, actual=limit
            )
        if not -1 <= least_similarity <= 1:
            raise InvalidInput(f"least_similarity = {least_similarity!r}", remedy="give -1 to 1")
        filter = filter_of(where)
        return partial(
            NearestQuery,
            organization=organization,
            limit=limit,
            least_similarity=least_similarity,
            condition=condition(filter) if filter else None,
            **narrowing,
        )


async def _vector(served: Served, query: str | Sequence[float] | Vector | Embedding) -> Vector:
    """What is looked for as a vector of length 1."""
    if isinstance(query, Embedding):
        if query.model != served.engine.model:
            raise InvalidInput(
                f"the vector is of {query.model.key}, and what is searched is of {served.engine.model.key}",
                remedy="embed anew what it is the vector of",
            )
        query = query.vector
    if not isinstance(query, str):
        return _given(query, served.engine.model.dimensions)
    if not query.strip():
        raise InvalidInput("there is nothing to look for", remedy="give a text, or a vector")
    if len(query) > MAX_CHARACTERS:
        raise LimitExceeded(
            f"the text to look for has {len(query)} characters",
            remedy=f"give at most {MAX_CHARACTERS}; to compare a whole document, ask what is similar to it",
            limit=MAX_CHARACTERS,
            actual=len(query),
        )
    [vector] = await served.embedder.embed([query], "query")
    return vector


class _Held(msgspec.Struct, frozen=True):
    """The vectors of a document, and where the engine stood before they were read."""

    vectors: Sequence[Vector]
    cursor: Cursor


async def _held(engine: VectorEngine, organization: UUID, document: UUID) -> _Held:
    cursor = await engine.position()
    vectors = await engine.vectors(organization, [document])
    return _Held(vectors.get(document, ()), cursor)


def _given(numbers: Sequence[float] | Vector, dimensions: int) -> Vector:
    import numpy as np  # noqa: PLC0415 - of the extra `vectors`

    try:
        vector = np.asarray(numbers, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise InvalidInput("the vector is no list of numbers", remedy="give floats") from error
    length = float(np.linalg.norm(vector)) if vector.shape == (dimensions,) else 0.0
    if vector.shape != (dimensions,) or not np.isfinite(vector).all() or length == 0.0:
        raise InvalidInput(
            f"a vector of shape {vector.shape} cannot be looked for",
            remedy=f"give {dimensions} finite numbers that are not all 0, made by the same model",
        )
    return np.asarray(vector / length, dtype=np.float32)


def _mean(vectors: Sequence[Vector]) -> Vector:
    """The mean of a document's passages; where they cancel out, the first of them."""
    import numpy as np  # noqa: PLC0415 - of the extra `vectors`

    mean = np.mean(np.stack(list(vectors)), axis=0)
    return np.asarray(mean if np.linalg.norm(mean) > 0 else vectors[0], dtype=np.float32)


def _instant(name: str, moment: datetime | None) -> datetime | None:
    if moment is not None and moment.tzinfo is None:
        raise InvalidInput(
            f"{name} = {moment.isoformat()} does not say its offset from UTC",
            remedy="give a datetime with tzinfo",
        )
    return moment


def _neighbours(found: Nearest, limit: int, stale: bool, began: float, instead: str | None) -> Neighbours:
    return Neighbours(
        hits=found.matches,
        asked=limit,
        exact=found.exact,
        position=found.cursor.position,
        stale=stale,
        took_ms=(time.monotonic() - began) * 1000,
        instead=instead,
    )
