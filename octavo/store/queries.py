"""What people looked for, of those who allowed it, kept in the record for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from uuid_utils.compat import uuid7

from octavo.postgres.pool import Row, Runner
from octavo.postgres.statements import load
from octavo.roles.embedder import Embedding, Model
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.query import Consent, RememberedQuery, days_of

if TYPE_CHECKING:
    from octavo.roles.embedder import Vector

_sql = load("octavo.store", "queries.sql")
# Of no query: a bound that may be null would serve no index, however a page is planned.
_GREATEST = UUID(int=2**128 - 1)

# Queries that are compared with one: the newest.
COMPARED = 20_000
_BEFORE_ALL = Actor("", "user")


async def allow(scope: Scope, actor: Actor, days: int) -> Consent:
    """Keep what somebody looks for from now on, for so many days each; raises `InvalidInput`."""
    row = await scope.runner.fetchrow(
        _sql.give_consent, scope.organization, actor.id, actor.kind, days_of(days)
    )
    assert row is not None
    return _consent(row)


async def consents(scope: Scope, after: Actor | None, limit: int) -> list[Consent]:
    """Who allowed it, by kind and id."""
    behind = after or _BEFORE_ALL
    rows = await scope.runner.fetch(
        _sql.list_consents, scope.organization, behind.kind, behind.id, min(limit, scope.limits.page)
    )
    return [_consent(row) for row in rows]


async def may_remember(scope: Scope, actor: Actor) -> bool:
    """Whether somebody allowed it."""
    row = await scope.runner.fetchrow(_sql.has_consent, scope.organization, actor.id, actor.kind)
    return row is not None


async def remember(
    scope: Scope, actor: Actor, text: str, *, mode: str, found: int, vector: Embedding | None
) -> None:
    """Keep a query; does nothing without consent."""
    model, numbers = vector or (None, None)
    await scope.runner.execute(
        _sql.remember,
        scope.organization,
        uuid7(),
        actor.id,
        actor.kind,
        text,
        mode,
        found,
        model and model.name,
        model and model.version,
        None if numbers is None else numbers.tolist(),
    )


async def listing(
    scope: Scope, actor: Actor | None, before: UUID | None, limit: int
) -> list[RememberedQuery]:
    """Queries that are kept, the newest first, of one actor or of all."""
    asked = (scope.organization, before or _GREATEST, min(limit, scope.limits.page))
    if actor is None:
        rows = await scope.runner.fetch(_sql.list_queries, *asked)
    else:
        rows = await scope.runner.fetch(_sql.list_queries_of, *asked, actor.id, actor.kind)
    return [_query(row) for row in rows]


async def similar(
    scope: Scope, model: Model, vector: Vector, least_similarity: float, limit: int
) -> list[RememberedQuery]:
    """The most similar ones of the newest 20,000 of a model, the most similar first."""
    rows = await scope.runner.fetch(
        _sql.similar_queries,
        scope.organization,
        vector.tolist(),
        model.name,
        model.version,
        COMPARED,
        1 - least_similarity,
        min(limit, scope.limits.page),
    )
    return [_query(row, row["similarity"]) for row in rows]


async def erase(scope: Scope, actor: Actor) -> int:
    """Forget what somebody looked for, and that they allowed it; returns how many queries went."""
    row = await scope.runner.fetchrow(_sql.forget_actor, scope.organization, actor.id, actor.kind)
    assert row is not None
    return int(row["queries"])


async def count_due(system: Runner, limit: int) -> int:
    """How many have expired, counted up to a limit."""
    row = await system.fetchrow(_sql.count_due, limit)
    assert row is not None
    return int(row["found"])


async def forget_due(system: Runner, limit: int) -> int:
    """Forget at most so many that have expired; returns how many went."""
    return int((await system.execute(_sql.forget_due, limit)).split()[-1])


def _consent(row: Row) -> Consent:
    return Consent(actor=Actor(row["actor"], row["actor_kind"]), days=row["days"], given_at=row["given_at"])


def _query(row: Row, similarity: float | None = None) -> RememberedQuery:
    return RememberedQuery(
        id=row["id"],
        actor=Actor(row["actor"], row["actor_kind"]),
        text=row["text"],
        mode=row["mode"],
        found=row["found"],
        model=row["model"],
        asked_at=row["asked_at"],
        expires_at=row["expires_at"],
        similarity=similarity,
    )
