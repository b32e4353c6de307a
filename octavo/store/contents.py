"""Contents: what the file behind a version was, and where the original is kept."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from octavo.errors import NotFound
from octavo.postgres.statements import load
from octavo.store.scope import Scope

_sql = load("octavo.store", "contents.sql")


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it was ingested: identity, kind and counts of its text.

    `sha256` is of the original bytes, `blob` names them in the blob store, `preview` is the text's first
    1,000 characters.
    """

    version: int
    sha256: bytes
    blob: str
    bytes: int
    media_type: str
    encoding: str | None
    language: str
    preview: str
    words: int
    characters: int
    paragraphs: int


async def record(scope: Scope, contents: Sequence[tuple[UUID, Content]]) -> None:
    """Keep the contents of versions that were just put, in the same transaction."""
    columns = [
        [id for id, _ in contents],
        *([getattr(content, field) for _, content in contents] for field in Content.__struct_fields__),
    ]
    await scope.runner.execute(_sql.record_content, scope.organization, *columns)


async def get(scope: Scope, id: UUID, version: int | None = None) -> Content:
    """The content of a version, or of the newest one that came from a file up to it; raises `NotFound`."""
    row = await scope.runner.fetchrow(_sql.get_content, scope.organization, id, version)
    if row is None:
        raise NotFound(f"document {id} did not come from a file")
    return Content(**{field: row[field] for field in Content.__struct_fields__})


async def blob_in_use(scope: Scope, blob: str) -> bool:
    """Whether any version of the organization still refers to a blob."""
    return await scope.runner.fetchrow(_sql.blob_in_use, scope.organization, blob) is not None
