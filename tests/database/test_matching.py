"""A condition of a step holds in memory exactly where PostgreSQL says that the filter holds for the same JSON."""

from __future__ import annotations

import json

import msgspec
from hypothesis import assume, given, settings

from octavo.store.filters import compile_guard
from octavo.values.filter import parse
from octavo.values.matching import holds
from tests.database.filter_model import filters, population

POPULATION = population(120, seed=11)
BODIES = [msgspec.json.encode(body) for body in POPULATION]


@given(where=filters)
@settings(max_examples=40)
async def test_a_filter_holds_in_memory_where_the_record_says_so(record, where):
    assume("$regex" not in json.dumps(where))
    asked = parse(where)
    condition, arguments = compile_guard(asked, body="body", metadata="'{}'::jsonb", first=2)

    rows = await record.app.fetch(
        f"SELECT {condition} AS holds FROM unnest($1::jsonb[]) WITH ORDINALITY AS t (body, place) ORDER BY place",
        BODIES,
        *arguments,
    )

    assert [row["holds"] for row in rows] == [holds(asked, body) for body in POPULATION]
