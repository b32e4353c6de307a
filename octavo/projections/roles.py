"""The roles of a database whose engines are in the catalogue: one line of the table for each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from octavo.engines.analytics import choice as analytics
from octavo.engines.embedders import choice as embedding
from octavo.engines.embedders.choice import Embedders
from octavo.engines.search import choice as search
from octavo.engines.vectors import choice as vectors
from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool
from octavo.postgres.record import Record
from octavo.projections.analytics import AnalyticsProjection
from octavo.projections.role import Role
from octavo.projections.search import SearchProjection
from octavo.projections.vectors import VectorProjection
from octavo.roles.analytics import FactEngine
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
    if settings.analytics != analytics.NONE:
        analytics.address(settings.analytics or analytics.INSIDE)


def roles(record: Record, settings: Settings, embedders: Embedders | None = None) -> Mapping[str, Role]:
    """The roles by name; none for vectors without `embedders` or with vectors = none, nor with analytics = none.

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
            has_room=search.has_room,
        ),
    }
    if embedders is not None and settings.vectors != vectors.OFF:
        known["vectors"] = _vectors(record, settings, logins, embedders)
    if settings.analytics != analytics.NONE:
        known["analytics"] = _analytics(record, settings, logins)
    return known


def _analytics(record: Record, settings: Settings, logins: Logins) -> Role:
    """Its engines hold facts, each event once, and no documents."""

    def project(system: Pool, feed: Feed, engine: FactEngine) -> AnalyticsProjection:
        return AnalyticsProjection(system, feed, engine, pause_seconds=analytics.pause_seconds(engine))

    return Role(
        name="analytics",
        first=analytics.address(settings.analytics or analytics.INSIDE),
        setting=settings.analytics,
        address=analytics.address,
        build=lambda url: analytics.analytics_engine(url, record, logins),
        lease=analytics.lease_name,
        project=project,
        has_room=analytics.has_room,
    )


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
        has_room=lambda _: True,
    )
