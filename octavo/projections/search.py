"""The search projection: the engine of the search role holds the current text of every live document."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from octavo.feed.reader import Feed
from octavo.postgres.pool import Pool, Row
from octavo.projections.documents import DocumentProjection
from octavo.projections.searchable import searchable
from octavo.roles.search import Change
from octavo.roles.state import DocumentEngine, Parked, Removed


class SearchProjection(DocumentProjection[Change]):
    """Brings the text of documents to a search engine.

    Args:
        system: reads the heads of all organizations.
        feed: the log of all organizations.
        engine: takes it, and knows where it stands.
    """

    def __init__(
        self, system: Pool, feed: Feed, engine: DocumentEngine[Change], name: str = "search"
    ) -> None:
        super().__init__(name, system, feed, engine, changes)


async def changes(rows: Sequence[Row]) -> Sequence[Change]:
    """What a search engine is told of documents."""
    return await asyncio.to_thread(lambda: [_change(row) for row in rows])


def _change(row: Row) -> Change:
    if not row["is_live"]:
        return Removed(row["organization_id"], row["id"])
    try:
        return searchable(row)
    except Exception as error:  # noqa: BLE001 - whatever one document does, the others go on
        return Parked(
            organization=row["organization_id"],
            id=row["id"],
            version=row["version"],
            code="unreadable",
            message=f"its text could not be taken out ({type(error).__name__})",
        )
