"""Document types: registered once for all, checked when written, read as their newest version, and indexed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from pydantic import Field

import octavo
from octavo import CompositeIndex, DocumentType, Index, Octavo, Unique, upcast
from octavo.errors import (
    AlreadyExists,
    Conflict,
    IncompatibleType,
    InvalidBody,
    InvalidInput,
    InvalidSetting,
)
from octavo.postgres.administration import administering
from tests.databases import administrator, settings_of, url_of


class OldArticle(DocumentType, name="article", version=1):
    headline: str
    slug: str


class Article(DocumentType, name="article", version=2):
    title: str
    slug: Annotated[str, Unique()]
    priority: Annotated[int, Index()] = 0
    published: datetime | None = None
    reading_minutes: int = Field(default=1, alias="readingMinutes")
    __indexes__ = (CompositeIndex("title", "-priority"),)

    @upcast(from_version=1)
    @staticmethod
    def _titled(body: dict[str, Any]) -> dict[str, Any]:
        return {**body, "title": body.pop("headline")}


@pytest.fixture
def chosen(server, fresh_database) -> dict[str, Any]:
    """How to open the test's own database, with an administrator."""
    settings = settings_of(
        server, fresh_database, record_admin=url_of(server, "octavo_admin", fresh_database)
    )
    return {name: getattr(settings, name) for name in ("record", "record_system", "record_admin")}


@pytest.fixture
async def db(chosen) -> AsyncIterator[Octavo]:
    """A database with articles and their indexes."""
    async with octavo.open(**chosen, types=[Article], background=False) as opened:
        assert {state.state for state in await opened.types.apply()} == {"ready"}
        yield opened


# ------------------------------------------------------------------------------------ writing, reading


async def test_a_typed_document_comes_back_as_its_type(db: Octavo):
    article = Article(title="Hi", slug="hi", published=datetime(2026, 1, 1, tzinfo=UTC), readingMinutes=4)

    doc = await db.documents.put(article, name="typed")

    assert (doc.type, doc.schema_version) == ("article", 2)
    assert doc.body["published"] == "2026-01-01T00:00:00Z"
    assert doc.body["readingMinutes"] == 4
    assert (await db.documents.get(doc.id)).to(Article) == article
    assert [found.to(Article) async for found in db.documents.find(Article)] == [article]
    assert await db.documents.count(Article) == 1


async def test_a_plain_body_of_a_registered_type_is_checked_and_stored_as_its_model_writes_it(db: Octavo):
    """S3-062"""
    doc = await db.documents.put("article", {"title": "Hi", "slug": "hi", "priority": "7"})

    assert doc.body["priority"] == 7
    assert doc.body["published"] is None


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"slug": "a"}, "title"),
        ({"title": "secret-7f3a", "slug": "a", "priority": "secret-7f3a"}, "priority"),
        ({"title": "A", "slug": "a", "prio": 1}, "prio"),
        (["a"], "body"),
    ],
)
async def test_a_body_that_does_not_fit_is_refused_by_path_and_its_values_are_not_told(
    db: Octavo, body, path
):
    """S3-062"""
    with pytest.raises(InvalidBody) as refused:
        await db.documents.put("article", body)
    with pytest.raises(InvalidBody):
        await db.documents.put_many([{"type": "article", "body": body}])

    assert path in [problem["path"] for problem in refused.value.fields["problems"]]
    assert "secret-7f3a" not in f"{refused.value} {refused.value.as_dict()}"
    assert await db.documents.count() == 0


async def test_a_patch_whose_result_does_not_fit_changes_nothing(db: Octavo):
    doc = await db.documents.put(Article(title="Hi", slug="hi"))

    for changed in ({"priority": "5"}, {"title": None}, {"prio": 1}):
        with pytest.raises(InvalidBody):
            await db.documents.patch(doc.id, changed)
    patched = await db.documents.patch(doc.id, {"$inc": {"priority": 5}})

    assert (patched.version, patched.body["priority"], patched.schema_version) == (2, 5, 2)


async def test_a_refused_patch_inside_a_transaction_leaves_the_rest_of_it(db: Octavo):
    doc = await db.documents.put(Article(title="Hi", slug="hi"))

    async with db.transaction() as tx:
        with pytest.raises(InvalidBody):
            await tx.documents.patch(doc.id, {"priority": "high"})
        await tx.documents.patch(doc.id, {"priority": 3})

    assert (await db.documents.get(doc.id)).body["priority"] == 3


