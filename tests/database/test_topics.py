"""Topics are kept with their words and vectors, found by meaning, and know their documents."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

import octavo
from octavo.errors import InvalidInput, InvalidSetting, LimitExceeded, NotFound
from octavo.postgres.server import Server
from octavo.values.topic import MAX_SETS, TopicDraft
from octavo.workspace import Workspace
from tests.databases import administrator, migrated_database
from tests.embedding_server import DIMENSIONS, EmbeddingServer, embedding_server
from tests.engines_open import again, name_of

MODEL = "press-topics@2"
TOPICS: list[dict[str, Any]] = [
    {"topic_id": 0, "keywords": ["refund", "money", "payment"], "coherence_score": 0.4},
    {"topic_id": 1, "name": "Baking", "keywords": ["bread", "oven", "flour"], "coherence_score": -0.1},
    {"topic_id": 7, "keywords": ["harbour", "ship", "granite"]},
]


@pytest.fixture(scope="module")
def endpoint() -> Any:
    with embedding_server() as running:
        yield running


@pytest.fixture(scope="module")
async def db(server: Server, endpoint: EmbeddingServer) -> AsyncIterator[octavo.Octavo]:
    """A database with vectors of 768 numbers, for the module."""
    options = {"vectors": "postgres", "embedder": endpoint.embedder}
    async with migrated_database(server) as name, again(server, name, **options) as opened:
        yield opened


@pytest.fixture
async def press(db: octavo.Octavo) -> Workspace:
    """An organization of the test's own."""
    return await _organization(db)


@pytest.fixture
async def kept(press: Workspace) -> Workspace:
    """The same, with three topics."""
    await press.topics.put(MODEL, TOPICS)
    return press


async def _organization(db: octavo.Octavo) -> Workspace:
    name = f"press-{uuid.uuid4().hex}"
    await db.organizations.create(name)
    return db.organization(name)


async def _belongs(press: Workspace, topic: int, share: float, model: str = MODEL) -> octavo.Document:
    """A document whose result says that it belongs to a topic."""
    document = await press.documents.put("article", {"text": f"{topic} {share}"})
    await _result(press, document.id, topic, share, model)
    return document


async def _result(press: Workspace, id: uuid.UUID, topic: int, share: float, model: str = MODEL) -> None:
    value = {
        "topic_distribution": {topic: share, 99: 1 - share},
        "dominant_topic": topic,
        "dominant_topic_score": share,
        "keywords": [],
    }
    await press.results.put(id, "topic_modeling", value, model=model)


async def test_a_set_says_whose_its_vectors_are_and_who_kept_it(press: Workspace) -> None:
    """S0-105: of their own size."""
    await press.acting("user:ann").topics.put(MODEL, TOPICS)

    [found] = await press.topics.sets()

    assert (found.reference, found.topics, found.embedder) == (MODEL, 3, "words@1")
    assert (found.dimensions, str(found.made_by)) == (DIMENSIONS, "user:ann")


async def test_a_topic_has_a_number_words_coherence_and_a_name(kept: Workspace) -> None:
    """S0-106: topic_id, model_version, keywords, coherence_score, document_count."""
    refunds, baking, harbour = await kept.topics.list(MODEL)

    assert [one.topic_id for one in (refunds, baking, harbour)] == [0, 1, 7]
    assert (refunds.model, refunds.model_version) == ("press-topics", "2")
    assert (refunds.name, refunds.keywords) == ("refund, money, payment", ["refund", "money", "payment"])
    assert (refunds.coherence_score, harbour.coherence_score) == (0.4, None)
    assert (baking.name, baking.document_count) == ("Baking", 0)
    assert refunds.as_dict()["embedder"] == "words@1"


async def test_topics_are_found_by_number_and_by_a_keyword(kept: Workspace) -> None:
    """S0-106: filter by topic_id and by a keyword in the list."""
    by_number = await kept.topics.list(MODEL, topic_id=7)
    by_word = await kept.topics.list(MODEL, keyword="oven")
    near = await kept.topics.nearest("refund", keyword="oven")
    none = await kept.topics.list(MODEL, keyword="ove")

    assert [one.topic_id for one in by_number] == [7]
    assert [one.topic_id for one in by_word] == [1]
    assert [one.topic_id for one in near] == [1]
    assert none == []
    assert (await kept.topics.get(MODEL, 1)).name == "Baking"


