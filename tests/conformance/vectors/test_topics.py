"""The documents nearest to a topic are found by whichever engine holds the documents' vectors."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import octavo
from octavo.postgres.server import Server
from tests.databases import migrated_database
from tests.engines_open import again
from tests.qdrant_server import qdrant_server

TOPICS = [
    {"topic_id": 0, "keywords": ["refund", "money", "payment"]},
    {"topic_id": 1, "keywords": ["bread", "oven", "flour"]},
]


@pytest.fixture(scope="module", params=["postgres", "qdrant"])
async def db(request: pytest.FixtureRequest, server: Server) -> AsyncIterator[octavo.Octavo]:
    """A database whose vectors are in one of the engines, with three documents and two topics."""
    with qdrant_server() as qdrant:
        vectors = "postgres" if request.param == "postgres" else f"qdrant://{qdrant.address}"
        async with migrated_database(server) as name, again(server, name, vectors=vectors) as opened:
            for title, text in _TEXTS.items():
                await opened.documents.put("note", {"text": text}, name=title)
            await opened.topics.put("press@1", TOPICS)
            await opened.drain(roles=("vectors",))
            yield opened


_TEXTS = {
    "refunds": "Customers get their money back.",
    "bread": "Bake the sourdough for forty minutes in a hot oven.",
    "harbour": "The harbour was built of granite blocks in 1821.",
}


@pytest.mark.parametrize(("topic", "name"), [(0, "refunds"), (1, "bread")])
async def test_documents_nearest_to_a_topic_are_found(db: octavo.Octavo, topic: int, name: str) -> None:
    """S0-220: whichever engine the setting names is built and asked."""
    found = await db.topics.similar("press@1", topic, limit=3)

    assert found.hits[0].name == name
    assert len(found.hits) == 3


async def test_a_filter_narrows_them(db: octavo.Octavo) -> None:
    found = await db.topics.similar("press@1", 0, where={"text": {"$exists": True}}, least_similarity=0.3)
    none = await db.topics.similar("press@1", 0, type="letter")

    assert "refunds" in [hit.name for hit in found.hits]
    assert none.hits == []


async def test_topics_nearest_to_a_document_are_found(db: octavo.Octavo) -> None:
    document = await db.documents.get("note", name="bread")

    found: list[Any] = await db.topics.of(document.id, limit=1)

    assert [topic.topic_id for topic in found] == [1]
