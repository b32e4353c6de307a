"""What somebody looked for, kept with their consent."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput
from octavo.values.actor import Actor

MOST_DAYS = 3_650


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody allowed that their queries are kept, for so many days each."""

    actor: Actor
    days: int
    given_at: datetime

    def as_dict(self) -> dict[str, Any]:
        """The consent as plain data."""
        return {**msgspec.structs.asdict(self), "actor": str(self.actor)}


class RememberedQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A query that is kept.

    Attributes:
        mode: how it was searched: keyword, semantic or hybrid.
        found: hits of its first page.
        model: whose vector is kept of it, as `name@version`; None: none is.
        similarity: to what was asked for, -1 to 1; None where nothing was.
    """

    id: UUID
    actor: Actor
    text: str
    mode: str
    found: int
    model: str | None
    asked_at: datetime
    expires_at: datetime
    similarity: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The query as plain data."""
        return {**msgspec.structs.asdict(self), "id": str(self.id), "actor": str(self.actor)}


def days_of(days: int) -> int:
    """How many days queries are kept, looked at; raises `InvalidInput`."""
    if not 1 <= days <= MOST_DAYS:
        raise InvalidInput(f"days = {days}", remedy=f"give 1 to {MOST_DAYS}")
    return days
