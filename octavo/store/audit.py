"""Who read what: events `document.accessed`, for organizations that want them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, NotFound
from octavo.postgres.pool import Runner
from octavo.postgres.statements import load
from octavo.store import events
from octavo.store.scope import Scope

_sql = load("octavo.store", "audit.sql")

DOCUMENTS = 1_000


class Access(msgspec.Struct, frozen=True, gc=False):
    """A document that was read, at a version."""

    id: UUID
    version: int
    type: str


async def set_fraction(system: Runner, organization: str, fraction: float) -> None:
    """Record so large a part of an organization's reads, 0 to 1; raises `NotFound` and `InvalidInput`."""
    if not 0 <= fraction <= 1:
        raise InvalidInput(
            f"{fraction} of all reads cannot be recorded", remedy="give 0 (none) to 1 (every one)"
        )
    if await system.fetchrow(_sql.set_audit, organization, fraction) is None:
        raise NotFound(f"there is no organization {organization!r}")


async def find_fraction(scope: Scope) -> float:
    """Which part of its reads the organization wants recorded."""
    row = await scope.runner.fetchrow(_sql.find_audit, scope.organization)
    return 0.0 if row is None else float(row["fraction"])


async def record(scope: Scope, read: Sequence[Access], *, fraction: float, lost: int = 0) -> None:
    """Append events `document.accessed` with ids and versions, a thousand documents each.

    They stand in a stream a day, `access-2026-01-31`, under the reader's actor, session and correlation.

    Args:
        fraction: the part of all reads that these are.
        lost: documents that were read and could not be kept until now.
    """
    stream = f"access-{datetime.now(UTC):%Y-%m-%d}"
    for start in range(0, len(read), DOCUMENTS):
        chunk = read[start : start + DOCUMENTS]
        data = {
            "count": len(chunk),
            "types": Counter(one.type for one in chunk),
            "documents": [{"id": one.id, "version": one.version} for one in chunk],
            "fraction": fraction,
            "lost": lost if start == 0 else 0,
        }
        await events.append(scope, stream, events.fact("document.accessed", data))
