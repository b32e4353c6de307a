"""The embedded search index beside the library alone.

The limit is the library used as its documentation does: a title and a text, stemmed, the query parsed by the library,
ten documents read. It knows no organizations, no deletions and no filters, and marks nothing. The floor is the library
and one statement that reads as many heads by their keys: less cannot tell whether what was found is still there.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import tantivy

from octavo import Octavo
from octavo.engines.search.tantivy import TantivySearch
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.statements import load
from octavo.projections.search import SearchProjection
from octavo.search.query import Search

Ask = Callable[[str], Awaitable[None]]
_sql = load("benchmarks", "search.sql")


class Embedded:
    """An index of the record in a folder, filled."""

    def __init__(self, db: Octavo, folder: Path) -> None:
        self._record = db.record
        self.engine = TantivySearch(db.record, folder)

    async def fill(self) -> float:
        """Bring it to the end of the log; returns the seconds it took."""
        projection = SearchProjection(self._record.system, Feed(self._record.system, Wakeup()), self.engine)
        begun = time.perf_counter()
        while await projection.step():
            pass
        return time.perf_counter() - begun

    def asking(self, organization: Any) -> Ask:
        """A search of one page."""
        search = Search(self.engine, self._record.app)

        async def ask(query: str) -> None:
            await search.search(organization, query, namespace="default", limit=10)

        return ask


class Alone:
    """The library's own index of the same texts."""

    def __init__(self, folder: Path) -> None:
        builder = tantivy.SchemaBuilder()
        for name in ("title", "text"):
            builder.add_text_field(name, stored=True, tokenizer_name="en_stem")
        self._index = tantivy.Index(builder.build(), path=str(folder))

    def fill(self, texts: Sequence[tuple[str, str]]) -> float:
        """Index the texts in one commit; returns the seconds it took."""
        begun = time.perf_counter()
        writer = self._index.writer(heap_size=128_000_000, num_threads=1)
        for title, text in texts:
            writer.add_document(tantivy.Document(title=title, text=text))
        writer.commit()
        writer.wait_merging_threads()
        self._index.reload()
        return time.perf_counter() - begun

    def asking(self) -> Ask:
        """A search of one page."""
        found = self._finding()

        async def ask(query: str) -> None:
            found(query)

        return ask

    def asking_with_heads(self, raw: asyncpg.Connection, organization: UUID, ids: Sequence[UUID]) -> Ask:
        """A search of one page, and a look at as many heads as it has hits, with a connection that is told nothing."""
        found = self._finding()

        async def ask(query: str) -> None:
            await raw.fetch(_sql.raw_heads, organization, ids[: found(query)])

        return ask

    def _finding(self) -> Callable[[str], int]:
        """Finds and reads the best ten, and tells how many there are."""
        searcher = self._index.searcher()

        def find(query: str) -> int:
            parsed = self._index.parse_query(query, ["title", "text"], conjunction_by_default=True)
            hits = searcher.search(parsed, 10, count=False).hits
            for _, place in hits:
                searcher.doc(place).to_dict()
            return len(hits)

        return find


@contextmanager
def folders() -> Iterator[tuple[Path, Path]]:
    """Two folders for as long as they are needed."""
    with tempfile.TemporaryDirectory(prefix="octavo-bench-") as one:
        paths = Path(one, "octavo"), Path(one, "alone")
        for path in paths:
            path.mkdir()
        yield paths