async def test_the_count_of_documents_follows_their_results(kept: Workspace) -> None:
    """S0-106: document_count follows the projection."""

    async def counts() -> dict[int, int | None]:
        return {one.topic_id: one.document_count for one in await kept.topics.list(MODEL)}

    first, _, third = [await _belongs(kept, topic, 0.9) for topic in (0, 0, 1)]
    await _belongs(kept, 0, 0.9, "press-topics@1")
    at_first = await counts()
    await kept.documents.delete(third.id)
    without_deleted = await counts()
    await kept.documents.put("article", {"text": "another"}, id=first.id)
    without_changed = await counts()
    await _result(kept, first.id, 7, 0.8)
    again_processed = await counts()

    assert at_first == {0: 2, 1: 1, 7: 0}
    assert without_deleted == {0: 2, 1: 0, 7: 0}
    assert without_changed == {0: 1, 1: 0, 7: 0}
    assert again_processed == {0: 1, 1: 0, 7: 1}


async def test_who_does_not_want_the_count_is_not_told_one(kept: Workspace) -> None:
    await _belongs(kept, 0, 0.9)

    assert [one.document_count for one in await kept.topics.list(MODEL, counted=False)] == [None] * 3
    assert [one.document_count for one in await kept.topics.nearest("refund", limit=1)] == [1]


async def test_documents_of_a_topic_come_by_their_share_page_by_page(kept: Workspace) -> None:
    shares = [0.6, 0.9, 0.7]
    made = {share: (await _belongs(kept, 0, share)).id for share in shares}
    await _belongs(kept, 1, 0.8)
    elsewhere = await _belongs(kept.namespace("archive"), 0, 0.5)

    found = await kept.topics.documents(MODEL, 0)
    page = await kept.topics.documents(MODEL, 0, after=found[1], limit=1)

    assert [one.share for one in found] == [0.9, 0.7, 0.6, 0.5]
    assert [one.id for one in found] == [made[0.9], made[0.7], made[0.6], elsewhere.id]
    assert found[3].namespace == "archive"
    assert page == found[2:3]
    assert await kept.topics.documents(MODEL, 0, least_share=0.65) == found[:2]


async def test_of_two_results_of_a_document_the_newest_counts(kept: Workspace) -> None:
    document = await _belongs(kept, 0, 0.9)
    value = {"topic_distribution": {1: 1.0}, "dominant_topic": 1, "dominant_topic_score": 1.0, "keywords": []}
    await kept.results.put(document.id, "topic_modeling", value, model=MODEL, options={"field": "text"})

    assert await kept.topics.documents(MODEL, 0) == []
    assert [one.id for one in await kept.topics.documents(MODEL, 1)] == [document.id]
    assert [one.document_count for one in await kept.topics.list(MODEL)] == [0, 1, 0]


async def test_the_nearest_topics_to_a_text_come_first(kept: Workspace) -> None:
    found = await kept.topics.nearest("money refund")
    near = await kept.topics.nearest("money refund", least_similarity=0.5)
    same = await kept.topics.nearest("refund, money, payment", limit=1)

    assert found[0].topic_id == 0
    assert [one.similarity for one in found] == sorted([one.similarity for one in found], reverse=True)
    assert [one.topic_id for one in near] == [0]
    assert same[0].similarity == pytest.approx(1.0)


async def test_the_nearest_topics_to_a_document_need_no_result_of_it(
    db: octavo.Octavo, kept: Workspace
) -> None:
    document = await kept.documents.put("article", {"text": "A ship left the granite harbour."})
    await db.drain(roles=("vectors",))

    found = await kept.topics.of(document.id, limit=1)

    assert [one.topic_id for one in found] == [7]
    with pytest.raises(NotFound):
        await kept.topics.of(uuid.uuid4())


async def test_documents_nearest_to_a_topic_need_no_result(db: octavo.Octavo, kept: Workspace) -> None:
    made = {
        name: (await kept.documents.put("article", {"text": text}, name=name)).id
        for name, text in {
            "baking": "Flour and bread in the oven.",
            "ship": "The ship in the harbour.",
        }.items()
    }
    await kept.documents.put("note", {"text": "Bread, bread, bread."})
    await db.drain(roles=("vectors",))

    found = await kept.topics.similar(MODEL, 1, type="article", limit=1)

    assert [hit.id for hit in found.hits] == [made["baking"]]
    assert found.exact


async def test_a_vector_of_another_length_is_refused(press: Workspace) -> None:
    """S0-105: a vector of 1 536 numbers is refused."""
    given = [{**TOPICS[0], "vector": [0.1] * 1536}]

    with pytest.raises(InvalidInput, match="1536"):
        await press.topics.put(MODEL, given)
    with pytest.raises(InvalidInput, match="1536"):
        await press.topics.nearest([0.1] * 1536)
    with pytest.raises(InvalidInput, match="length"):
        await press.topics.put(MODEL, [*given, {**TOPICS[1], "vector": [0.1] * 768}], embedder="other@1")
    assert await press.topics.sets() == []


