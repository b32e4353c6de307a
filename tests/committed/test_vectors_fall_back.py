"""A search by meaning goes on when the engine that serves vectors is gone: by one that is kept, or by words."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import octavo
from octavo.errors import InvalidInput, Unavailable
from octavo.postgres.server import Server
from tests.engines_open import PATIENCE_SECONDS, opened
from tests.qdrant_server import qdrant_server

TEXTS = {
    "refund": "Customers may return goods within thirty days and get their money back.",
    "invoice": "The amount is due after receipt; reimbursement by bank transfer.",
    "bread": "Bake the sourdough for forty minutes in a hot oven.",
    "cake": "Mix flour, sugar and eggs; bake the cake until it is golden.",
}


@pytest.fixture(scope="module")
async def dead(server: Server) -> AsyncIterator[octavo.Octavo]:
    """A database whose vectors were moved to a Qdrant that has died since; those in the record are kept."""
    async with opened(server, background=True, vectors="postgres") as db:
        for name, text in TEXTS.items():
            await db.documents.put("article", {"title": name.title(), "text": text}, name=name)
        with qdrant_server() as qdrant:
            await db.engines.promote("vectors", f"qdrant://{qdrant.address}?retries=0", keep_seconds=None)
        yield db


@pytest.fixture(scope="module")
async def alone(server: Server) -> AsyncIterator[octavo.Octavo]:
    """The same, but nothing is kept."""
    async with opened(server, background=True, vectors="postgres") as db:
        last = await db.documents.put("article", {"text": TEXTS["refund"]}, name="refund")
        await db.search("money", after=last.position, wait_seconds=PATIENCE_SECONDS)
        with qdrant_server() as qdrant:
            await db.engines.promote("vectors", f"qdrant://{qdrant.address}?retries=0")
            await db.engines.retire("vectors", "postgres")
        yield db


@pytest.mark.parametrize("mode", ["semantic", "hybrid"])
async def test_a_kept_engine_answers_and_the_answer_says_so(dead: octavo.Octavo, mode: str) -> None:
    """S0-119: with the engine down, a flagged degraded result, never "no hits"."""
    hits = await dead.search("how do I make pastry", mode=mode, limit=2)

    assert {hit.name for hit in hits.hits} == {"bread", "cake"}
    [leg] = [leg for leg in hits.legs if leg.name == "meaning"]
    assert hits.degraded
    assert leg.instead is not None
    assert leg.instead.startswith("qdrant://")
    assert leg.missing is None


async def test_what_is_written_while_an_engine_is_dead_is_found_by_the_kept_one(dead: octavo.Octavo) -> None:
    document = await dead.documents.put("note", {"text": "A heron stands in the reeds."})

    hits = await dead.search(
        "a heron in the reeds",
        mode="semantic",
        after=document.position,
        wait_seconds=PATIENCE_SECONDS,
        limit=1,
    )

    assert [hit.id for hit in hits.hits] == [document.id]
    assert not hits.stale


async def test_what_is_similar_is_told_by_the_kept_engine(dead: octavo.Octavo) -> None:
    [bread] = (await dead.search("sourdough", limit=1)).hits

    hits = await dead.documents.similar(bread.id, limit=1)

    assert [hit.name for hit in hits.hits] == ["cake"]
    assert hits.degraded


async def test_with_no_engine_left_a_search_by_meaning_fails_unless_words_are_allowed(
    alone: octavo.Octavo,
) -> None:
    with pytest.raises(Unavailable):
        await alone.search("money", mode="semantic")

    hits = await alone.search("money", mode="semantic", fallback="stale")

    assert [hit.name for hit in hits.hits] == ["refund"]
    assert hits.degraded
    assert not hits.exact
    told = {leg.name: leg.missing for leg in hits.legs}
    assert told["words"] is None
    assert "127.0.0.1" in (told["meaning"] or "")


async def test_words_do_not_answer_what_only_vectors_can(alone: octavo.Octavo) -> None:
    for narrowing in ({"language": "en"}, {"least_similarity": 0.1}):
        with pytest.raises(Unavailable):
            await alone.search("money", mode="semantic", fallback="stale", **narrowing)


async def test_options_of_meaning_are_refused_where_they_mean_nothing(dead: octavo.Octavo) -> None:
    for mode, option in (
        ("keyword", {"least_similarity": 0.5}),
        ("keyword", {"language": "en"}),
        ("hybrid", {"language": "en"}),
        ("semantic", {"least_similarity": 2.0}),
    ):
        with pytest.raises(InvalidInput):
            await dead.search("money", mode=mode, **option)
