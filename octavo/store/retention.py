"""How long an organization's own events are kept; `octavo.operations.retention` drops what is older."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from octavo.errors import InvalidInput, NotFound
from octavo.postgres.pool import Row, Runner
from octavo.postgres.statements import load
from octavo.store.events import MAX_STREAM_LENGTH, OWN_TYPES
from octavo.store.scope import Scope
from octavo.values.actor import Actor

_sql = load("octavo.store", "retention.sql")

_OWN_STREAMS = tuple(f"{kind}-" for kind in sorted(OWN_TYPES))
_MAX_DAYS = 36_500.0


class Retention(msgspec.Struct, frozen=True, kw_only=True):
    """Events of streams whose names begin with `prefix` are kept for so many `days`."""

    prefix: str
    days: float
    set_at: datetime
    set_by: Actor


async def retain(scope: Scope, prefix: str, days: float | None) -> Retention | None:
    """Set or, without days, remove the retention of a prefix; see `Events.retain`."""
    _check_prefix(prefix)
    if days is None:
        await scope.runner.execute(_sql.remove_retention, scope.organization, prefix)
        return None
    if not 0 < days <= _MAX_DAYS:
        raise InvalidInput(
            f"events cannot be kept for {days} days", remedy="give a number above 0, at most 36,500"
        )
    actor = scope.origin.actor
    row = await scope.runner.fetchrow(
        _sql.set_retention, scope.organization, prefix, timedelta(days=days), actor.id, actor.kind
    )
    if row is None:
        raise NotFound(f"there is no organization {scope.organization}")
    return _retention(row)


async def listing(scope: Scope) -> list[Retention]:
    """The retentions of an organization, by prefix."""
    return [_retention(row) for row in await scope.runner.fetch(_sql.list_retentions, scope.organization)]


async def hold(system: Runner, organization: str, *, held: bool) -> None:
    """Set or lift the legal hold of an organization; raises `NotFound`."""
    if await system.fetchrow(_sql.set_hold, organization, held) is None:
        raise NotFound(f"there is no organization {organization!r}")


def _check_prefix(prefix: str) -> None:
    if not 1 <= len(prefix) <= MAX_STREAM_LENGTH:
        raise InvalidInput(f"a prefix has 1 to {MAX_STREAM_LENGTH} characters, not {len(prefix)}")
    for own in _OWN_STREAMS:
        if prefix.startswith(own) or own.startswith(prefix):
            raise InvalidInput(
                f"the prefix {prefix!r} would reach streams of Octavo's own, {own!r}",
                remedy="begin the names of operational streams with a word of your own, as ops-",
            )


def _retention(row: Row) -> Retention:
    return Retention(
        prefix=row["prefix"],
        days=row["kept"] / timedelta(days=1),
        set_at=row["set_at"],
        set_by=Actor(row["set_by"], row["set_by_kind"]),
    )
