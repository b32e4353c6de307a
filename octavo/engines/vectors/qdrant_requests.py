"""What is asked of Qdrant for changed documents, in requests it can take."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from uuid import UUID

from qdrant_client import models

from octavo.engines.vectors import qdrant_points as points
from octavo.roles.embedder import Model
from octavo.roles.state import Parked
from octavo.roles.vectors import Embedded, VectorChange

# Of one request, about; a server takes 32 MB if it is not told otherwise.
REQUEST_BYTES = 4_000_000


def chunks(changes: Sequence[VectorChange]) -> Iterator[list[VectorChange]]:
    """Documents together that make one request, or one that makes several."""
    chunk: list[VectorChange] = []
    size = 0
    for change in changes:
        more = (
            sum(points.estimated_bytes(one) for one in change.passages) if isinstance(change, Embedded) else 0
        )
        if chunk and size + more > REQUEST_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(change)
        size += more
    if chunk:
        yield chunk


def requests(
    changes: Sequence[VectorChange], load: int, model: Model
) -> Iterator[list[models.UpdateOperation]]:
    """What is asked for some documents: their new points first, so that no document is away meanwhile."""
    operations: list[models.UpdateOperation] = []
    for some in _slices(list(_points(changes, load, model))):
        if operations:
            yield operations
        upsert = models.PointsList(points=some, update_filter=points.older(load))
        operations = [models.UpsertOperation(upsert=upsert)]
    by_organization: dict[UUID, list[UUID]] = {}
    for change in changes:
        by_organization.setdefault(change.organization, []).append(change.id)
    for organization, ids in by_organization.items():
        left = points.left(organization, ids, load)
        operations.append(models.DeleteOperation(delete=models.FilterSelector(filter=left)))
    yield operations


def _points(
    changes: Sequence[VectorChange], load: int, model: Model
) -> Iterator[tuple[models.PointStruct, int]]:
    """The points of documents and about how many bytes each is."""
    for change in changes:
        if isinstance(change, Embedded):
            sizes = [points.estimated_bytes(passage) for passage in change.passages]
            yield from zip(points.passages(change, load, model), sizes, strict=True)
        elif isinstance(change, Parked):
            yield points.parked(change, load, model), 0


def _slices(sized: Sequence[tuple[models.PointStruct, int]]) -> Iterator[list[models.PointStruct]]:
    """Points together that make one request."""
    some: list[models.PointStruct] = []
    size = 0
    for point, more in sized:
        if some and size + more > REQUEST_BYTES:
            yield some
            some, size = [], 0
        some.append(point)
        size += more
    if some:
        yield some
