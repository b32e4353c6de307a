"""What Qdrant holds, read from the points themselves, so that it can be compared with the record."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from uuid import UUID

from octavo.engines.vectors import qdrant_points as points
from octavo.engines.vectors.qdrant_collection import QdrantCollection
from octavo.roles.state import BUCKETS, Digest, bucket, digest

# Points compared at once, so that what is held of them fits into memory.
COMPARED_AT_ONCE = 100_000

# What is told of a document whose passages are not all there, or of several versions: no record has it.
INCOMPLETE = 0


async def digests(collection: QdrantCollection) -> Mapping[tuple[UUID, int], Digest]:
    """The digests of all buckets, some buckets at a time."""
    scope = points.counting(await collection.standing())
    slices = math.ceil(await collection.count(scope.filter(), exact=True) / COMPARED_AT_ONCE)
    found: dict[tuple[UUID, int], Digest] = {}
    for low, high in _ranges(min(max(slices, 1), BUCKETS)):
        versions: dict[tuple[UUID, int], dict[UUID, int]] = {}
        for (organization, id), version in (await _held(collection, scope, low, high)).items():
            versions.setdefault((organization, bucket(id)), {})[id] = version
        found |= {key: digest(held) for key, held in versions.items()}
    return found


async def held(collection: QdrantCollection, organization: UUID, bucket: int) -> Mapping[UUID, int]:
    """The documents of a bucket and their versions."""
    scope = points.counting(await collection.standing()).within(*points.of(organization).must)
    return {id: version for (_, id), version in (await _held(collection, scope, bucket, bucket + 1)).items()}


async def _held(
    collection: QdrantCollection, scope: points.Scope, low: int, high: int
) -> dict[tuple[UUID, UUID], int]:
    """The version of each document in a range of buckets."""
    within = scope.within(points.number("bucket", at_least=low, below=high))
    found: dict[tuple[UUID, UUID], tuple[int, int]] = {}
    async for one in collection.scan(within.filter(), points.held()):
        payload = one.payload or {}
        key = UUID(payload["organization"]), UUID(payload["document"])
        version, missing = found.get(key, (payload["version"], payload["passages"]))
        same = version == payload["version"]
        found[key] = version if same else INCOMPLETE, missing - 1
    return {key: INCOMPLETE if missing else version for key, (version, missing) in found.items()}


def _ranges(slices: int) -> Iterator[tuple[int, int]]:
    """All buckets in so many ranges."""
    bounds = [BUCKETS * part // slices for part in range(slices + 1)]
    return itertools.pairwise(bounds)
