"""Removes bodies whose last version is gone: small batches, halved where a writer took a body up again."""

from __future__ import annotations

from collections.abc import Sequence

from octavo.errors import NotFound
from octavo.postgres.statements import load
from octavo.store.scope import Scope

_sql = load("octavo.store", "changes.sql")
_BATCH = 100


async def collect(scope: Scope, hashes: Sequence[bytes]) -> int:
    """Delete those of the bodies that no version refers to; returns how many went.

    Safe beside writers: a body that is referred to between look and delete makes the foreign key refuse the
    batch, which is then halved; a single body that is refused is in use and stays.
    """
    ordered = sorted(hashes)
    return sum(
        [await _collect(scope, ordered[start : start + _BATCH]) for start in range(0, len(ordered), _BATCH)]
    )


async def _collect(scope: Scope, hashes: Sequence[bytes]) -> int:
    try:
        tag = await scope.runner.execute(_sql.collect_bodies, scope.organization, list(hashes))
        return int(tag.split()[-1])
    except NotFound:
        if len(hashes) == 1:
            return 0
        half = len(hashes) // 2
        return await _collect(scope, hashes[:half]) + await _collect(scope, hashes[half:])