async def test_the_database_itself_refuses_a_vector_of_another_length(
    server: Server, db: octavo.Octavo, kept: Workspace
) -> None:
    """S0-105: whoever writes it."""
    async with administrator(server, name_of(db)) as admin:
        [organization] = await admin.fetch(
            "SELECT id FROM octavo.organization_profile WHERE name LIKE 'press-%' ORDER BY id DESC LIMIT 1"
        )
        longer = "[" + ",".join(["1"] * 1536) + "]"
        insert = """
            INSERT INTO octavo.topic
                (organization_id, model, model_version, topic_id, name, keywords, dimensions, embedding)
            VALUES ($1, 'press-topics', '2', 8, 'longer', '{}', $2, $3::public.vector)"""

        with pytest.raises(asyncpg.CheckViolationError):
            await admin.execute(insert, organization["id"], DIMENSIONS, longer)
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await admin.execute(insert, organization["id"], 1536, longer)


async def test_vectors_of_another_embedder_are_kept_and_never_compared_with_these(press: Workspace) -> None:
    given = [{**topic, "vector": [float(topic["topic_id"] + 1), 1.0, 0.0]} for topic in TOPICS]
    await press.topics.put(MODEL, given, embedder="own@3")

    found = await press.topics.nearest([1.0, 1.0, 0.0], embedder="own@3", limit=1)

    assert (found[0].topic_id, found[0].embedder) == (0, "own@3")
    assert found[0].similarity == pytest.approx(1.0)
    assert await press.topics.nearest("money") == []
    with pytest.raises(InvalidInput, match="own@3"):
        await press.topics.nearest("money", model=MODEL)
    with pytest.raises(InvalidInput, match="own@3"):
        await press.topics.similar(MODEL, 0)


async def test_vectors_are_made_anew_by_what_embeds_the_database(press: Workspace) -> None:
    given = [{**topic, "vector": [1.0, 2.0, 3.0]} for topic in TOPICS]
    before = await press.topics.put(MODEL, given, embedder="own@3")

    after = await press.topics.embed(MODEL)

    assert [one.embedder for one in before + after] == ["own@3"] * 3 + ["words@1"] * 3
    assert [(one.name, one.keywords) for one in after] == [(one.name, one.keywords) for one in before]
    assert (await press.topics.nearest("harbour", model=MODEL, limit=1))[0].topic_id == 7


async def test_the_vector_of_a_topic_is_of_its_words_and_of_a_name_that_was_given(
    endpoint: EmbeddingServer, press: Workspace
) -> None:
    await press.topics.put(MODEL, TOPICS)
    await press.topics.embed(MODEL)

    assert endpoint.asked[-1] == endpoint.asked[-2]
    assert endpoint.asked[-1] == [
        "refund, money, payment",
        "Baking: bread, oven, flour",
        "harbour, ship, granite",
    ]


async def test_putting_a_version_again_replaces_its_topics_and_no_others(kept: Workspace) -> None:
    await kept.topics.put("press-topics@3", TOPICS[:1])

    await kept.topics.put(MODEL, [TopicDraft(topic_id=4, name="Only this")])

    assert [one.topic_id for one in await kept.topics.list(MODEL)] == [4]
    assert [one.topic_id for one in await kept.topics.list("press-topics@3")] == [0]


async def test_a_name_alone_means_the_set_that_was_kept_last(kept: Workspace) -> None:
    await kept.topics.put("press-topics@3", TOPICS[:1])

    assert [one.model_version for one in await kept.topics.list("press-topics")] == ["3"]


async def test_topics_of_an_environment_are_those_of_the_version_that_serves(kept: Workspace) -> None:
    for coherence in (0.1, 0.2):
        await kept.models.register("press-topics", type="topic_modeling", parameters={"coherence": coherence})
    await kept.models.promote("press-topics", 2, environment="production")

    assert [one.model_version for one in await kept.topics.list("press-topics@production")] == ["2"] * 3
    await kept.models.promote("press-topics", 1, environment="production")
    with pytest.raises(NotFound):
        await kept.topics.list("press-topics@production")


async def test_topics_of_a_model_are_made_of_what_it_tells(press: Workspace) -> None:
    told = {"words": [["refund", "money"], ["bread", "oven"]], "coherence_by_topic": [0.3, 0.1]}
    model = await press.models.register(
        "found", type="topic_modeling", performance={"validation_metrics": told}
    )
    plain = await press.models.register("plain", type="classification")

    made = await press.topics.make("found")

    assert [(one.topic_id, one.name, one.coherence_score) for one in made] == [
        (0, "refund, money", 0.3),
        (1, "bread, oven", 0.1),
    ]
    assert f"{made[0].model}@{made[0].model_version}" == model.reference
    with pytest.raises(InvalidInput, match="plain"):
        await press.topics.make(plain.reference)


