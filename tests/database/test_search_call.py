"""The call: what may be asked, what comes back, and what is refused."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any

import pytest

from octavo.engines.search.postgres import PostgresSearch
from octavo.errors import InvalidFilter, InvalidInput, LimitExceeded
from octavo.feed.reader import Feed
from octavo.feed.wakeup import Wakeup
from octavo.postgres.record import Record
from octavo.projections.search import SearchProjection
from octavo.search.query import Hits, Search
from octavo.store import organizations
from octavo.values.position import Position
from tests.feeds import documents_of


@pytest.fixture
async def shop(fresh_record: Record) -> Any:
    """Twelve articles and a note about refunds, indexed; gives a way to search them."""
    organization = await organizations.create(fresh_record.system, "shop")
    documents = documents_of(fresh_record, organization.id)
    for number in range(12):
        await documents.put(
            "article",
            {
                "title": f"Number {number}",
                "text": "A refund & more",
                "price": number,
                "tags": ["a", f"t{number % 3}"],
            },
            name=f"article-{number:02}",
        )
    await documents.put("note", {"text": "<b>refund</b>"}, metadata={"level": 3})
    engine = PostgresSearch(fresh_record)
    projection = SearchProjection(fresh_record.system, Feed(fresh_record.system, Wakeup()), engine)
    while await projection.step():
        pass

    async def search(text: str = "refund", **options: Any) -> Hits:
        return await Search(engine, fresh_record.app, max_limit=100).search(organization.id, text, **options)

    return search


async def _count(sent: list[str], search: Awaitable[Hits]) -> int:
    before = len(sent)
    await search
    return len(sent) - before


def names(hits: Hits) -> list[str | None]:
    return [hit.name for hit in hits.hits]


async def test_a_hit_tells_what_it_is_and_why(shop):
    hits = await shop("number refund", where={"@name": "article-07"})

    [hit] = hits.hits
    assert (hit.name, hit.title, hit.type, hit.namespace) == ("article-07", "Number 7", "article", "default")
    assert (hit.version, hit.current_version) == (1, 1)
    assert hit.highlight.startswith("A <mark>refund</mark> &amp; more")
    assert hit.score > 0
    assert (hits.cursor, hits.capped, hits.stale) == (None, False, False)
    assert hits.took_ms > 0
    assert hit.as_dict()["id"] == str(hit.id)


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ({"price": {"$gte": 10}}, {"article-10", "article-11"}),
        ({"price": {"$in": [1, 2]}, "tags": "t1"}, {"article-01"}),
        ({"@metadata.level": 3}, {None}),
        ({"$or": [{"price": 5}, {"@type": "note"}]}, {"article-05", None}),
        ({"price": "5"}, set()),
    ],
)
async def test_filters_are_those_of_find(shop, where, found):
    assert set(names(await shop(where=where))) == found


async def test_types_and_namespaces_narrow(shop):
    assert names(await shop(type="note")) == [None]
    assert len((await shop(type=["note", "article"], limit=50)).hits) == 13
    assert (await shop(namespace="elsewhere")).hits == []


async def test_pages_follow_each_other_by_their_cursor(shop):
    """S1-129: a keyset cursor."""
    whole = names(await shop(limit=50))
    found, cursor = [], None
    while True:
        page = await shop(limit=5, cursor=cursor)
        found += names(page)
        if (cursor := page.cursor) is None:
            break

    assert found == whole
    assert len(found) == 13


@pytest.mark.parametrize("order", ["price", "-price", "@created_at", "-@metadata.level"])
async def test_pages_of_an_order_follow_each_other_too(shop, order):
    """S1-127: relevance by default, another order as an option."""
    whole = names(await shop(limit=50, order=order))
    first = await shop(limit=7, order=order)
    second = await shop(limit=7, order=order, cursor=first.cursor)

    assert names(first) + names(second) == whole
    assert second.cursor is None


async def test_an_order_by_a_field_sorts_numbers_as_numbers(shop):
    found = names(await shop(type="article", limit=50, order="-price"))

    assert found == [f"article-{number:02}" for number in range(11, -1, -1)]


async def test_a_cursor_is_refused_by_another_query(shop):
    cursor = (await shop(limit=5)).cursor

    for other in ({"text": "more"}, {"type": "article"}, {"where": {"price": 5}}, {"order": "price"}):
        with pytest.raises(InvalidFilter, match="another query"):
            await shop(**{"text": "refund", "limit": 5, "cursor": cursor, **other})
    assert len((await shop(limit=3, cursor=cursor)).hits) == 3


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"text": ""}, InvalidInput),
        ({"limit": 0}, LimitExceeded),
        ({"limit": 101}, LimitExceeded),
        ({"cursor": "nonsense"}, InvalidFilter),
        ({"where": {"price": {"$near": 5}}}, InvalidFilter),
        ({"where": {"@nothing": 5}}, InvalidFilter),
        ({"order": "@nothing"}, InvalidFilter),
        ({"order": "-"}, InvalidFilter),
        ({"after": "nonsense"}, InvalidInput),
        ({"after": Position(7, 1, 1, 1)}, InvalidInput),
        ({"fallback": "sometimes"}, InvalidInput),
        ({"weights": {"heading": 2}}, InvalidInput),
        ({"boost": {"policy": 2}}, InvalidInput),
    ],
)
async def test_bad_input_is_one_clear_error(shop, options, error):
    with pytest.raises(error) as raised:
        await shop(**{"text": "refund", **options})

    assert raised.value.message
    assert raised.value.remedy


async def test_marks_may_be_chosen(shop):
    [hit] = (await shop(type="note", style=("*", "*"))).hits

    assert hit.highlight == "<b>*refund*</b>"


async def test_a_search_is_one_statement_and_one_more_for_words_it_has_not_met(shop, fresh_record):
    sent: list[str] = []
    stop = fresh_record.app.observe(sent.append)

    first, again, explained = [await _count(sent, shop(**options)) for options in ({}, {}, {"explain": True})]
    stop()

    assert (first, again, explained) == (2, 1, 2)


async def test_weights_and_boosts_decide_the_order_and_belong_to_the_cursor(shop):
    lowered = await shop(limit=1, boost={"@type": {"note": 0.01}})
    boosted = await shop(limit=1, boost={"@type": {"note": 100.0}})

    assert lowered.hits[0].type == "article"
    assert boosted.hits[0].type == "note"
    with pytest.raises(InvalidFilter, match="another query"):
        await shop(limit=1, cursor=boosted.cursor)
    assert len((await shop("number", weights={"title": 50}, explain=True)).hits) == 10


async def test_a_hit_says_why_only_if_it_is_asked_to(shop):
    [plain] = (await shop("refund", where={"@name": "article-07"})).hits
    [told] = (await shop("number refund", where={"@name": "article-07"}, explain=True)).hits

    assert plain.why is None
    assert "why" not in plain.as_dict()
    assert "number in title (weighs 10)" in told.why.text
    assert told.as_dict()["why"]["text"] == told.why.text


async def test_html_of_a_document_is_shown_and_not_obeyed(shop):
    [hit] = (await shop(type="note")).hits

    assert hit.highlight == "&lt;b&gt;<mark>refund</mark>&lt;/b&gt;"
