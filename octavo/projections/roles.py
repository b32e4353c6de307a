"""The roles of a database whose engines hold the current state of documents: one line of the table for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from octavo.engines.embedders import choice as embedding
from octavo.engines.embedders.choice import Embedders
from octavo.engines.search import choice as search
from octavo.engines.vectors import choice as vectors
from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool
from octavo.postgres.record import Record
from octavo.projections.role import Role
from octavo.projections.search import SearchProjection
from octavo.projections.vectors import VectorProjection
from octavo.roles.state import DocumentEngine
from octavo.roles.vectors import VectorEngine
from octavo.settings import Settings
from octavo.values.login import Logins, parse_logins


def check(settings: Settings) -> None:
    """Refuse what names no engine, before anything is started.

    Raises:
        InvalidSetting.
    """
    parse_logins(settings.engine_logins)
    search.address(settings.search or "postgres")
    embedding.check(settings.embedder)
    if settings.vectors != vectors.OFF:
        vectors.address(settings.vectors, settings.embedder)


def roles(record: Record, settings: Settings, embedders: Embedders | None = None) -> Mapping[str, Role]:
    """The roles by name; without `embedders`, or with vectors = none, there is none for vectors.

    Raises:
        InvalidSetting: a setting names no engine.
    """
    logins = parse_logins(settings.engine_logins)
    known = {
        "search": Role(
            name="search",
            first=search.address(settings.search or "postgres"),
            setting=settings.search,
            address=search.address,
            build=lambda url: search.search_engine(url, record, logins),
            lease=search.lease_name,
            project=SearchProjection,
        ),
    }
    if embedders is not None and settings.vectors != vectors.OFF:
        known["vectors"] = _vectors(record, settings, logins, embedders)
    return known


def _vectors(record: Record, settings: Settings, logins: Logins, embedders: Embedders) -> Role:
    """An engine's URL names its embedder too; one that names none has that of the setting."""

    def address(url: str) -> str:
        return vectors.address(url, settings.embedder)

    def build(url: str) -> VectorEngine:
        model = embedders.named(vectors.embedder_of(url)).model
        return vectors.vector_engine(url, record, model, logins)

    def project(system: Pool, feed: Feed, engine: DocumentEngine[Any]) -> VectorProjection:
        of_vectors = cast("VectorEngine", engine)
        return VectorProjection(system, feed, of_vectors, embedders.of(of_vectors.model))

    return Role(
        name="vectors",
        first=address(settings.vectors),
        setting=settings.vectors,
        address=address,
        build=build,
        lease=vectors.lease_name,
        project=project,
    )
