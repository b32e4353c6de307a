"""What people looked for is kept with their consent, for a while, and forgotten when they say so."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

import octavo
from octavo.errors import InvalidInput, InvalidSetting
from octavo.postgres.server import Server
from octavo.workspace import Workspace
from tests.databases import administrator, migrated_database
from tests.embedding_server import EmbeddingServer, embedding_server
from tests.engines_open import again, name_of


@pytest.fixture(scope="module")
async def db(server: Server) -> AsyncIterator[octavo.Octavo]:
    """A database with vectors, for the module."""
    async with migrated_database(server) as name, again(server, name, vectors="postgres") as opened:
        yield opened


@pytest.fixture
async def shop(db: octavo.Octavo) -> Workspace:
    """An organization of the test's own, with an article; Ann acts."""
    name = f"shop-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    view = db.organization(name).acting("user:ann")
    await view.documents.put("article", {"text": "Customers get their money back."})
    await db.drain(roles=("search", "vectors"))
    return view


async def test_without_consent_nothing_is_kept(shop: Workspace) -> None:
    """S0-108: off unless it was allowed, whatever the application asks."""
    await shop.search("money", remember=True)

    assert await shop.queries.list() == []
    assert await shop.queries.consents() == []


async def test_without_being_asked_to_nothing_is_kept(shop: Workspace) -> None:
    await shop.queries.allow()

    await shop.search("money")

    assert await shop.queries.list() == []


@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
async def test_a_query_is_kept_with_its_vector_and_what_was_found(shop: Workspace, mode: str) -> None:
    """S0-107, S0-108: user, text, time, result count and vector."""
    consent = await shop.queries.allow(days=7)

    await shop.search("money", mode=mode, remember=True)  # type: ignore[arg-type] - one of the modes

    [kept] = await shop.queries.list()
    assert (str(kept.actor), kept.text, kept.mode, kept.found) == ("user:ann", "money", mode, 1)
    assert (kept.expires_at - kept.asked_at).days in {6, 7}
    assert kept.asked_at > consent.given_at
    assert kept.model is not None
    assert kept.model.startswith("wordllama")


async def test_similar_queries_are_found_by_meaning(shop: Workspace) -> None:
    await shop.queries.allow()
    for text in ("how do I bake bread", "get my money returned", "opening hours"):
        await shop.search(text, remember=True)

    found = await shop.queries.similar("refund of money", limit=2)
    none = await shop.queries.similar("refund of money", least_similarity=0.99)

    assert found[0].text == "get my money returned"
    assert found[0].similarity >= found[1].similarity
    assert none == []


async def test_erasing_an_actor_forgets_their_queries_and_their_consent(shop: Workspace) -> None:
    """S0-108: erasing a user removes their query vectors, and nobody else's."""
    bob = shop.acting("user:bob")
    for view in (shop, bob):
        await view.queries.allow()
        await view.search("money", remember=True)

    gone = await shop.queries.erase("user:ann")
    await shop.search("money", remember=True)

    assert gone == 1
    assert [str(one.actor) for one in await shop.queries.list()] == ["user:bob"]
    assert [str(one.actor) for one in await shop.queries.consents()] == ["user:bob"]
    assert await shop.queries.list(actor="user:ann") == []


async def test_what_is_past_its_days_is_in_no_answer_and_upkeep_forgets_it(
    server: Server, db: octavo.Octavo, shop: Workspace
) -> None:
    """S0-108: entries past the window are gone."""
    await shop.queries.allow(days=1)
    await shop.search("money", remember=True)
    [kept] = await shop.queries.list()
    async with administrator(server, name_of(db)) as admin:
        await admin.execute(
            "UPDATE octavo.remembered_query SET asked_at = now() - interval '2 days',"
            " expires_at = now() - interval '1 day' WHERE id = $1",
            kept.id,
        )

        assert await shop.queries.list() == []
        assert await shop.queries.list(actor="user:ann") == []
        assert await shop.queries.similar("money") == []
        due = {one.task: one.changed for one in await db.maintain(dry_run=True)}
        done = {one.task: one.changed for one in await db.maintain()}

        assert (due["queries"], done["queries"]) == (1, 1)
        assert (
            await admin.fetchval("SELECT count(*) FROM octavo.remembered_query WHERE id = $1", kept.id) == 0
        )


async def test_another_organization_sees_nothing_of_it(db: octavo.Octavo, shop: Workspace) -> None:
    await shop.queries.allow()
    await shop.search("money", remember=True)
    name = f"other-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    other = db.organization(name)

    assert await other.queries.list() == []
    assert await other.queries.similar("money") == []
    assert await other.queries.consents() == []
    assert await other.queries.erase("user:ann") == 0
    assert len(await shop.queries.list()) == 1


async def test_further_pages_are_no_further_queries_and_listings_go_on(shop: Workspace) -> None:
    await shop.queries.allow()
    await shop.documents.put("article", {"text": "Money, money."})
    page = await shop.search("money", limit=1, remember=True, after=None)
    if page.cursor:
        await shop.search("money", limit=1, cursor=page.cursor, remember=True)
    await shop.search("bread", remember=True)

    newest, older = await shop.queries.list()

    assert [one.text for one in await shop.queries.list(before=newest.id)] == [older.text]
    assert len(await shop.queries.list(limit=1)) == 1


async def test_days_out_of_range_are_refused(shop: Workspace) -> None:
    for days in (0, 4_000):
        with pytest.raises(InvalidInput):
            await shop.queries.allow(days=days)
    with pytest.raises(InvalidInput):
        await shop.queries.similar("money", least_similarity=2)


async def test_without_vectors_the_words_are_kept_alone(server: Server) -> None:
    async with migrated_database(server) as name, again(server, name) as plain:
        await plain.queries.allow()
        await plain.search("money", remember=True)

        [kept] = await plain.queries.list()
        assert (kept.text, kept.model) == ("money", None)
        with pytest.raises(InvalidSetting):
            await plain.queries.similar("money")


@pytest.fixture(scope="module")
async def counted(server: Server) -> AsyncIterator[tuple[EmbeddingServer, octavo.Octavo]]:
    """A database whose embedder counts what it is asked."""
    with embedding_server() as endpoint:
        options = {"vectors": "postgres", "embedder": endpoint.embedder}
        async with migrated_database(server) as name, again(server, name, **options) as db:
            yield endpoint, db


@pytest.mark.parametrize("mode", ["keyword", "semantic", "hybrid"])
async def test_a_query_that_is_kept_is_embedded_once(
    counted: tuple[EmbeddingServer, octavo.Octavo], mode: str
) -> None:
    endpoint, db = counted
    actor = db.default.acting(f"user:{mode}")
    await actor.queries.allow()
    before = len(endpoint.asked)

    await actor.search(f"money {mode}", mode=mode, remember=True)  # type: ignore[arg-type]  # one of the modes

    [kept] = await actor.queries.list(actor=f"user:{mode}")
    assert endpoint.asked[before:] == [[f"money {mode}"]]
    assert (kept.text, kept.model) == (f"money {mode}", "words@1")
