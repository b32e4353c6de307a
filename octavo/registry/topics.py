"""Topics: kept by the record, a set for each version of a model; their documents are told by results.

They are owned, not derived: a model's words and a person's names are in no log. Their vectors are made again of them.
A few hundred are compared whole, so that what is found is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from octavo.errors import InvalidInput, LimitExceeded, NotFound
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.roles.embedder import Embedding, Model
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.actor import Actor
from octavo.values.topic import MAX_SETS, Topic, TopicDocument, TopicDraft, TopicSet

_sql = load("octavo.registry", "topics.sql")


class Version(NamedTuple):
    """A version of a model, and the embedder of its topics; None when they have no vectors."""

    model: str
    model_version: str
    embedder: Model | None

    @property
    def reference(self) -> str:
        """As `press-topics@2`."""
        return f"{self.model}@{self.model_version}"


async def put(pool: Pool, scope: Scope, version: Version, drafts: Sequence[TopicDraft]) -> None:
    """Keep the topics of a version of a model in the place of those it had.

    Args:
        drafts: looked at; with a vector each, if the version has an embedder.

    Raises:
        LimitExceeded: the organization has 100 sets. NotFound: there is no such organization.
    """
    async with transaction(pool, scope) as inside:
        await erase(inside, version)
        await insert(inside, version, drafts)


async def insert(inside: Scope, version: Version, drafts: Sequence[TopicDraft]) -> None:
    """Keep the topics of a version that has none, in a transaction of the caller's; raises `LimitExceeded`."""
    embedder, actor = version.embedder, inside.origin.actor
    row = await inside.runner.fetchrow(
        _sql.add_set,
        inside.organization,
        version.model,
        version.model_version,
        embedder and embedder.name,
        embedder and embedder.version,
        embedder and embedder.dimensions,
        actor.id,
        actor.kind,
        MAX_SETS,
    )
    if row is None:
        raise LimitExceeded(
            f"the organization has the topics of {MAX_SETS} versions of models",
            remedy="erase those that are not needed",
            limit=MAX_SETS,
            actual=MAX_SETS,
        )
    columns = [{**msgspec.structs.asdict(draft), "title": draft.title} for draft in drafts]
    await inside.runner.execute(
        _sql.add_topics,
        inside.organization,
        version.model,
        version.model_version,
        msgspec.json.encode(columns),
    )


async def sets(scope: Scope) -> list[TopicSet]:
    """Versions of models whose topics are kept, the newest first."""
    rows = await scope.runner.fetch(_sql.list_sets, scope.organization)
    return [
        TopicSet(
            model=row["model"],
            model_version=row["model_version"],
            topics=row["topics"],
            embedder=row["embedder"],
            dimensions=row["dimensions"],
            made_at=row["made_at"],
            made_by=Actor(row["made_by"], row["made_by_kind"]),
        )
        for row in rows
    ]


async def find(scope: Scope, model: str, model_version: str | None) -> Version | None:
    """The version whose topics are kept; without a number the one that was kept last. None: there is none."""
    row = await scope.runner.fetchrow(_sql.find_set, scope.organization, model, model_version)
    if row is None:
        return None
    embedder = (
        None
        if row["dimensions"] is None
        else Model(row["embedder_name"], row["embedder_version"], row["dimensions"])
    )
    return Version(row["model"], row["model_version"], embedder)


async def listing(
    scope: Scope, version: Version, *, topic_id: int | None = None, keyword: str | None = None, counted: bool
) -> list[Topic]:
    """The topics of a version, by their numbers."""
    rows = await _rows(scope, version, topic_id, keyword, counted)
    return [_topic(row) for row in rows]


async def drafts(scope: Scope, version: Version) -> list[TopicDraft]:
    """The topics of a version as they could be put again, with their vectors."""
    return [
        TopicDraft(
            topic_id=row["topic_id"],
            name=row["name"],
            keywords=row["keywords"],
            coherence_score=row["coherence_score"],
            vector=row["vector"],
        )
        for row in await _rows(scope, version, None, None, False)
    ]


async def vector(scope: Scope, version: Version, topic_id: int) -> Embedding:
    """The vector of a topic, and whose it is; raises `NotFound`, and `InvalidInput` when there is none of it."""
    rows = await _rows(scope, version, topic_id, None, False)
    if not rows:
        raise missing(version, topic_id)
    if version.embedder is None:
        raise InvalidInput(
            f"the topics of {version.reference} have no vectors",
            remedy="switch vectors on, and embed them: topics.embed",
        )
    return Embedding(version.embedder, rows[0]["vector"])


def missing(version: Version, topic_id: int) -> NotFound:
    """That a set has no such topic."""
    return NotFound(f"{version.reference} has no topic {topic_id}", remedy="list its topics")


async def nearest(
    scope: Scope,
    version: Version | None,
    embedding: Embedding,
    *,
    keyword: str | None,
    least_similarity: float,
    limit: int,
    counted: bool,
) -> list[Topic]:
    """The topics nearest to a vector, of those whose vectors are of its model; the nearest first."""
    rows = await scope.runner.fetch(
        _counting(_sql.nearest_topics, counted),
        scope.organization,
        version and version.model,
        version and version.model_version,
        [float(number) for number in embedding.vector],
        embedding.model.name,
        embedding.model.version,
        embedding.model.dimensions,
        keyword,
        1 - least_similarity,
        _page(scope, limit),
    )
    return [_topic(row) for row in rows]


async def documents(
    scope: Scope,
    version: Version,
    topic_id: int,
    *,
    least_share: float,
    behind: TopicDocument | None,
    limit: int,
) -> list[TopicDocument]:
    """Documents in which a topic comes before all others, the greatest share first."""
    rows = await scope.runner.fetch(
        _sql.documents_of_topic,
        scope.organization,
        version.model,
        version.model_version,
        topic_id,
        least_share,
        behind and behind.share,
        behind and behind.id,
        _page(scope, limit),
    )
    return [
        TopicDocument(
            id=row["document_id"],
            namespace=row["namespace"],
            type=row["type"],
            name=row["name"],
            version=row["version"],
            share=row["score"],
        )
        for row in rows
    ]


async def erase(scope: Scope, version: Version) -> int:
    """Forget the topics of a version; returns how many went."""
    row = await scope.runner.fetchrow(
        _sql.remove_set, scope.organization, version.model, version.model_version
    )
    return 0 if row is None else int(row["topics"])


async def _rows(
    scope: Scope, version: Version, topic_id: int | None, keyword: str | None, counted: bool
) -> Sequence[Row]:
    return await scope.runner.fetch(
        _counting(_sql.list_topics, counted),
        scope.organization,
        version.model,
        version.model_version,
        topic_id,
        keyword,
    )


def _page(scope: Scope, limit: int) -> int:
    if not 1 <= limit <= scope.limits.page:
        raise LimitExceeded(
            f"limit = {limit}",
            remedy=f"give 1 to {scope.limits.page}",
            limit=scope.limits.page,
            actual=limit,
        )
    return limit


def _counting(statement: str, counted: bool) -> str:
    return statement.format(is_counted="true" if counted else "false")


def _topic(row: Row) -> Topic:
    return Topic(
        model=row["model"],
        model_version=row["model_version"],
        topic_id=row["topic_id"],
        name=row["name"],
        keywords=row["keywords"],
        coherence_score=row["coherence_score"],
        document_count=row["document_count"],
        embedder=row["embedder"],
        similarity=row["similarity"],
    )
