"""What an organization's documents are about: topics with words and vectors, and the documents that belong to them."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, InvalidSetting, NotFound
from octavo.postgres.pool import Pool
from octavo.registry import models, topics
from octavo.registry.results import made_by
from octavo.registry.topics import Version
from octavo.roles.embedder import Embedding, Model
from octavo.search.hits import Hits
from octavo.search.hybrid import Hybrid
from octavo.search.reading import WAIT_SECONDS
from octavo.search.semantic import Semantic
from octavo.store.scope import Scope
from octavo.values.model import parse_model
from octavo.values.position import Position
from octavo.values.topic import Topic, TopicDocument, TopicDraft, TopicSet, drafts_of
from octavo.workspace.documents import Bind
from octavo.workspace.given import asked_by, known_id

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector


class Topics:
    """The topics of one organization, a set for each version of a topic model.

    Which documents belong to a topic is told by their results of the type `topic_modeling` that the same version of
    the model made, by a pipeline or by hand. The vectors of a set are of one embedder; those of another are refused.
    In `model` stands `press-topics@2`, `press-topics@production` (what serves there) or `press-topics` (the set that
    was kept last).
    """

    def __init__(self, bind: Bind, pool: Pool, semantic: Semantic, hybrid: Hybrid) -> None:
        self._bind = bind
        self._pool = pool
        self._semantic = semantic
        self._hybrid = hybrid

    async def make(self, model: str) -> builtins.list[Topic]:
        """Keep the topics of a model that `models.train_topics` made: words, coherence, and vectors if those are on.

        Args:
            model: as in `models.get`: `name@3`, `name@production`, or `name` for the newest version.

        Raises:
            NotFound; InvalidInput: it is no topic model, or does not tell its words. Unavailable: the embedder is away.
        """
        found = await models.get(await self._bind(), parse_model(model))
        metrics = found.card.performance.validation_metrics
        if found.card.type != "topic_modeling" or not metrics.get("words"):
            raise InvalidInput(
                f"{found.reference} does not tell the words of topics",
                remedy="train it with models.train_topics, or put its topics by hand",
            )
        words = metrics["words"]
        told = metrics.get("coherence_by_topic") or ()
        coherence = told if len(told) == len(words) else [None] * len(words)
        drafts = [
            TopicDraft(topic_id=number, keywords=list(best), coherence_score=score)
            for number, (best, score) in enumerate(zip(words, coherence, strict=True))
            if best
        ]
        return await self.put(found.reference, drafts)

    async def put(
        self,
        model: str,
        topics: Sequence[TopicDraft | Mapping[str, Any]],
        *,
        embedder: str | None = None,
    ) -> builtins.list[Topic]:
        """Keep the topics of a version of a model in the place of those it had.

        Args:
            model: what made them, with its version: `press-topics@2`; no registry has to know it.
            topics: 1 to 500, each with `topic_id` and a `name`, `keywords` or both, and if wanted `coherence_score`
                and `vector`.
            embedder: of the vectors, as `name@version`; by default what embeds this database. Topics without vectors
                are embedded by that: their names and words; while vectors are off they have none.

        Raises:
            InvalidInput: names the field; vectors of another length than their embedder's.
            LimitExceeded: also when the organization has 100 sets.
            InvalidSetting: vectors without their embedder, and this database has none. Unavailable: it is away.
        """
        name, model_version = _version_of(model)
        drafts = drafts_of(topics)
        if embedder is not None and drafts[0].vector is None:
            raise InvalidInput(f"embedder = {embedder!r} of topics without vectors", remedy="leave it out")
        if drafts[0].vector is None:
            of, drafts = await self._embedded(drafts)
        else:
            of = await self._embedder(embedder, len(drafts[0].vector))
        return await self._keep(Version(name, model_version, of), drafts)

    async def embed(self, model: str) -> builtins.list[Topic]:
        """Make the vectors of topics anew, of their names and words, by what embeds this database now.

        Raises:
            NotFound. InvalidSetting: vectors are off. Unavailable: the embedder is away.
        """
        scope = await self._bind()
        version = await self._found(scope, model)
        await self._semantic.model()
        bare = [msgspec.structs.replace(draft, vector=None) for draft in await topics.drafts(scope, version)]
        of, drafts = await self._embedded(bare)
        return await self._keep(version._replace(embedder=of), drafts)

    async def sets(self) -> builtins.list[TopicSet]:
        """The versions of models whose topics are kept, 100 at most, the newest first."""
        return await topics.sets(await self._bind())

    async def list(
        self,
        model: str,
        *,
        topic_id: int | None = None,
        keyword: str | None = None,
        counted: bool = True,
    ) -> builtins.list[Topic]:
        """The topics of a version of a model, by their numbers.

        Args:
            topic_id, keyword: only the one with this number; only those with this word among their keywords.
            counted: False leaves `document_count` out, which looks at every result of the version.

        Raises:
            NotFound: no topics of the model are kept.
        """
        scope = await self._bind()
        version = await self._found(scope, model)
        return await topics.listing(scope, version, topic_id=topic_id, keyword=keyword, counted=counted)

    async def get(self, model: str, topic_id: int) -> Topic:
        """One topic; raises `NotFound`."""
        scope = await self._bind()
        version = await self._found(scope, model)
        found = await topics.listing(scope, version, topic_id=topic_id, counted=True)
        if not found:
            raise topics.missing(version, topic_id)
        return found[0]

    async def nearest(
        self,
        query: str | Sequence[float] | Vector,
        *,
        model: str | None = None,
        keyword: str | None = None,
        embedder: str | None = None,
        least_similarity: float = -1.0,
        limit: int = 10,
        counted: bool = True,
    ) -> builtins.list[Topic]:
        """The topics that mean most nearly the same as a text, the nearest first; all are compared, so it is exact.

        Args:
            query: a text, or a vector.
            model: only of this set; None: of every set whose vectors are of the same embedder.
            keyword: only topics with this word among their keywords.
            embedder: of a vector, as `name@version`; by default what embeds this database.
            least_similarity: nothing below it, -1 to 1.
            counted: as in `list`.

        Raises:
            NotFound: no topics of the model are kept. InvalidInput: its vectors are of another embedder; LimitExceeded.
            InvalidSetting: vectors are off. Unavailable: the embedder is away.
        """
        asked = await self._wanted(query, embedder)
        return await self._near(
            asked, model, keyword=keyword, least_similarity=least_similarity, limit=limit, counted=counted
        )

    async def of(
        self,
        document: UUID | str,
        *,
        model: str | None = None,
        keyword: str | None = None,
        least_similarity: float = -1.0,
        limit: int = 10,
        counted: bool = True,
        after: Position | str | None = None,
        wait_seconds: float = WAIT_SECONDS,
    ) -> builtins.list[Topic]:
        """The topics nearest to a document: to the mean of its passages' vectors, whether it was processed or not.

        Args:
            document: of this organization, with text.
            model, keyword, least_similarity, limit, counted: as in `nearest`.
            after: read your own writes: a position a write returned.
            wait_seconds: how long to wait for the vectors to get there.

        Raises:
            NotFound: it has no vectors (yet). PositionTimeout. Further what `nearest` raises.
        """
        scope = await self._bind()
        asked = await self._semantic.of_document(
            scope.organization, known_id(document), after=after, wait_seconds=wait_seconds
        )
        return await self._near(
            asked, model, keyword=keyword, least_similarity=least_similarity, limit=limit, counted=counted
        )

    async def documents(
        self,
        model: str,
        topic_id: int,
        *,
        least_share: float = 0.0,
        after: TopicDocument | None = None,
        limit: int = 100,
    ) -> builtins.list[TopicDocument]:
        """The documents that belong to a topic, in all namespaces, the greatest share first.

        They are those of which the newest result of the model's version is of their current version and has the topic
        before all others. There is no answer of documents that were changed since, until they are processed again.

        Args:
            least_share: of the topic in their text, 0 to 1.
            after: the last one of the page before.

        Raises:
            NotFound: no topics of the model are kept. InvalidInput.
        """
        if not 0 <= least_share <= 1:
            raise InvalidInput(f"least_share = {least_share!r}", remedy="give 0 to 1")
        scope = await self._bind()
        version = await self._found(scope, model)
        return await topics.documents(
            scope, version, topic_id, least_share=least_share, behind=after, limit=limit
        )

    async def similar(
        self,
        model: str,
        topic_id: int,
        *,
        type: str | Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        limit: int = 10,
        **options: Any,
    ) -> Hits:
        """The documents of this namespace nearest to a topic's vector, processed or not, by the engine that serves.

        Args:
            type, where, limit: only these types, what passes a filter as in `find`, and documents at most.
            **options: `after`, `wait_seconds`, `fallback`, `exact`, `explain`, `least_similarity`, `language`.

        Raises:
            NotFound; InvalidInput: the topic has no vector, or one of another embedder than the documents have:
                `embed` makes it anew. InvalidSetting: vectors are off. Further what `search` raises.
        """
        scope = await self._bind()
        version = await self._found(scope, model)
        asked = asked_by(scope, type=type, where=where, limit=limit, **options)
        _demand_alike(version, await self._semantic.model())
        return await self._hybrid.nearest(await topics.vector(scope, version, topic_id), asked)

    async def erase(self, model: str) -> int:
        """Forget the topics of a version of a model, and their vectors; returns how many there were.

        The documents' results stay. Raises `NotFound`.
        """
        scope = await self._bind()
        return await topics.erase(scope, await self._found(scope, model))

    async def _keep(self, version: Version, drafts: Sequence[TopicDraft]) -> builtins.list[Topic]:
        scope = await self._bind()
        await topics.put(self._pool, scope, version, drafts)
        return await topics.listing(scope, version, counted=True)

    async def _near(
        self, asked: Embedding, model: str | None, *, least_similarity: float, **narrowing: Any
    ) -> builtins.list[Topic]:
        if not -1 <= least_similarity <= 1:
            raise InvalidInput(f"least_similarity = {least_similarity!r}", remedy="give -1 to 1")
        scope = await self._bind()
        version = None if model is None else await self._found(scope, model)
        if version is not None:
            _demand_alike(version, asked.model)
        return await topics.nearest(scope, version, asked, least_similarity=least_similarity, **narrowing)

    async def _found(self, scope: Scope, model: str) -> Version:
        """The set that a caller names; one that is no version may be an environment of the registry."""
        name, suffix = made_by(model)
        found = await topics.find(scope, name, suffix)
        if found is None and suffix is not None and not suffix.isdecimal():
            serving = await models.get(scope, parse_model(model))
            found = await topics.find(scope, serving.name, str(serving.version))
        if found is None:
            raise NotFound(
                f"no topics of {model[:200]!r} are kept",
                remedy="topics.make keeps those of a trained model, topics.put any",
            )
        return found

    async def _embedded(self, drafts: Sequence[TopicDraft]) -> tuple[Model | None, builtins.list[TopicDraft]]:
        """The topics with vectors and whose those are; without, where vectors are off."""
        try:
            embedder, vectors = await self._semantic.passages([draft.text for draft in drafts])
        except InvalidSetting:
            return None, [*drafts]
        return embedder, [
            msgspec.structs.replace(draft, vector=[float(number) for number in vector])
            for draft, vector in zip(drafts, vectors, strict=True)
        ]

    async def _wanted(self, query: str | Sequence[float] | Vector, embedder: str | None) -> Embedding:
        """What is looked for as a vector, and whose it is."""
        if isinstance(query, str) or embedder is None:
            return await self._semantic.embedded(query)
        [draft] = drafts_of([{"topic_id": 0, "name": "query", "vector": [float(one) for one in query]}])
        assert draft.vector is not None
        of = await self._embedder(embedder, len(draft.vector))
        return Embedding(of, draft.vector)  # type: ignore[arg-type]  # numbers in any sequence are sent alike

    async def _embedder(self, embedder: str | None, dimensions: int) -> Model:
        """The model of vectors that a caller gave."""
        if embedder is not None:
            return Model(*_version_of(embedder), dimensions)
        here = await self._semantic.model()
        if here.dimensions != dimensions:
            raise InvalidInput(
                f"the vectors have {dimensions} numbers, and those of {here.key} have {here.dimensions}",
                remedy="say which model made them: embedder='name@version'",
            )
        return here


def _demand_alike(version: Version, embedder: Model) -> None:
    """Refuse to compare vectors of two models."""
    if version.embedder != embedder:
        theirs = "none" if version.embedder is None else f"those of {version.embedder.key}"
        raise InvalidInput(
            f"vectors of {embedder.key} ({embedder.dimensions} numbers) are asked for, and the topics of"
            f" {version.reference} have {theirs}",
            remedy="make their vectors anew: topics.embed, octavo topic embed",
        )


def _version_of(reference: str) -> tuple[str, str]:
    name, version = made_by(reference)
    if version is None:
        raise InvalidInput(
            f"{reference[:200]!r} does not say its version", remedy="write NAME@VERSION, as press-topics@2"
        )
    return name, version