async def test_an_instance_of_a_type_nobody_registered_is_refused(db: Octavo):
    class Note(DocumentType, name="note"):
        text: str

    with pytest.raises(InvalidInput, match="Note is not registered"):
        await db.documents.put(Note(text="x"))


async def test_untyped_documents_are_welcome_beside_typed_ones(db: Octavo):
    doc = await db.documents.put("memo", {"anything": [1, {"goes": True}]})

    assert doc.schema_version == 0


async def test_a_type_costs_a_put_no_statement(db: Octavo):
    sent: list[str] = []
    stop = db.record.app.observe(sent.append)

    await db.documents.put(Article(title="Hi", slug="hi"), name="a")
    await db.documents.put("memo", {"a": 1})
    stop()

    # Readers are told beside it, now and then.
    assert len([statement for statement in sent if "pg_notify" not in statement]) == 2


# ------------------------------------------------------------------------------------ evolution


async def test_an_old_body_is_read_as_the_newest_version_and_stays_as_it_was(chosen):
    """S3-062: the schema evolves without touching what is stored."""
    async with octavo.open(**chosen, types=[OldArticle], background=False) as db:
        old = await db.documents.put(OldArticle(headline="Hi", slug="hi"), name="typed")
    async with octavo.open(**chosen, types=[Article], background=False) as db:
        read = await db.documents.get(old.id)

        assert read.body == {"headline": "Hi", "slug": "hi"}
        assert read.to(Article) == Article(title="Hi", slug="hi")
        with pytest.raises(InvalidInput, match="is of version 1 of article"):
            await db.documents.patch(old.id, {"title": "Ho"})
        brought = await db.documents.put(read.to(Article), id=old.id)
        assert (brought.schema_version, brought.body["title"]) == (2, "Hi")
        assert (await db.documents.get(old.id, version=1)).schema_version == 1
        assert (await db.documents.revert(old.id, 1)).to(Article).title == "Hi"


async def test_a_body_of_which_nobody_said_the_version_is_read_as_what_it_fits(db: Octavo, chosen):
    async with octavo.open(**chosen, background=False) as plain:
        new = await plain.documents.put("article", {"title": "New", "slug": "new"})
        old = await plain.documents.put("article", {"headline": "Old", "slug": "old"})

    assert (await db.documents.get(new.id)).to(Article).title == "New"
    assert (await db.documents.get(old.id)).to(Article).title == "Old"


async def test_an_equal_body_of_a_newer_version_is_a_change_and_an_unsaid_version_is_none(chosen):
    class Note(DocumentType, name="note", version=1):
        text: str

    class NewNote(DocumentType, name="note", version=2):
        text: str

    async with octavo.open(**chosen, types=[Note], background=False) as db:
        await db.documents.put(Note(text="x"), name="n")
    async with octavo.open(**chosen, types=[NewNote], background=False) as db:
        again = await db.documents.put(NewNote(text="x"), name="n")
    async with octavo.open(**chosen, background=False) as db:
        plain = await db.documents.put("note", {"text": "x"}, name="n")

    assert (again.changed, again.version, again.schema_version) == (True, 2, 2)
    assert (plain.changed, plain.version, plain.schema_version) == (False, 2, 2)


async def test_a_document_of_a_newer_version_is_not_guessed_at(db: Octavo):
    doc = await db.documents.put(Article(title="Hi", slug="hi"))

    with pytest.raises(InvalidInput, match="is of version 2 of article, and this is 1"):
        doc.to(OldArticle)


async def test_an_incompatible_change_under_the_same_version_is_refused_with_the_difference(
    db: Octavo, chosen
):
    class Changed(DocumentType, name="article", version=2):
        title: int
        slug: str
        author: str

    class Extended(Article, name="article", version=2):
        author: str | None = None

    with pytest.raises(IncompatibleType) as refused:
        await db.types.register(Changed)
    await db.types.register(Extended)

    assert "changed /properties/title/type" in refused.value.fields["differences"]
    assert "added /required/author" in refused.value.fields["differences"]
    assert "make it version 3" in refused.value.remedy
    assert "author" in (await db.types.show("article"))[0].declaration.schema["properties"]


async def test_registering_again_writes_nothing(db: Octavo):
    (before,) = await db.types.list()

    await asyncio.gather(*(db.types.register(Article) for _ in range(5)))

    assert await db.types.list() == [before]


async def test_a_process_without_the_right_may_use_a_registered_type_and_register_none(db: Octavo, chosen):
    async with octavo.open(
        chosen["record"], organization=str((await _default(db)).hex), types=[Article]
    ) as plain:
        with pytest.raises(InvalidBody):
            await plain.documents.put("article", {"title": "x"})
        with pytest.raises(InvalidSetting, match="record_system"):
            await plain.types.register(OldArticle)


