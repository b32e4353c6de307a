"""Passages of documentation, and organizations that hold them with their vectors; each is filled once a run.

The texts are documentation of this machine: what packages put into their folders, cut into passages, so their vectors
lie as those of users' texts do. Each document has one passage and one of a hundred types.
"""

from __future__ import annotations

import gzip
import random
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from uuid import UUID

from benchmarks.corpus import SEED
from octavo import Octavo
from octavo.engines.vectors.postgres import PostgresVectors
from octavo.errors import NotFound
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.projections.vectors import VectorProjection
from octavo.roles.embedder import Embedder
from octavo.roles.state import Cursor
from octavo.text.passages import split

# Of the organization that all benchmarks about vectors ask, and texts beside them to ask with.
PASSAGES, QUERIES = 50_000, 200
TYPES = 100
BATCH = 1_000
FOLDERS = (Path("/usr/share/doc"), Path(sys.prefix) / "lib", Path(__file__).parents[1] / "docs")
ENDINGS = (".md", ".rst", ".txt", ".html", ".gz", ".py", "README", "copyright")


@cache
def passages() -> tuple[Sequence[str], Sequence[str]]:
    """Texts to ask with and texts to keep, all different, in an order that a seed says."""
    files = [path for folder in FOLDERS for path in sorted(folder.rglob("*")) if path.name.endswith(ENDINGS)]
    random.Random(SEED).shuffle(files)
    found: dict[str, None] = {}
    for path in files:
        for text in _texts(path):
            found.setdefault(text)
        if len(found) >= QUERIES + PASSAGES:
            break
    texts = list(found)
    return texts[:QUERIES], texts[QUERIES : QUERIES + PASSAGES]


async def holder(db: Octavo, embedder: Embedder, number: int) -> UUID:
    """An organization with so many of the passages and an index over their vectors."""
    name = f"bench-passages-{number}"
    try:
        return (await db.organizations.get(name)).id
    except NotFound:
        organization = (await db.organizations.create(name)).id
    # The index is made once, of all vectors; row by row it becomes the same, and takes longer.
    projection = await projecting(db, embedder, indexed_from=number)
    await put(db, name, passages()[1][:number])
    while await projection.step():
        pass
    return organization


async def projecting(db: Octavo, embedder: Embedder, **engine: int) -> VectorProjection:
    """What embeds everything that is written from now on."""
    vectors = PostgresVectors(db.record, embedder.model, **engine)
    feed = Feed(db.record.system, Wakeup(), shard=db.record.shard)
    cursor = await vectors.position()
    await vectors.apply([], cursor, Cursor(cursor.generation, await feed.position()))
    return VectorProjection(db.record.system, feed, vectors, embedder)


async def put(db: Octavo, organization: str, texts: Sequence[str]) -> None:
    """Each text as a document of its own."""
    documents = db.organization(organization).documents
    for start in range(0, len(texts), BATCH):
        await documents.put_many(
            [
                {"type": f"type{number % TYPES}", "body": {"text": text}}
                for number, text in enumerate(texts[start : start + BATCH], start)
            ]
        )


def _texts(path: Path) -> Iterator[str]:
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8")
    except (OSError, ValueError, EOFError):
        return
    for passage in split(text, target_characters=1_000)[:60]:
        if len(passage.text) >= 200 and "\0" not in passage.text:
            yield passage.text
