"""Where passages are put: segments in a row on shelves, which an organization has for itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

import pytest
from uuid_utils.compat import uuid7

from octavo.engines.search.postgres_index import PostgresIndex
from octavo.postgres.record import Record
from octavo.postgres.statements import load

_sql = load("octavo.engines.search", "postgres_index.sql")

SHELF = 16
Put = Callable[..., Awaitable[None]]


@pytest.fixture
async def owners(record: Record) -> AsyncIterator[list[UUID]]:
    """Two organizations whose passages go with the test."""
    made = [uuid7(), uuid7()]
    yield made
    for organization in made:
        await PostgresIndex(record).erase(organization, None)
        await record.system.execute(
            "DELETE FROM octavo.search_segment WHERE organization_id = $1", organization
        )


@pytest.fixture
def put(record: Record) -> Put:
    async def put(organization: UUID, passages: int = 1) -> None:
        """A document, in a segment that is full with one passage."""
        columns = [
            *([organization], [uuid7()], [0], [passages], ["default"], ["article"], [1], ["english"]),
            *([None], [None], [0], [4], ["word"]),
            *([None], [None], [None], [None], [None]),
        ]
        await record.system.execute(_sql.add_passages, 1, *columns)

    return put


async def segments(record: Record, organization: UUID, *, is_long: bool = False) -> list[int]:
    rows = await record.system.fetch(
        "SELECT segment FROM octavo.search_segment WHERE organization_id = $1 AND is_long = $2 ORDER BY segment",
        organization,
        is_long,
    )
    return [row["segment"] for row in rows]


async def test_sixteen_segments_in_a_row_fill_a_shelf_before_another_is_begun(record, owners, put):
    for _ in range(SHELF + 1):
        await put(owners[0])

    *first, second = await segments(record, owners[0])

    assert first == list(range(first[0], first[0] + SHELF))
    assert first[0] % SHELF == second % SHELF == 0
    assert second > first[-1]


async def test_no_two_organizations_and_no_two_kinds_share_a_shelf(record, owners, put):
    for _ in range(3):
        for organization in owners:
            await put(organization)
            await put(organization, passages=2)

    shelves = [
        {segment // SHELF for segment in await segments(record, organization, is_long=is_long)}
        for organization in owners
        for is_long in (False, True)
    ]

    assert [len(one) for one in shelves] == [1, 1, 1, 1]
    assert len(set.union(*shelves)) == 4


async def test_a_segment_from_before_there_were_shelves_is_not_gone_on_from(record, owners, put):
    (row,) = await record.system.fetch("SELECT nextval('octavo.search_segment_number')::integer AS old")
    await record.system.execute(
        "INSERT INTO octavo.search_segment (organization_id, segment, is_long, passages) VALUES ($1, $2, false, 1)",
        owners[0],
        row["old"],
    )

    await put(owners[0])

    old, begun = await segments(record, owners[0])
    assert old == row["old"]
    assert begun // SHELF > old // SHELF
    assert begun % SHELF == 0
