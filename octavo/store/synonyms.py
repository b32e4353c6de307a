"""The synonyms of an organization, kept in the record."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from uuid_utils.compat import uuid7

from octavo.errors import LimitExceeded, NotFound
from octavo.postgres.statements import load
from octavo.postgres.transaction import Row, Runner
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.synonyms import MAX_SETS, Synonyms, language_of, words_of

_sql = load("octavo.store", "synonyms.sql")


async def define(scope: Scope, words: Sequence[str], language: str | None = None) -> Synonyms:
    """Keep a set of synonyms.

    Raises:
        InvalidInput: not two words, or not a language. LimitExceeded: a limit of the set, or 1,000 sets.
    """
    actor = scope.origin.actor
    row = await scope.runner.fetchrow(
        _sql.add_synonyms,
        scope.organization,
        uuid7(),
        language_of(language),
        words_of(words),
        actor.id,
        actor.kind,
        MAX_SETS,
    )
    if row is None:
        raise LimitExceeded(
            f"the organization has {MAX_SETS} sets of synonyms",
            remedy="delete those that are not needed",
            limit=MAX_SETS,
            actual=MAX_SETS,
        )
    return _synonyms(row)


async def listing(scope: Scope, *, after: UUID | None = None, limit: int = 100) -> list[Synonyms]:
    """Sets in the order they were made; `after` continues a listing."""
    rows = await scope.runner.fetch(
        _sql.list_synonyms, scope.organization, after, min(limit, scope.limits.page)
    )
    return [_synonyms(row) for row in rows]


async def delete(scope: Scope, id: UUID) -> None:
    """Delete a set; raises `NotFound`."""
    if await scope.runner.fetchrow(_sql.delete_synonyms, scope.organization, id) is None:
        raise NotFound(f"there are no synonyms {id}")


async def sets_with(
    runner: Runner, organization: UUID, words: Sequence[str], language: str | None = None
) -> list[Sequence[str]]:
    """The sets that hold one of the words: of a language and of every one, or all sets."""
    wanted = None if language is None else language_of(language)
    return [row["words"] for row in await runner.fetch(_sql.synonyms_of, organization, words, wanted)]


def _synonyms(row: Row) -> Synonyms:
    return Synonyms(
        id=row["id"],
        language=row["language"] or None,
        words=row["words"],
        created_at=row["created_at"],
        created_by=Actor(row["created_by"], row["created_by_kind"]),
    )
