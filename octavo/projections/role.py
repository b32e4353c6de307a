"""A role whose engines hold the current state of documents: how they are made, filled and told apart."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec

from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool
from octavo.projections.documents import DocumentProjection
from octavo.roles.state import DocumentEngine


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
    """

    name: str
    setting: str
    first: str
    address: Callable[[str], str]
    build: Callable[[str], DocumentEngine[Any]]
    lease: Callable[[str], str]
    project: Callable[[Pool, Feed, DocumentEngine[Any]], DocumentProjection[Any]]


@contextlib.asynccontextmanager
async def opened(engine: DocumentEngine[Any]) -> AsyncIterator[DocumentEngine[Any]]:
    """An engine that is used for a moment, and closed."""
    try:
        yield engine
    finally:
        await close(engine)


async def close(engine: DocumentEngine[Any]) -> None:
    """Close what an engine has open outside of the record, if it has something."""
    closing = getattr(engine, "close", None)
    if closing is not None:
        await closing()


async def empty(engine: DocumentEngine[Any]) -> None:
    """Forget everything an engine holds; one that keeps something of its own elsewhere takes that away too."""
    drop = getattr(engine, "drop", None)
    await (engine.reset() if drop is None else drop())