async def test_erased_topics_are_gone_with_their_vectors_and_results_stay(
    server: Server, db: octavo.Octavo, kept: Workspace
) -> None:
    document = await _belongs(kept, 0, 0.9)

    gone = await kept.topics.erase(MODEL)

    assert gone == 3
    assert await kept.topics.sets() == []
    assert await kept.topics.nearest("money") == []
    assert len(await kept.results.of(document.id)) == 1
    with pytest.raises(NotFound):
        await kept.topics.erase(MODEL)


async def test_another_organization_has_none_of_them(db: octavo.Octavo, kept: Workspace) -> None:
    other = await _organization(db)

    assert await other.topics.sets() == []
    assert await other.topics.nearest("refund, money, payment") == []
    for call in (
        other.topics.list(MODEL),
        other.topics.get(MODEL, 0),
        other.topics.documents(MODEL, 0),
        other.topics.similar(MODEL, 0),
        other.topics.embed(MODEL),
        other.topics.erase(MODEL),
    ):
        with pytest.raises(NotFound):
            await call
    assert len(await kept.topics.list(MODEL)) == 3


async def test_documents_of_a_topic_are_those_of_the_organization(db: octavo.Octavo, kept: Workspace) -> None:
    other = await _organization(db)
    await other.topics.put(MODEL, TOPICS)
    await _belongs(other, 0, 0.9)

    assert await kept.topics.documents(MODEL, 0) == []
    assert (await kept.topics.get(MODEL, 0)).document_count == 0


@pytest.mark.parametrize(
    ("topics", "says"),
    [
        ([], "0 topics"),
        ([{"topic_id": 0}], "neither a name nor keywords"),
        ([{"topic_id": 0, "name": "a"}, {"topic_id": 0, "name": "b"}], "same topic_id"),
        ([{"topic_id": 0, "name": "a", "words": []}], "words"),
        ([{"topic_id": 2**40, "name": "a"}], "topic_id"),
        ([{"topic_id": 0, "name": "a" * 201}], "no name"),
        ([{"topic_id": 0, "keywords": ["a", " "]}], "no keyword"),
        ([{"topic_id": 0, "keywords": ["a"] * 101}], "101 keywords"),
        ([{"topic_id": 0, "name": "a", "coherence_score": float("nan")}], "coherence_score"),
        ([{"topic_id": 0, "name": "a", "vector": [0.0, 0.0]}], "no vector"),
        ([{"topic_id": 0, "name": "a", "vector": [1.0]}, {"topic_id": 1, "name": "b"}], "lengths"),
        ([{"topic_id": place, "name": "a"} for place in range(501)], "501 topics"),
    ],
    ids=str,
)
async def test_what_is_no_topic_is_refused_and_changes_nothing(
    kept: Workspace, topics: list[dict[str, Any]], says: str
) -> None:
    with pytest.raises(InvalidInput, match=says):
        await kept.topics.put(MODEL, topics)

    assert len(await kept.topics.list(MODEL)) == 3


async def test_a_set_names_the_version_of_its_model(press: Workspace) -> None:
    with pytest.raises(InvalidInput, match="version"):
        await press.topics.put("press-topics", TOPICS)
    for options in ({"least_similarity": 2}, {"limit": 0}):
        with pytest.raises(InvalidInput):
            await press.topics.nearest("money", **options)  # type: ignore[arg-type]


async def test_an_embedder_of_no_vectors_is_refused(press: Workspace) -> None:
    with pytest.raises(InvalidInput, match="without vectors"):
        await press.topics.put(MODEL, TOPICS, embedder="own@1")


async def test_an_organization_has_so_many_sets(press: Workspace) -> None:
    given = [{"topic_id": 0, "name": "a", "vector": [1.0]}]
    for version in range(MAX_SETS):
        await press.topics.put(f"m@{version}", given, embedder="own@1")

    with pytest.raises(LimitExceeded):
        await press.topics.put("m@more", given, embedder="own@1")
    await press.topics.put("m@0", given, embedder="own@1")

    assert len(await press.topics.sets()) == MAX_SETS


async def test_without_vectors_topics_are_kept_with_their_words(server: Server) -> None:
    async with migrated_database(server) as name, again(server, name) as plain:
        [kept, *_] = await plain.topics.put(MODEL, TOPICS)

        assert (kept.embedder, kept.keywords) == (None, TOPICS[0]["keywords"])
        assert len(await plain.topics.list(MODEL)) == 3
        for call in (
            plain.topics.nearest("money"),
            plain.topics.similar(MODEL, 0),
            plain.topics.embed(MODEL),
            plain.topics.put(MODEL, [{**TOPICS[0], "vector": [1.0]}]),
        ):
            with pytest.raises(InvalidSetting):
                await call
