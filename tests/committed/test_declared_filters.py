"""What filters and orders find is the same with declared indexes and without."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import octavo
from octavo.errors import Contention, InvalidInput, LimitExceeded
from octavo.operations import indexes
from octavo.postgres.record import Record, open_record
from octavo.store import organizations, types
from octavo.store.filters import conjuncts
from octavo.store.known import KnownTypes
from octavo.store.leads import TypeIndex, narrowing_lead
from octavo.store.scope import Limits
from octavo.values.declared import Declaration, DeclaredIndex
from octavo.values.filter import parse
from octavo.workspace import Documents
from tests.database.conftest import documents_for
from tests.database.filter_model import NASTY, conditions, filters, holds, numbers, population, words
from tests.databases import migrated_database, settings_of, url_of

DECLARED = ["a", "b", "a.b", "c"]
THING = Declaration(
    "thing",
    1,
    {"type": "object"},
    (
        *(DeclaredIndex.of("index", [name]) for name in DECLARED),
        DeclaredIndex.of("index", ["c", "a"]),
        DeclaredIndex.of("index", ["b", "a"], {"c": {"$exists": True}}),
    ),
)


def scalars(path: list[str], value: Any, lists: int = 2) -> list[Any]:
    """Scalars at a path as an index finds them: in a list, and in a list in that."""
    if path:
        places = value if isinstance(value, list) else [value]
        inner = [place[path[0]] for place in places if isinstance(place, dict) and path[0] in place]
        return [found for one in inner for found in scalars(path[1:], one, lists)]
    elements = [value]
    for _ in range(lists):
        elements = unwrapped(elements)
    return [one for one in elements if not isinstance(one, list | dict)]


def unwrapped(values: list[Any]) -> list[Any]:
    return [inner for value in values for inner in (value if isinstance(value, list) else [value])]


def is_single(body: Mapping[str, Any]) -> bool:
    return all(len(scalars(name.split("."), body)) <= 1 for name in DECLARED)


def has_list_in_list(body: Mapping[str, Any]) -> bool:
    """Whether a scalar of a declared field is in a list in a list."""
    return any(scalars(name.split("."), body) != scalars(name.split("."), body, 1) for name in DECLARED)


SINGLE = [body for body in population(900) if is_single(body) and not has_list_in_list(body)]
NESTED = [body for body in population(900) if is_single(body) and has_list_in_list(body)]
MANY = [body for body in population(900) if not is_single(body)]
ranges = st.dictionaries(
    st.sampled_from(DECLARED),
    st.one_of(
        st.dictionaries(
            st.sampled_from(["$gt", "$gte", "$lt", "$lte"]), numbers | words, min_size=1, max_size=2
        ),
        st.fixed_dictionaries({"$prefix": words}),
        st.fixed_dictionaries({"$exists": st.booleans()}),
        st.none(),
        numbers,
        words,
    ),
    min_size=1,
    max_size=3,
)


@pytest.fixture(scope="module")
async def typed(server) -> AsyncIterator[tuple[Record, KnownTypes]]:
    """A database of its own with the declared indexes of `thing`, all of them ready."""
    async with migrated_database(server) as name:
        chosen = settings_of(server, name, record_admin=url_of(server, "octavo_admin", name))
        record = await open_record(chosen)
        await types.register(record.system, THING, "test", None)
        assert {state.state for state in await indexes.apply(chosen, record.system)} == {"ready"}
        known = KnownTypes()
        await types.refresh(record.app, known)
        yield record, known
        await record.close()


@pytest.fixture(scope="module")
async def populated(typed) -> Documents:
    """Documents with one value a declared field, and nasty ones of another organization in the same tables."""
    record, known = typed
    ours = await organizations.create(record.system, "ours")
    theirs = await organizations.create(record.system, "theirs")
    await documents_for(record, theirs).put_many(
        [{"type": "thing", "body": body} for body in NASTY if is_single(body) and not has_list_in_list(body)]
        * 5
    )
    docs = documents_for(record, ours, types=known)
    drafts = [{"body": body, "name": str(n)} for n, body in enumerate(SINGLE)]
    for type in ("thing", "twin"):
        await docs.put_many([{"type": type, **draft} for draft in drafts])
    return docs


async def names(docs: Documents, type: str, where: Mapping[str, Any], **options: Any) -> list[str]:
    return [document.name or "" async for document in docs.find(type, where=where, **options)]


@given(where=filters | conditions | ranges)
@settings(max_examples=150)
async def test_a_filter_finds_what_plain_python_finds_with_every_index_declared(populated: Documents, where):
    """S3-009"""
    expected = [str(n) for n, body in enumerate(SINGLE) if holds(where, body)]

    assert sorted(await names(populated, "thing", where)) == sorted(expected)
    assert await populated.count("thing", where=where) == len(expected)


@given(
    where=ranges | st.just({}),
    order=st.sampled_from([*DECLARED, *(f"-{name}" for name in DECLARED)]),
    limit=st.integers(3, 200),
)
@settings(max_examples=150)
async def test_an_order_is_the_same_with_an_index_and_without(populated: Documents, where, order, limit):
    """Documents equal in the order are told apart by their ids, which rose alike in both types."""
    declared = await names(populated, "thing", where, order=order, limit=limit)

    assert declared == await names(populated, "twin", where, order=order, limit=limit)


def test_every_range_of_a_declared_field_is_led_by_its_index(typed):
    """Or the tests above would show nothing."""
    _, known = typed
    for where in ({"a": {"$gte": 1}}, {"a.b": {"$prefix": "x"}}, {"b": {"$exists": False}}, {"c": None}):
        parts = conjuncts(parse({**where, "@type": "thing", "@namespace": "default"}).root)

        assert narrowing_lead(parts, known.ready("thing")) is not None, where


@pytest.mark.parametrize("body", MANY[:20], ids=lambda body: str(body)[:30])
async def test_a_second_value_in_a_declared_field_is_refused_by_the_database(populated: Documents, body):
    """Also of a writer that knows of no type."""
    with pytest.raises(InvalidInput, match="holds more than one value"):
        await populated.put("thing", body)

    await populated.put("other", body)


@pytest.mark.parametrize("body", NESTED[:10], ids=lambda body: str(body)[:30])
async def test_a_list_in_a_list_in_a_declared_field_is_refused_by_the_database(populated: Documents, body):
    with pytest.raises(InvalidInput, match="holds a list in a list"):
        await populated.put("thing", body)


async def test_a_value_too_long_for_an_index_is_refused_with_its_field(populated: Documents):
    with pytest.raises(InvalidInput, match=r"the field a .* more than 1050 bytes"):
        await populated.put("thing", {"a": "x" * 1_500, "c": "y"})


@pytest.mark.parametrize(
    "value", [10**300, 1e308, -1e308, 5e-324, "x" * 5_000, {}, [], [[]], [7], None, "\U0010ffff"]
)
async def test_no_value_is_too_odd_for_an_index(populated: Documents, value):
    doc = await populated.put("thing", {"a": value})

    found = [one.id async for one in populated.find("thing", where={"a": {"$exists": True}}, order="-a")]

    assert doc.id in found
    await populated.purge(doc.id)


async def test_a_range_of_any_size_is_answered_where_it_was_refused_without_an_index(typed):
    record, known = typed
    organization = await organizations.create(record.system, "frugal")
    docs = documents_for(record, organization, types=known, limits=Limits(scanned=100))
    for type in ("thing", "twin"):
        await docs.put_many([{"type": type, "body": {"a": n}} for n in range(400)])

    found = [one.body["a"] async for one in docs.find("thing", where={"a": {"$lt": 300}}, order="-a")]

    assert found == list(range(299, -1, -1))
    assert await docs.count("thing", where={"a": {"$gte": 1}}) == 399
    with pytest.raises(LimitExceeded) as refused:
        await docs.find("twin", order="-a").page()
    assert (
        "declare an index on the field 'a' of twin: `a: Annotated[…, octavo.Index()]`" in refused.value.remedy
    )


@pytest.mark.parametrize("inside", [False, True])
async def test_an_index_that_was_dropped_meanwhile_is_never_taken_for_complete(server, inside):
    """A process that has not heard of it asks again without it; in a transaction, which has failed, the caller does."""
    async with migrated_database(server) as name:
        chosen = settings_of(server, name, record_admin=url_of(server, "octavo_admin", name))
        async with octavo.open(chosen.record, record_system=chosen.record_system, background=False) as db:
            await types.register(db.record.system, THING, "test", None)
            await indexes.apply(chosen, db.record.system)
            await db.types.register()
            await types.register(db.record.system, Declaration("thing", 2, {"type": "object"}), "test", None)
            dropped = await indexes.apply(chosen, db.record.system)
            await db.documents.put("thing", {"a": [1, 9]}, name="late")
            where = {"a": {"$gte": 5}}

            if inside:
                with pytest.raises(Contention, match="was dropped"):
                    async with db.transaction() as tx:
                        await tx.documents.count("thing", where=where)

            assert [one.name async for one in db.documents.find("thing", where=where)] == ["late"]
            assert {state.state for state in dropped} == {"dropped"}


@pytest.mark.parametrize(
    ("where", "leads"),
    [
        ({"a": {"$lt": "a"}}, False),
        ({"a": {"$prefix": "a"}}, False),
        ({"a": {"$lt": 1}}, True),
        ({"a": {"$exists": True}}, True),
    ],
)
def test_where_a_database_orders_text_by_language_an_index_leads_to_no_range_of_texts(where, leads):
    """Filters compare by code point: there B stands before a, and in English behind it."""
    english = [TypeIndex("thing", index, by_code_point=False) for index in THING.indexes]
    parts = conjuncts(parse({**where, "@type": "thing", "@namespace": "default"}).root)

    assert (narrowing_lead(parts, english) is not None) == leads
