"""What an engine tells of what it holds, so that it can be compared with the record."""

from __future__ import annotations

from uuid import UUID

from octavo.roles.state import BUCKETS, Digest, Parked, bucket, digest
from octavo.testing.vector_engine.shelf import Shelf


class Comparing:
    """Digests and versions of what is held; the expected ones are computed from what the engine was told."""

    async def test_digests_are_those_of_the_documents_that_were_given(
        self, shelf: Shelf, other: Shelf
    ) -> None:
        ids = [await shelf.add(degrees) for degrees in range(12)]
        theirs = await other.add(1)
        await shelf.apply([shelf.embedded(ids[0], 1, 2, 3, version=7)])

        assert await _digests(shelf) == _expected(dict.fromkeys(ids, 1) | {ids[0]: 7})
        assert await _digests(other) == _expected({theirs: 1})

    async def test_the_documents_of_a_bucket_are_held_with_their_versions(
        self, shelf: Shelf, other: Shelf
    ) -> None:
        id = await shelf.add(1)
        await other.apply([other.embedded(id, 2, version=3)])

        assert await shelf.engine.held(shelf.organization, bucket(id)) == {id: 1}
        assert await other.engine.held(other.organization, bucket(id)) == {id: 3}
        assert await shelf.engine.held(shelf.organization, (bucket(id) + 1) % BUCKETS) == {}

    async def test_what_was_removed_parked_or_erased_is_not_held(self, shelf: Shelf) -> None:
        kept, removed, parked, erased = [await shelf.add(1) for _ in range(4)]

        await shelf.remove(removed)
        await shelf.apply(
            [Parked(organization=shelf.organization, id=parked, version=1, code="refused", message="no")]
        )
        await shelf.engine.erase(shelf.organization, [erased])

        assert await _digests(shelf) == _expected({kept: 1})

    async def test_an_emptied_engine_holds_nothing(self, shelf: Shelf) -> None:
        id = await shelf.add(1)

        await shelf.engine.reset()

        assert await shelf.engine.digests() == {}
        assert await shelf.engine.held(shelf.organization, bucket(id)) == {}


async def _digests(shelf: Shelf) -> dict[int, Digest]:
    found = await shelf.engine.digests()
    return {
        number: told
        for (organization, number), told in found.items()
        if organization == shelf.organization and told.documents
    }


def _expected(held: dict[UUID, int]) -> dict[int, Digest]:
    buckets: dict[int, dict[UUID, int]] = {}
    for id, version in held.items():
        buckets.setdefault(bucket(id), {})[id] = version
    return {number: digest(versions) for number, versions in buckets.items()}
