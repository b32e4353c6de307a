"""Sources: the ledger of files and pages that ingest has seen, so that unchanged ones are skipped."""

from __future__ import annotations

import hashlib
import os
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import msgspec

from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.scope import Scope

_sql = load("octavo.store", "sources.sql")
_PAGE = 1_000


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was when it was read last.

    Attributes:
        path: absolute, or `archive!/member`, or a URL; bytes that are no UTF-8 are written as escapes.
        modified_ns: the file's time of modification, in nanoseconds since 1970.
        documents: what it became: the document, then those of its attachments. An archive has none of its own.
        container: key of the outermost archive it is in; None if it is in none.
        etag, last_modified: as the server of a page gave them, word for word.
    """

    path: str
    key: bytes
    size_bytes: int
    modified_ns: int
    sha256: bytes
    documents: tuple[UUID, ...]
    container: bytes | None = None
    etag: str | None = None
    last_modified: str | None = None


def key_of(path: str | os.PathLike[str]) -> bytes:
    """The key of a path: the SHA-256 of its bytes."""
    return hashlib.sha256(os.fsencode(path)).digest()


def shown(path: str | os.PathLike[str]) -> str:
    """A path as text that can be stored and printed, whatever its bytes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace").replace("\x00", "\\x00")


async def known(scope: Scope, keys: Sequence[bytes]) -> dict[bytes, Source]:
    """Those of the files that were seen before."""
    rows = await scope.runner.fetch(_sql.known_sources, scope.organization, scope.namespace, list(keys))
    return {row["path_key"]: _source(row) for row in rows}


async def record(scope: Scope, sources: Sequence[Source]) -> None:
    """Keep what was seen, in the transaction of the documents it became."""
    await scope.runner.execute(
        _sql.record_sources,
        scope.organization,
        scope.namespace,
        [source.key for source in sources],
        [source.path for source in sources],
        [source.size_bytes for source in sources],
        [source.modified_ns for source in sources],
        [source.sha256 for source in sources],
        ["{" + ",".join(map(str, source.documents)) + "}" for source in sources],
        [source.container for source in sources],
        [source.etag for source in sources],
        [source.last_modified for source in sources],
    )


def below(scope: Scope, folder: str) -> AsyncIterator[Source]:
    """Everything seen below a folder or a file, in pages, so in bounded memory; ordered by key."""
    return _pages(scope, _sql.sources_below, folder.rstrip("/") + "/")


def inside(scope: Scope, container: bytes) -> AsyncIterator[Source]:
    """Everything seen in the archive with this key, as `below`, but by an index."""
    return _pages(scope, _sql.sources_in, container)


async def forget(scope: Scope, keys: Sequence[bytes]) -> None:
    """Drop files that are gone."""
    await scope.runner.execute(_sql.forget_sources, scope.organization, scope.namespace, list(keys))


async def _pages(scope: Scope, statement: str, where: str | bytes) -> AsyncIterator[Source]:
    after = b""
    while True:
        rows = await scope.runner.fetch(statement, scope.organization, scope.namespace, where, after, _PAGE)
        for row in rows:
            yield _source(row)
        if len(rows) < _PAGE:
            return
        after = rows[-1]["path_key"]


def _source(row: Row) -> Source:
    return Source(
        path=row["path"],
        key=row["path_key"],
        size_bytes=row["bytes"],
        modified_ns=row["modified_ns"],
        sha256=row["sha256"],
        documents=tuple(row["document_ids"]),
        container=row["container_key"],
        etag=row["etag"],
        last_modified=row["last_modified"],
    )
