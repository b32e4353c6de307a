"""What every call of the store carries: whose documents, on whose behalf, over which connection."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

import msgspec

from octavo.postgres.pool import Runner
from octavo.store.known import KnownTypes
from octavo.store.remembered import Remembered
from octavo.values.actor import Origin


class Limits(msgspec.Struct, frozen=True):
    """What one call may ask at most."""

    body_bytes: int = 64 * 1024 * 1024
    batch: int = 10_000
    page: int = 1_000
    page_bytes: int = 32 * 1024 * 1024
    scanned: int = 20_000


class Committed(Protocol):
    """Who is told after a change was committed."""

    def __call__(self, *, runs: bool = False) -> None:
        """Wake the readers of the log; when runs were queued, the workers too."""


def unheard(*, runs: bool = False) -> None:
    """Tell nobody of a change."""


class Scope(msgspec.Struct, frozen=True):
    """One organization's view of the store.

    Attributes:
        runner: the pool (each call commits by itself) or an open transaction (the caller commits).
        committed: told after a change was committed.
        types: the document types of the open database.
        statements: those that were made for questions asked lately.
    """

    runner: Runner
    organization: UUID
    namespace: str
    origin: Origin
    limits: Limits
    committed: Committed
    shard: int = 0
    types: KnownTypes = msgspec.field(default_factory=KnownTypes)
    statements: Remembered = msgspec.field(default_factory=Remembered)

    def change(self, *arguments: object) -> tuple[object, ...]:
        """The arguments of a change: organization and origin first, as `changes.sql` numbers them."""
        origin = self.origin
        return (
            self.organization,
            origin.actor.id,
            origin.actor.kind,
            origin.session,
            origin.correlation,
            origin.causation,
            *arguments,
        )
