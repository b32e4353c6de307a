"""Groups: counts and sums by what documents have in common, exact, and the same as plain Python's."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import octavo.sync
from octavo.errors import InvalidFilter, InvalidInput, LimitExceeded
from octavo.store import organizations
from octavo.store.scope import Limits
from octavo.values.group import Group
from octavo.workspace import Documents
from tests.database.conftest import documents_for
from tests.database.filter_model import NASTY, holds, population

POPULATION = population(300)


@pytest.fixture(scope="module")
async def populated(record) -> Documents:
    """300 documents of one organization, and nasty ones of another in the same tables."""
    ours = await organizations.create(record.system, "groups-ours")
    theirs = await organizations.create(record.system, "groups-theirs")
    await documents_for(record, theirs).put_many([{"type": "thing", "body": body} for body in NASTY * 20])
    docs = documents_for(record, ours)
    await docs.put_many(
        [{"type": "thing", "body": body, "name": str(n)} for n, body in enumerate(POPULATION)]
    )
    return docs


async def sell(docs: Documents) -> None:
    """Six sales in three cities; one price is no number and one is missing."""
    prices: list[tuple[str, Any]] = [
        ("Bern", 10),
        ("Bern", 0.1),
        ("Bern", 0.2),
        ("Ulm", 7.5),
        ("Ulm", "on request"),
        ("Rome", None),
    ]
    await docs.put_many(
        [
            {"type": "sale", "name": str(n), "body": {"city": city} | ({"price": price} if price else {})}
            for n, (city, price) in enumerate(prices)
        ]
    )


async def test_documents_are_counted_by_what_they_have_in_common_the_most_first(docs: Documents, statements):
    """S4-108, S2-015"""
    await sell(docs)
    statements.clear()

    groups = await docs.group("sale", by="city")

    assert [(group.by, group.count) for group in groups] == [
        ({"city": "Bern"}, 3),
        ({"city": "Ulm"}, 2),
        ({"city": "Rome"}, 1),
    ]
    assert (groups.total, len(groups), len(statements)) == (3, 3, 1)


async def test_numbers_are_added_up_exactly_and_what_is_none_is_left_out_and_counted(docs: Documents):
    await sell(docs)

    bern, ulm, rome = await docs.group(
        "sale", by="city", sum="price", min="price", max="price", avg=["price"]
    )

    assert bern.sum["price"] == Decimal("10.3")
    assert (bern.min["price"], bern.max["price"], bern.left_out["price"]) == (Decimal("0.1"), 10, 0)
    assert bern.avg["price"] is not None
    assert abs(bern.avg["price"] - Decimal("10.3") / 3) < Decimal("1e-15")
    assert (ulm.sum["price"], ulm.avg["price"], ulm.left_out["price"]) == (Decimal("7.5"), Decimal("7.5"), 1)
    assert (rome.sum["price"], rome.min["price"], rome.left_out["price"]) == (None, None, 1)


async def test_without_by_all_documents_are_one_group_also_when_there_are_none(docs: Documents):
    await sell(docs)

    (everything,) = await docs.group("sale", sum="price")
    (nothing,) = await docs.group("purchase", sum="price")

    assert (everything.by, everything.count, everything.sum["price"]) == ({}, 6, Decimal("17.8"))
    assert (nothing.count, nothing.sum["price"], nothing.left_out["price"]) == (0, None, 0)


keys = st.lists(st.sampled_from(["a", "b", "c", "a.b", "b.a"]), min_size=1, max_size=2, unique=True)


@given(keys=keys, where=st.sampled_from([{}, {"a": 1}, {"b": {"$exists": True}}, {"c": {"$gte": 1}}]))
@settings(max_examples=60)
async def test_groups_are_those_that_plain_python_makes(populated: Documents, keys, where):
    matching = [body for body in POPULATION if holds(where, body)]
    expected = Counter(_canonical([_value(body, key.split(".")) for key in keys]) for body in matching)
    sums: dict[bytes, Decimal] = defaultdict(Decimal)
    for body in matching:
        number = _value(body, ["c"])
        if isinstance(number, int | float) and not isinstance(number, bool):
            sums[_canonical([_value(body, key.split(".")) for key in keys])] += Decimal(str(number))

    groups = await populated.group("thing", by=keys, sum="c", where=where, limit=1_000)

    assert {_canonical(list(group.by.values())): group.count for group in groups} == expected
    assert {_canonical(list(g.by.values())): g.sum["c"] for g in groups if g.sum["c"] is not None} == sums
    assert sum(group.left_out["c"] for group in groups) == sum(
        not _is_number(body.get("c")) for body in matching
    )


async def test_no_stored_value_can_disturb_a_sum(docs: Documents):
    huge = 10**4_000
    await docs.put_many(
        [{"type": "thing", "body": body} for body in [*NASTY, {"a": huge}, {"a": -huge}, {"a": 1}]]
    )

    (everything,) = await docs.group("thing", sum=["a", "b", "c"], avg=["a", "c"], min="a")
    by_nasty_values = await docs.group("thing", by=["a", "b", "c"])

    # 1e308 and 10**300 and the one; what has four thousand digits is left out.
    assert int(everything.sum["a"] or 0) == 10**308 + 10**300 + 1
    assert everything.left_out["a"] == len(NASTY)
    assert everything.sum["c"] == Decimal("5e-324")
    assert by_nasty_values.total == len(NASTY) + 3


async def test_attributes_and_periods_and_metadata_group_too(docs: Documents, record, organization):
    await docs.put("sale", {"n": 1}, name="a", metadata={"source": "web"})
    await docs.put("sale", {"n": 2}, metadata={"source": "web"})
    await docs.put("refund", {"n": 3}, metadata={"source": "shop"})
    await record.system.execute(
        "UPDATE octavo.document_filter SET created_at = $2 WHERE organization_id = $1 AND type = 'refund'",
        organization.id,
        datetime(2026, 3, 1, 0, 30, tzinfo=UTC),
    )

    async def counts(*by: str, order: str = "-count") -> list[tuple[list[Any], int]]:
        return [(list(group.by.values()), group.count) for group in await docs.group(by=by, order=order)]

    today = datetime.now(UTC).strftime("%Y-%m-%d")
    assert await counts("@type", "@created_by") == [(["sale", "ann"], 2), (["refund", "ann"], 1)]
    assert await counts("@metadata.source", order="@metadata.source") == [(["shop"], 1), (["web"], 2)]
    assert await counts("@created_at.day", order="count") == [(["2026-03-01"], 1), ([today], 2)]
    assert await counts("@created_at.hour", order="count") == [
        (["2026-03-01T00:00Z"], 1),
        ([datetime.now(UTC).strftime("%Y-%m-%dT%H:00Z")], 2),
    ]
    assert await counts("@created_at.month", "@created_at.year", order="count") == [
        (["2026-03", "2026"], 1),
        ([today[:7], today[:4]], 2),
    ]
    assert await counts("@name", "@version", order="-@name") == [(["a", 1], 1), ([None, 1], 2)]


async def test_the_answer_has_at_most_limit_groups_and_says_how_many_there_are(docs: Documents):
    await docs.put_many([{"type": "sale", "body": {"n": n}} for n in range(12)])

    groups = await docs.group("sale", by="n", order="-n", limit=3)

    assert [group.by["n"] for group in groups] == [11, 10, 9]
    assert groups.total == 12


async def test_what_no_index_finds_is_refused_beyond_max_scanned_and_what_one_finds_is_not(
    record, organization
):
    docs = documents_for(record, organization, limits=Limits(scanned=50))
    await docs.put_many([{"type": "sale", "body": {"n": n, "even": n % 2 == 0}} for n in range(120)])

    with pytest.raises(LimitExceeded, match=r"grouping documents by n would have to look at more than 50"):
        await docs.group("sale", by="even", where={"n": {"$gte": 1_000}})

    assert [group.count for group in await docs.group("sale", by="even")] == [60, 60]
    assert [group.count for group in await docs.group("sale", sum="n", where={"even": True})] == [60]


async def test_a_group_holds_no_other_organizations_or_namespaces_documents(
    docs, record, scope, other_organization
):
    await sell(docs)
    await sell(documents_for(record, other_organization))
    await sell(documents_for(record, type("O", (), {"id": scope.organization}), namespace="elsewhere"))

    assert [group.count for group in await docs.group("sale", by="@namespace")] == [6]
    everywhere = await docs.group(
        "sale", by="@namespace", where={"@namespace": {"$in": ["default", "elsewhere"]}}
    )
    assert [group.count for group in everywhere] == [6, 6]


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({}, ["nothing to group by", "count()"]),
        ({"by": "@id"}, ["@id is nothing to group by"]),
        ({"by": "@created_at"}, ["@created_at.hour or @created_at.day"]),
        ({"by": "@created_at.week"}, ["@created_at.week", "@created_at.day"]),
        ({"by": "@metadata"}, ["@metadata is nothing to group by"]),
        ({"by": "@tpye"}, ["'@tpye'", "did you mean @type?"]),
        ({"sum": "@version"}, ["@version is no number"]),
        ({"by": "a", "order": "b"}, ["'b'", "order by count"]),
        ({"by": [f"f{n}" for n in range(9)]}, ["9 names", "8"]),
        ({"by": [5]}, ["5 is not the name of a field"]),
    ],
)
async def test_what_cannot_be_grouped_is_refused_with_the_way_out(docs: Documents, asked, words):
    with pytest.raises(InvalidFilter) as refused:
        await docs.group("sale", **asked)

    assert [word for word in words if word not in str(refused.value)] == []


async def test_limits_of_the_answer_are_checked(docs: Documents):
    with pytest.raises(InvalidInput, match="limit is 0"):
        await docs.group(by="a", limit=0)
    with pytest.raises(LimitExceeded, match="1001 groups"):
        await docs.group(by="a", limit=1_001)


def test_groups_come_without_await_too(server, record):
    with octavo.sync.open(server.running.data) as db:
        db.documents.put("synchronous", {"city": "Bern"})

        groups = db.documents.group("synchronous", by="city")

        assert list(groups) == [Group(by={"city": "Bern"}, count=1)]


def _value(body: Any, path: list[str]) -> Any:
    """What is at a path: the value, the list of several, None for nothing."""
    found = [body]
    for key in path:
        places = [place for value in found for place in (value if isinstance(value, list) else [value])]
        found = [place[key] for place in places if isinstance(place, dict) and key in place]
    return found[0] if len(found) == 1 else found or None


def _canonical(value: Any) -> bytes:
    """JSON in which equal numbers are written the same way."""
    return msgspec.json.encode(_plain(value), order="sorted")


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(element) for element in value]
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
