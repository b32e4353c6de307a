"""What the source documents ask of a record and no other test says outright, a row a test."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC

import pytest

from octavo.errors import AlreadyExists, InvalidInput, VersionConflict
from octavo.store.transaction import transaction
from octavo.values.actor import Actor, Origin
from octavo.workspace import Documents
from tests.database.conftest import documents_for


async def test_a_document_without_an_id_gets_one_and_a_given_id_is_taken_once(docs: Documents):
    """S0-045"""
    made = await docs.put("note", {"n": 1})

    assert made.id.version == 7
    with pytest.raises(AlreadyExists):
        await docs.put("note", {"n": 2}, id=made.id, expect=0)


async def test_metadata_is_an_object_and_empty_where_none_was_given(docs: Documents):
    """S0-049"""
    made = await docs.put("note", {"n": 1})

    assert (await docs.get(made.id)).metadata == {}
    with pytest.raises(InvalidInput):
        await docs.put("note", {"n": 1}, metadata=["a list"])  # type: ignore[arg-type]


async def test_metadata_cannot_be_null_or_a_list_in_the_table_either(docs: Documents, server, record):
    """S0-049"""
    made = await docs.put("note", {"n": 1})

    for wrong in ("null", "'[]'::jsonb"):
        with pytest.raises(InvalidInput):
            await record.system.execute(
                f"UPDATE octavo.document SET metadata = {wrong} WHERE id = $1", made.id
            )


async def test_times_have_an_offset_and_the_first_one_stays(docs: Documents):
    """S0-057"""
    first = await docs.put("note", {"n": 1})

    second = await docs.patch(first.id, {"n": 2})

    assert first.created_at.utcoffset() == UTC.utcoffset(None)
    assert second.created_at == first.created_at
    assert second.updated_at > first.updated_at


async def test_of_twenty_that_change_one_version_one_wins(docs: Documents):
    """S2-034, S2-035"""
    feature = await docs.put("feature", {"owner": "nobody"})
    assert feature.version == 1

    async def change(n: int) -> bool:
        try:
            await docs.patch(feature.id, {"owner": f"user-{n}"}, expect=1)
        except VersionConflict:
            return False
        return True

    won = await asyncio.gather(*(change(n) for n in range(20)))

    assert sum(won) == 1
    assert (await docs.get(feature.id)).body == {"owner": f"user-{won.index(True)}"}


async def test_many_are_read_by_one_statement_and_the_missing_are_told(docs: Documents, statements):
    """S2-055, S2-056"""
    made = await docs.put_many([{"type": "feature", "body": {"n": n}} for n in range(500)])
    absent = uuid.uuid4()
    statements.clear()

    found = await docs.get_many([absent, *(document.id for document in reversed(made))])

    assert len(statements) == 1
    assert absent not in found
    assert [document.body["n"] for document in found.values()] == list(reversed(range(500)))


async def test_put_twice_tag_read_by_tag_and_see_the_events(docs: Documents, record, organization):
    """S3-002"""
    await docs.put("page", {"text": "draft"}, name="home")
    page = await docs.put("page", {"text": "final"}, name="home")
    await docs.tag(page.id, "v1", version=1)

    tagged = await docs.get("page", name="home", tag="v1")
    rows = await record.system.fetch(
        "SELECT type FROM octavo.event WHERE organization_id = $1 AND document_id = $2 ORDER BY sequence",
        organization.id,
        page.id,
    )

    assert tagged.body == {"text": "draft"}
    assert [row["type"] for row in rows] == ["document.created", "document.updated", "tag.moved"]


async def test_documents_are_rows_that_sql_can_join(docs: Documents, record, scope):
    """S3-003, S3-010"""
    author = await docs.put("author", {"name": "Ann"})
    await docs.put("book", {"title": "Tides"}, metadata={"author": str(author.id)})

    async with transaction(record.app, scope) as tx:
        rows = await tx.runner.fetch(
            """
            SELECT book_body.value ->> 'title' AS title, author_body.value ->> 'name' AS author
            FROM octavo.document AS book
            INNER JOIN octavo.body AS book_body
                ON book_body.organization_id = $1::octavo.organization AND book_body.hash = book.body_hash
            INNER JOIN octavo.document AS author
                ON author.organization_id = $1::octavo.organization
                AND author.id = (book.metadata ->> 'author')::uuid
            INNER JOIN octavo.body AS author_body
                ON author_body.organization_id = $1::octavo.organization AND author_body.hash = author.body_hash
            WHERE book.organization_id = $1::octavo.organization AND book.type = 'book'
            """,
            scope.organization,
        )

    assert [(row["title"], row["author"]) for row in rows] == [("Tides", "Ann")]


async def test_a_draft_goes_through_staging_to_production_and_back(docs: Documents):
    """S3-005"""
    page = await docs.put("page", {"text": "one"}, name="home")
    await docs.tag(page.id, "production")
    await docs.patch(page.id, {"text": "two"})
    await docs.tag(page.id, "staging")

    await docs.tag(page.id, "production", version=2)
    promoted = await docs.get(page.id, tag="production")
    await docs.tag(page.id, "production", version=1)
    rolled_back = await docs.get(page.id, tag="production")

    assert (promoted.body, rolled_back.body) == ({"text": "two"}, {"text": "one"})
    assert (await docs.get(page.id, tag="staging")).version == 2


@pytest.mark.parametrize(
    "column", ["namespace", "type", "version", "body_hash", "created_by", "created_by_kind"]
)
async def test_what_a_head_must_have_cannot_be_null(docs: Documents, record, column):
    """S3-013, S3-015"""
    made = await docs.put("note", {"n": 1})

    with pytest.raises(InvalidInput):
        await record.system.execute(f"UPDATE octavo.document SET {column} = NULL WHERE id = $1", made.id)


@pytest.mark.parametrize("kind", ["user", "agent", "service", "system"])
async def test_each_version_names_who_made_it_and_of_what_kind(record, organization, kind):
    """S3-015"""
    docs = documents_for(record, organization, origin=Origin(Actor("nightly", kind)))

    made = await docs.put("note", {"n": 1})

    (version,) = await docs.history(made.id)
    assert version.created_by == Actor("nightly", kind)
