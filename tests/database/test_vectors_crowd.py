"""Among many passages that are nearly the same the nearest are found, not any of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from uuid_utils.compat import uuid7

from octavo.engines.vectors.postgres import PostgresVectors
from octavo.postgres.record import open_record
from octavo.postgres.server import Server
from octavo.roles.embedder import Model
from octavo.roles.state import Cursor
from octavo.roles.vectors import Embedded, EmbeddedPassage, NearestQuery
from octavo.values.position import Position
from tests.databases import administrator, migrated_database, settings_of

MODEL = Model("crowd", "1", 16)
OWNER = UUID(int=7)
COPIES, OTHERS = 300, 200
# Heads of documents that are live; nothing else of them is asked for.
HEADS = """
INSERT INTO octavo.document (
    organization_id, id, namespace, type, version, body_hash, created_at, created_by, created_by_kind,
    updated_at, updated_by, updated_by_kind, event_sequence, epoch, position_xid, position_id)
SELECT $1, id, 'default', 'note', 1, sha256(''), now(), 'ann', 'user', now(), 'ann', 'user', 1, 1, '1', 1
FROM unnest($2::uuid []) AS id
"""


def _unit(numbers: Any) -> Any:
    return (numbers / np.linalg.norm(numbers, axis=-1, keepdims=True)).astype(np.float32)


def _embedded(id: UUID, vector: Any) -> Embedded:
    passage = EmbeddedPassage(ordinal=0, start=0, end=1, text="x", digest=id.bytes, vector=vector)
    return Embedded(
        organization=OWNER,
        id=id,
        namespace="default",
        type="note",
        version=1,
        title=None,
        language=None,
        author="user:ann",
        created_at=datetime.now(UTC),
        passages=[passage],
    )


@pytest.fixture(scope="module")
async def engine(server: Server) -> AsyncIterator[PostgresVectors]:
    """An indexed shelf: copies of one vector with small changes, and others far from it."""
    chance = np.random.default_rng(11)
    copies = _unit(np.eye(16)[0] + 0.02 * chance.normal(size=(COPIES, 16)))
    vectors = np.concatenate([copies, _unit(chance.normal(size=(OTHERS, 16)))])
    ids = [uuid7() for _ in vectors]
    async with migrated_database(server) as name:
        record = await open_record(settings_of(server, name))
        async with administrator(server, name) as admin:
            await admin.execute(HEADS, OWNER, ids)
        made = PostgresVectors(record, MODEL, indexed_from=100)
        before = await made.position()
        after = Cursor(before.generation, Position(0, 1, 1, 1))
        await made.apply(list(map(_embedded, ids, vectors)), before, after)
        yield made
        await record.close()


async def test_in_a_crowd_all_are_compared(engine: PostgresVectors) -> None:
    asked = NearestQuery(organization=OWNER, vector=_unit(np.eye(16)[0]), limit=10)

    found = await engine.nearest(asked)

    assert found.exact
    assert len(found.matches) == 10


async def test_elsewhere_the_index_is_asked_and_a_caller_who_wants_it_gets_it(
    engine: PostgresVectors,
) -> None:
    apart = NearestQuery(organization=OWNER, vector=_unit(-np.eye(16)[0]), limit=10)
    crowd = NearestQuery(organization=OWNER, vector=_unit(np.eye(16)[0]), limit=10, exact=False)

    assert not (await engine.nearest(apart)).exact
    assert not (await engine.nearest(crowd)).exact
