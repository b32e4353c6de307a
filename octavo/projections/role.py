"""A role whose engines are in the catalogue: how they are made, filled and told apart.

Engines hold the current state of documents, or facts: what happened, each event once.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool
from octavo.projections.documents import DocumentProjection
from octavo.projections.folds import FoldProjection
from octavo.roles.analytics import FactEngine
from octavo.roles.state import DocumentEngine

Engine = DocumentEngine[Any] | FactEngine
EngineProjection = DocumentProjection[Any] | FoldProjection


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a role before any engine of it is there.

    Attributes:
        name: search, vectors …
        setting: what the setting names; empty when it leaves the choice to the catalogue.
        first: URL of the first engine; the catalogue says it afterwards.
        address: the URL as the catalogue keeps it, absolute and without a login; raises `InvalidSetting`.
        build: the engine behind such a URL; raises `InvalidSetting` and `MissingExtra`, and connects to nothing.
        lease: what only the process that fills the engine has.
        project: what fills it.
        has_room: whether an engine can be built beside the one of a URL, and then takes its place.
    """

    name: str
    setting: str
    first: str
    address: Callable[[str], str]
    build: Callable[[str], Engine]
    lease: Callable[[str], str]
    project: Callable[[Pool, Feed, Any], EngineProjection]
    has_room: Callable[[str], bool]


@contextlib.asynccontextmanager
async def opened(engine: Engine) -> AsyncIterator[Engine]:
    """An engine that is used for a moment, and closed."""
    try:
        yield engine
    finally:
        await close(engine)


async def close(engine: Engine) -> None:
    """Close what an engine has open outside of the record, if it has something."""
    closing = getattr(engine, "close", None)
    if closing is not None:
        await closing()


async def empty(engine: Engine) -> None:
    """Forget everything an engine holds; one that keeps something of its own elsewhere takes that away too."""
    drop = getattr(engine, "drop", None)
    await (engine.reset() if drop is None else drop())
