"""Is everything still what it was when it was stored: every body, and every original file, against its checksum."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Literal
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, NotFound, StorageFault
from octavo.operations.progress import Progress, silent
from octavo.operations.together import together
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.roles.blobs import Blobs

_sql = load("octavo.operations", "integrity.sql")

_BODIES = 200
_FILES = 8
KEPT = 100


class Damage(msgspec.Struct, frozen=True):
    """Something that is not what it was; `documents` are those it belongs to, at most 10."""

    kind: Literal["body", "file"]
    organization: str
    key: str
    reason: str
    documents: list[str]

    def __str__(self) -> str:
        return f"the {self.kind} {self.key} {self.reason}"


class Integrity(msgspec.Struct, frozen=True, kw_only=True):
    """What a scan looked at, and what it found; `damages` are the first 100."""

    bodies: int
    files: int
    file_bytes: int
    damaged: int
    damages: list[Damage]

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content


async def scan(system: Pool, blobs: Blobs, *, progress: Progress = silent) -> Integrity:
    """Read every body and every original file and compare it with its checksum; changes nothing.

    Args:
        system: connections of a member of octavo_system.
        blobs: the store of the original files.
        progress: told bodies and files.
    """
    estimate = await system.fetchrow(_sql.estimate)
    total = int(estimate["rows"]) if estimate is not None else 0
    found: list[Damage] = []
    bodies = files = file_bytes = damaged = 0
    async for page in _pages(system, _sql.page_of_bodies, "hash", _BODIES):
        wrong = [await _damaged_body(system, row) for row in page if not row["is_right"]]
        bodies, damaged = bodies + len(page), damaged + len(wrong)
        found += wrong[: KEPT - len(found)]
        progress(bodies, max(total, bodies))
    async for page in _pages(system, _sql.page_of_files, "sha256", _FILES):
        read = await together(_read(system, blobs, row) for row in page)
        broken = [one for one in read if isinstance(one, Damage)]
        file_bytes += sum(one for one in read if isinstance(one, int))
        files, damaged = files + len(page), damaged + len(broken)
        found += broken[: KEPT - len(found)]
        progress(bodies + files, max(total, bodies + files))
    return Integrity(bodies=bodies, files=files, file_bytes=file_bytes, damaged=damaged, damages=found)


async def _pages(system: Pool, statement: str, column: str, size: int) -> AsyncIterator[list[Row]]:
    organization, after = UUID(int=0), b""
    while page := list(await system.fetch(statement, organization, after, size)):
        yield page
        organization, after = page[-1]["organization_id"], page[-1][column]


async def _damaged_body(system: Pool, row: Row) -> Damage:
    documents = await _documents(system, _sql.documents_of_body, row["organization_id"], row["hash"])
    return Damage("body", str(row["organization_id"]), row["hash"].hex(), "is not what was stored", documents)


async def _read(system: Pool, blobs: Blobs, row: Row) -> int | Damage:
    """Bytes of a file that is right; nothing for one that was purged and swept meanwhile."""
    size = 0
    try:
        async for piece in blobs.read(row["blob"]):
            size += len(piece)
    except (NotFound, StorageFault, InvalidInput) as error:
        documents = await _documents(system, _sql.documents_of_file, row["organization_id"], row["sha256"])
        if not documents:
            return 0
        reason = "is missing" if isinstance(error, NotFound) else "is damaged"
        return Damage("file", str(row["organization_id"]), row["blob"], reason, documents)
    return size


async def _documents(system: Pool, statement: str, organization: UUID, key: bytes) -> list[str]:
    return [str(row["document_id"]) for row in await system.fetch(statement, organization, key)]