async def test_stored_documents_are_checked_against_a_model_in_chunks(db: Octavo, chosen):
    async with octavo.open(**chosen, background=False) as plain:
        await plain.documents.put_many(
            [
                {"type": "article", "body": {"title": n if n % 400 == 0 else "t", "slug": f"s{n}"}}
                for n in range(1201)
            ]
        )

    told = await db.types.check(Article, shown=2)
    part = await db.types.check(Article, most=700)

    assert (told.checked, told.misfits, told.complete, len(told.shown)) == (1201, 4, True, 2)
    assert told.shown[0].problems[0]["path"] == "title"
    assert (part.checked, part.complete) == (700, False)


# ------------------------------------------------------------------------------------ unique, strict


async def test_a_unique_value_is_taken_once_a_namespace_and_free_after_a_deletion(db: Octavo):
    first = await db.documents.put(Article(title="A", slug="same"))

    with pytest.raises(AlreadyExists) as refused:
        await db.documents.put(Article(title="B", slug="same"))
    await db.default.namespace("other").documents.put(Article(title="B", slug="same"))
    await db.documents.put("memo", {"slug": "same"})
    await db.documents.delete(first.id)
    second = await db.documents.put(Article(title="C", slug="same"))

    assert refused.value.fields == {"type": "article", "field": "slug", "id": str(first.id)}
    with pytest.raises(AlreadyExists, match="has this slug"):
        await db.documents.restore(first.id)
    assert (await db.documents.put(Article(title="D", slug="same"), id=second.id)).version == 2


async def test_no_document_of_a_batch_stays_when_one_repeats_a_unique_value(db: Octavo):
    await db.documents.put(Article(title="A", slug="taken"))

    with pytest.raises(AlreadyExists, match="another article in 'default' has this slug"):
        await db.documents.put_many([Article(title="B", slug="free"), Article(title="C", slug="taken")])
    with pytest.raises(AlreadyExists, match="has this slug"):
        await db.documents.put_many([Article(title="B", slug="twice"), Article(title="C", slug="twice")])

    assert await db.documents.count(Article) == 1


async def test_of_many_writers_of_one_unique_value_one_succeeds(db: Octavo):
    writers = [db.documents.put(Article(title=str(n), slug="race")) for n in range(12)]

    answers = await asyncio.gather(*writers, return_exceptions=True)

    assert sum(isinstance(answer, AlreadyExists) for answer in answers) == 11
    assert await db.documents.count(Article) == 1


async def test_long_texts_lists_and_numbers_are_unique_too_and_null_may_be_anywhere(chosen):
    class Key(DocumentType, name="key"):
        value: Annotated[Any, Unique()] = None

    async with octavo.open(**chosen, types=[Key], background=False) as db:
        await db.types.apply()
        for value in ("x" * 5_000, [1, 2], 1, "1", {"a": 1}, list(range(600))):
            await db.documents.put(Key(value=value))
            with pytest.raises(AlreadyExists):
                await db.documents.put(Key(value=value))
        with pytest.raises(AlreadyExists):
            await db.documents.put(Key(value=1.0))
        await db.documents.put(Key())
        await db.documents.put(Key())


async def test_another_organization_is_never_told_of_a_unique_value(db: Octavo):
    await db.organizations.create("other")
    await db.documents.put(Article(title="A", slug="same"))

    doc = await db.organization("other").documents.put(Article(title="B", slug="same"))

    assert doc.version == 1


async def test_a_strict_namespace_takes_registered_types_only(db: Octavo):
    """S0-050, S3-062: refused by the database, whoever writes."""
    strict = db.default.namespace("strict").documents
    assert await db.types.strict("strict") == ["strict"]
    sent: list[str] = []
    stop = db.record.app.observe(sent.append)

    with pytest.raises(
        InvalidInput, match="the namespace strict takes registered types only, and memo is none"
    ):
        await strict.put("memo", {"a": 1})
    with pytest.raises(InvalidInput, match="registered types only"):
        await strict.put_many([{"type": "memo", "body": {}}])
    with pytest.raises(InvalidInput, match="registered types only"):
        await strict.put("memo", {"a": 1}, name="m", expect=0)
    await strict.put(Article(title="A", slug="a"))
    stop()

    assert len(sent) == 4
    await db.documents.put("memo", {"a": 1})
    assert await db.types.strict("strict", False) == []
    await strict.put("memo", {"a": 1})


