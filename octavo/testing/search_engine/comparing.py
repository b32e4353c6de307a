"""What an engine tells of what it holds, so that it can be compared with the record."""

from __future__ import annotations

from uuid import UUID

from octavo.roles.state import BUCKETS, Digest, Parked, bucket, digest
from octavo.testing.search_engine.library import Library


class Comparing:
    """Digests and versions of what is held; the expected ones are computed from what the engine was told."""

    async def test_digests_are_those_of_the_documents_that_were_given(
        self, library: Library, other: Library
    ) -> None:
        ids = [await library.add(f"refund {number}") for number in range(12)]
        theirs = await other.add("refund")
        await library.apply([library.searchable(ids[0], ["one", "two", "three"], version=7)])
        held = dict.fromkeys(ids, 1) | {ids[0]: 7}

        assert await _digests(library) == _expected(held)
        assert await _digests(other) == _expected({theirs: 1})

    async def test_the_documents_of_a_bucket_are_held_with_their_versions(
        self, library: Library, other: Library
    ) -> None:
        id = await library.add("refund")
        await other.apply([other.searchable(id, "of another", version=3)])

        assert await library.engine.held(library.organization, bucket(id)) == {id: 1}
        assert await other.engine.held(other.organization, bucket(id)) == {id: 3}
        assert await library.engine.held(library.organization, (bucket(id) + 1) % BUCKETS) == {}

    async def test_a_newer_version_replaces_the_older_one_in_a_digest(self, library: Library) -> None:
        id = await library.add(["old refund", "old policy"])

        await library.apply([library.searchable(id, "new", version=2)])

        assert await _digests(library) == _expected({id: 2})

    async def test_what_was_removed_parked_or_erased_is_not_held(self, library: Library) -> None:
        kept, removed, parked, erased = [await library.add("refund") for _ in range(4)]

        await library.remove(removed)
        await library.apply(
            [Parked(organization=library.organization, id=parked, version=1, code="unreadable", message="no")]
        )
        await library.engine.erase(library.organization, [erased])

        assert await _digests(library) == _expected({kept: 1})
        assert await library.engine.held(library.organization, bucket(parked)) == (
            {kept: 1} if bucket(kept) == bucket(parked) else {}
        )

    async def test_a_document_without_any_text_is_held_too(self, library: Library) -> None:
        id = await library.add("")

        assert await _digests(library) == _expected({id: 1})

    async def test_an_emptied_engine_holds_nothing(self, library: Library) -> None:
        await library.add("refund")

        await library.engine.reset()

        assert await library.engine.digests() == {}


async def _digests(library: Library) -> dict[int, Digest]:
    found = await library.engine.digests()
    return {
        number: told
        for (organization, number), told in found.items()
        if organization == library.organization and told.documents
    }


def _expected(held: dict[UUID, int]) -> dict[int, Digest]:
    buckets: dict[int, dict[UUID, int]] = {}
    for id, version in held.items():
        buckets.setdefault(bucket(id), {})[id] = version
    return {number: digest(versions) for number, versions in buckets.items()}
