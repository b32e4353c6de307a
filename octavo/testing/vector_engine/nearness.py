"""What is near: which documents, in what order, by which passage, and how far that is exact."""

from __future__ import annotations

import math

from octavo.errors import InvalidInput
from octavo.roles.vectors import NearestQuery
from octavo.testing.vector_engine.shelf import MODEL, Shelf, direction


class Nearness:
    """Which documents are nearest."""

    async def test_the_nearest_come_first(self, shelf: Shelf) -> None:
        far, near, between = await shelf.add(90), await shelf.add(5), await shelf.add(30)

        assert await shelf.ids(0) == [near, between, far]
        assert await shelf.ids(80) == [far, between, near]

    async def test_similarity_is_the_cosine_and_equal_vectors_have_one(self, shelf: Shelf) -> None:
        """S0-097, S0-129: identical vectors score 1.0; every score is within [-1, 1]."""
        for degrees in (0, 60, 90, 180):
            await shelf.add(degrees)

        found = [match.similarity for match in (await shelf.nearest(0)).matches]

        assert found[0] == 1.0
        for similarity, degrees in zip(found, (0, 60, 90, 180), strict=True):
            assert math.isclose(similarity, math.cos(math.radians(degrees)), abs_tol=1e-3)
            assert -1 <= similarity <= 1

    async def test_equally_near_documents_come_newest_first(self, shelf: Shelf) -> None:
        ids = [await shelf.add(20) for _ in range(4)]

        assert await shelf.ids(0) == sorted(ids, reverse=True)

    async def test_a_document_comes_once_by_its_nearest_passage(self, shelf: Shelf) -> None:
        long = await shelf.add(80, 12, 50, 11)
        short = await shelf.add(30)

        first, second = (await shelf.nearest(10)).matches

        assert (first.id, second.id) == (long, short)
        assert (first.text, first.start, first.end) == ("passage 3 at 11", 300, 315)

    async def test_a_hit_tells_what_the_document_is(self, shelf: Shelf) -> None:
        """S0-118: all fields of a hit are filled."""
        id = await shelf.add(0, type="note", namespace="elsewhere", name="one", title="First")

        [match] = (await shelf.nearest(0)).matches

        assert (match.id, match.namespace, match.type, match.name) == (id, "elsewhere", "note", "one")
        assert (match.title, match.version, match.current_version) == ("First", 1, 1)

    async def test_no_more_than_were_asked_for(self, shelf: Shelf) -> None:
        """S0-116: at most limit."""
        ids = [await shelf.add(degrees) for degrees in (1, 2, 3, 4)]

        assert await shelf.ids(0, limit=2) == ids[:2]

    async def test_many_passages_of_one_document_do_not_hide_the_others(self, shelf: Shelf) -> None:
        long = await shelf.add(*[degrees / 100 for degrees in range(400)])
        short = await shelf.add(50)

        assert await shelf.ids(0, limit=2) == [long, short]

    async def test_nothing_below_the_least_similarity(self, shelf: Shelf) -> None:
        """S0-116: nothing under the threshold is returned."""
        near = await shelf.add(20)
        await shelf.add(60)

        assert await shelf.ids(0, least_similarity=0.7) == [near]
        assert await shelf.ids(180, least_similarity=0.7) == []

    async def test_what_is_not_wanted_is_left_out(self, shelf: Shelf) -> None:
        first, second = await shelf.add(0), await shelf.add(10)

        assert await shelf.ids(0, without=[first], limit=1) == [second]

    async def test_a_vector_of_another_length_is_refused(self, shelf: Shelf) -> None:
        """S0-097, S0-105: a vector of another length is refused."""
        query = NearestQuery(organization=shelf.organization, vector=direction(0)[:-1], limit=1)
        message = ""
        try:
            await shelf.engine.nearest(query)
        except InvalidInput as error:
            message = error.message

        assert str(MODEL.dimensions) in message

    async def test_an_exact_answer_says_so(self, shelf: Shelf) -> None:
        ids = [await shelf.add(degrees) for degrees in (1, 2)]

        found = await shelf.nearest(0, exact=True)

        assert [match.id for match in found.matches] == ids
        assert found.exact

    async def test_nothing_is_near_in_an_organization_without_vectors(self, shelf: Shelf) -> None:
        assert await shelf.ids(0) == []

    async def test_vectors_are_given_back_in_the_order_of_their_passages(self, shelf: Shelf) -> None:
        """S0-113: read the point back."""
        id, other = await shelf.add(30, 60, 90), await shelf.add(10)
        await shelf.remove(other)

        held = await shelf.engine.vectors(shelf.organization, [id, other])

        assert set(held) == {id}
        assert [_degrees(vector) for vector in held[id]] == [30, 60, 90]

    async def test_vectors_that_are_known_need_not_be_made_again(self, shelf: Shelf, other: Shelf) -> None:
        await shelf.add(30, 60)
        digests = {
            degrees: other.embedded(shelf.organization, degrees).passages[0].digest for degrees in (30, 45)
        }

        known = await shelf.engine.known(shelf.organization, list(digests.values()))

        assert set(known) == {digests[30]}
        assert _degrees(known[digests[30]]) == 30
        assert await other.engine.known(other.organization, list(digests.values())) == {}


def _degrees(vector: object) -> int:
    cosine, sine = list(vector)[:2]  # type: ignore[call-overload]
    return round(math.degrees(math.atan2(float(sine), float(cosine))))