# ------------------------------------------------------------------------------------ building


async def test_a_record_of_its_own_builds_declared_indexes_by_itself(tmp_path):
    async with octavo.open(tmp_path / "data", types=[Article]) as db:
        states = await db.types.indexes()
        while {state.state for state in states} != {"ready"}:
            states = await db.types.indexes()

        assert len(states) == 3


async def test_duplicates_keep_a_unique_index_from_being_built_and_are_named(chosen, server, fresh_database):
    async with octavo.open(**chosen, background=False) as plain:
        twins = [await plain.documents.put("article", {"title": "t", "slug": "same"}) for _ in range(2)]
        many = await plain.documents.put("article", {"title": "t", "slug": "x", "priority": [1, 2]})
    async with octavo.open(**chosen, types=[Article], background=False) as db:
        states = {state.index: state for state in await db.types.apply()}

        assert states["unique on slug"].state == "failed"
        assert states["unique on slug"].documents == (tuple(str(doc.id) for doc in twins),)
        assert states["index on priority"].documents == ((str(many.id),),)
        assert states["index on title, priority"].state == "failed"
        async with administrator(server, fresh_database) as admin:
            assert await admin.fetchval("SELECT count(*) FROM pg_index WHERE NOT indisvalid") == 0
        await db.documents.delete(twins[0].id)
        await db.documents.delete(many.id)
        assert {state.state for state in await db.types.apply()} == {"ready"}


async def test_a_build_that_was_interrupted_is_dropped_and_built_again(chosen, server, fresh_database):
    """S3-063: an index that is not complete is used by no question, and does not stay."""
    async with octavo.open(**chosen, background=False) as db:
        await db.types.register(Article)
        async with db.transaction() as tx:
            await tx.documents.put("memo", {"open": True})
            building = asyncio.create_task(db.types.apply())
            while "building" not in {state.state for state in await db.types.indexes()}:
                assert not building.done()
            building.cancel()
            await asyncio.wait({building})
        async with administrator(server, fresh_database) as admin:
            invalid = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
            assert await admin.fetchval(invalid) == 1
            assert {state.state for state in await db.types.indexes()} == {"missing"}

            assert {state.state for state in await db.types.apply()} == {"ready"}
            assert await admin.fetchval(invalid) == 0


async def test_an_index_nobody_declares_any_more_is_dropped_and_no_other_one(
    db: Octavo, server, fresh_database
):
    class Bare(DocumentType, name="article", version=3):
        title: str
        slug: str

    async with administrator(server, fresh_database) as admin:
        before = await admin.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'octavo'")
        await db.types.register(Bare)
        states = await db.types.apply()
        after = await admin.fetch("SELECT indexname FROM pg_indexes WHERE schemaname = 'octavo'")

    gone = {row["indexname"] for row in before} - {row["indexname"] for row in after}
    assert {state.name for state in states if state.state == "dropped"} == gone
    assert all(name.startswith("type_") for name in gone)
    assert len(gone) == 5


async def test_one_builder_works_at_a_time(db: Octavo, server, fresh_database):
    async with administering(server.running.dsn("octavo_admin", fresh_database), 1.0, create=False) as other:
        await other.execute("SELECT pg_advisory_lock(hashtextextended('octavo.type_index', 0))")

        with pytest.raises(Conflict, match="somebody else is building"):
            await db.types.apply(patience_seconds=0.1)
        waiting = asyncio.create_task(db.types.apply())
        await other.execute("SELECT pg_advisory_unlock_all()")

        assert {state.state for state in await waiting} == {"ready"}


async def test_writers_go_on_while_an_index_is_built_and_its_progress_is_told(chosen):
    """S3-019: a build waits for an open writer, and no writer waits for the build."""
    async with octavo.open(**chosen, background=False) as db:
        await db.documents.put("article", {"title": "t", "slug": "before", "priority": 1})
        await db.types.register(Article)
        async with db.transaction() as tx:
            await tx.documents.put("memo", {"open": True})
            building = asyncio.create_task(db.types.apply())
            while "building" not in {state.state for state in await db.types.indexes()}:
                assert not building.done()
            for n in range(20):
                await db.documents.put(Article(title="t", slug=f"w{n}", priority=-1))
            assert not building.done()

        assert {state.state for state in await building} == {"ready"}
        assert await db.documents.count(Article, where={"priority": {"$lt": 0}}) == 20


async def _default(db: Octavo) -> Any:
    await db.documents.put("memo", {})  # whoever uses it first makes it
    return (await db.organizations.get("default")).id
