"""Documents: put, get, put_many, against raw asyncpg writing the same rows and against SQLAlchemy."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import DateTime, String, Uuid, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from uuid_utils.compat import uuid7

from benchmarks.measure import LIMIT, OURS, Contestant, Row, compete
from octavo import Octavo
from octavo.postgres.statements import load

BODY = {
    "title": "Refund policy",
    "status": "draft",
    "text": "Every bag that arrives stale is refunded. " * 22,
}
PEER = "SQLAlchemy ORM"

_sql = load("benchmarks", "documents.sql")


class Base(DeclarativeBase):
    """SQLAlchemy's tables."""


class Article(Base):
    """A document as one would model it with an ORM: one row, JSONB body."""

    __tablename__ = "sqlalchemy_article"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    type: Mapped[str] = mapped_column(String(100))
    body: Mapped[dict[str, Any]] = mapped_column(JSONB)
    created_at: Mapped[Any] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Happening(Base):
    """The event beside it."""

    __tablename__ = "sqlalchemy_event"
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True, default=uuid7)
    type: Mapped[str] = mapped_column(String(100))
    article_id: Mapped[UUID] = mapped_column(Uuid)


class Raw:
    """asyncpg alone, as a superuser without row-level security."""

    def __init__(self, pool: asyncpg.Pool, organization: UUID) -> None:
        self.pool = pool
        self.organization = organization
        self.serial = 0

    def row(self) -> tuple[UUID, bytes, str, str, str]:
        """Id, hash, body, stream and event data of one more document."""
        self.serial += 1
        id = uuid7()
        body = json.dumps({**BODY, "serial": self.serial, "raw": True})
        digest = hashlib.sha256(body.encode()).digest()
        return id, digest, body, f"document-{id}", json.dumps({"version": 1, "hash": digest.hex()})

    async def put(self, times: int) -> None:
        """Write documents one at a time on one connection."""
        async with self.pool.acquire() as connection:
            for _ in range(times):
                await connection.fetchrow(_sql["put"], self.organization, *self.row())

    async def put_many(self, times: int) -> None:
        """Write documents in one statement of arrays."""
        rows = [self.row() for _ in range(times)]
        async with self.pool.acquire() as connection:
            await connection.execute(
                _sql["put_many"], self.organization, *(list(column) for column in zip(*rows, strict=True))
            )

    async def get(self, ids: list[UUID], times: int) -> None:
        """Read documents one at a time on one connection, decoding the body as Octavo's user does."""
        async with self.pool.acquire() as connection:
            for n in range(times):
                row = await connection.fetchrow(_sql["get"], self.organization, ids[n % len(ids)])
                assert row is not None
                json.loads(row["value"])


class Alchemy:
    """SQLAlchemy's async ORM as its documentation shows it."""

    def __init__(self, sessions: async_sessionmaker[AsyncSession]) -> None:
        self.sessions = sessions
        self.serial = 0
        self.ids: list[UUID] = []

    async def put(self, times: int) -> None:
        """A session and a transaction a document: article and event."""
        for _ in range(times):
            self.serial += 1
            async with self.sessions() as session, session.begin():
                article = Article(id=uuid7(), type="article", body={**BODY, "serial": self.serial})
                session.add(article)
                session.add(Happening(type="document.created", article_id=article.id))
            self.ids.append(article.id)

    async def get(self, times: int) -> None:
        """A session a read."""
        for n in range(times):
            async with self.sessions() as session:
                article = await session.get(Article, self.ids[n % len(self.ids)])
                assert article is not None


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about documents."""
    organization = await db.organizations.create(f"bench-{uuid7().hex[:20]}")
    docs = db.organization(organization.name).documents
    serial = 0

    async def ours_put(times: int) -> None:
        nonlocal serial
        for _ in range(times):
            serial += 1
            await docs.put("article", {**BODY, "serial": serial})

    async def ours_put_many(times: int) -> None:
        nonlocal serial
        serial += times
        await docs.put_many([{"type": "article", "body": {**BODY, "many": serial - n}} for n in range(times)])

    async with _raw(admin, organization.id) as raw, _alchemy(admin) as alchemy:
        ids = [(await docs.put("article", {**BODY, "id": n})).id for n in range(500)]

        async def ours_get(times: int) -> None:
            for n in range(times):
                assert (await docs.get(ids[n % len(ids)])).body

        async def raw_get(times: int) -> None:
            await raw.get(ids, times)

        rows = []
        for tasks, operations, goal, peer_goal in ((1, 600, 0.85, 3.0), (8, 2_000, 0.8, 5.0)):
            rows.append(
                await compete(
                    f"put one 1 KB document and its event, {tasks} connection{'s' * (tasks > 1)}",
                    [Contestant(LIMIT, raw.put), Contestant(OURS, ours_put), Contestant(PEER, alchemy.put)],
                    operations=operations,
                    tasks=tasks,
                    rounds=rounds,
                    goal=goal,
                    peer_goals=((PEER, peer_goal),),
                )
            )
        for tasks, operations in ((1, 1_500), (8, 4_000)):
            rows.append(
                await compete(
                    f"get by id, {tasks} connection{'s' * (tasks > 1)}",
                    [Contestant(LIMIT, raw_get), Contestant(OURS, ours_get), Contestant(PEER, alchemy.get)],
                    operations=operations,
                    tasks=tasks,
                    rounds=rounds,
                    goal=0.8,
                )
            )
        rows.append(
            await compete(
                "put_many, 10,000 documents in one call",
                [Contestant(LIMIT, raw.put_many), Contestant(OURS, ours_put_many)],
                operations=10_000,
                rounds=min(rounds, 3),
                goal=0.8,
            )
        )
        return rows


@asynccontextmanager
async def _raw(admin: dict[str, Any], organization: UUID) -> AsyncIterator[Raw]:
    pool = await asyncpg.create_pool(**admin, min_size=8, max_size=8)
    try:
        yield Raw(pool, organization)
    finally:
        await pool.close()


@asynccontextmanager
async def _alchemy(admin: dict[str, Any]) -> AsyncIterator[Alchemy]:
    url = (
        f"postgresql+asyncpg://{admin['user']}@/{admin['database']}?host={admin['host']}&port={admin['port']}"
    )
    engine = create_async_engine(url, pool_size=8, max_overflow=0)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)
            await connection.run_sync(Base.metadata.create_all)
        yield Alchemy(async_sessionmaker(engine, expire_on_commit=False))
    finally:
        await engine.dispose()
