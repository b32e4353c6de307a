"""What serves analytics: facts, which are the events of the log in a flat form, and what is counted of them.

A fold adds each event exactly once in effect, so what an engine takes must be safe to deliver again: a fact is known
by its place in the log. What is asked for comes back as parts that can be added up (counts, sums, extremes, counts
in classes of size), never as an average or a quantile: those are made of the parts in one place, for every engine.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, Protocol, runtime_checkable
from uuid import UUID

import msgspec

from octavo.roles.state import Cursor
from octavo.values.position import Position

Every = Literal["minute", "hour", "day", "week", "month", "year"]

# What a fact is grouped and filtered by beside its fields; those of `ROLLED` are dimensions of rollups too.
ROLLED = ("type", "kind", "document_type")
ATTRIBUTES = (*ROLLED, "stream", "document", "actor", "session")
# What is counted once however often it appears.
COUNTED_ONCE = ("actor", "session")


class Fact(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One event as engines count it.

    Attributes:
        position: where the event is in the log; no two facts of a shard have the same.
        time: when it happened, in UTC, to the millisecond.
        recorded_at: when it was recorded, which is the same unless the event says when it happened.
        kind: the stream's name up to its first hyphen, as `order` of `order-7`.
        document_type: of the document the event is about; empty for none.
        actor: `kind:id`. session: empty for none.
        numbers: the numbers of an own event's data, by path: below 10^18, to nine places.
        texts: all its scalars as text, the numbers among them.
    """

    organization: UUID
    position: Position
    time: datetime
    recorded_at: datetime
    type: str
    kind: str
    stream: str
    document: UUID | None
    document_type: str
    actor: str
    session: str
    numbers: Mapping[str, Decimal]
    texts: Mapping[str, str]


class Parked(msgspec.Struct, frozen=True, kw_only=True):
    """An event no fact could be made of; the others go on. `code` and `message` hold no stored value."""

    organization: UUID
    position: Position
    recorded_at: datetime
    type: str
    code: str
    message: str


class Subject(msgspec.Struct, frozen=True):
    """What is grouped or filtered by: an attribute of facts, or with `is_field` a field of the events' data."""

    name: str
    is_field: bool = False


class Condition(msgspec.Struct, frozen=True):
    """Facts whose subject has one of these values."""

    subject: Subject
    values: tuple[str, ...]


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of an engine, for one organization.

    Attributes:
        since, until: from this moment on, and before that one, in UTC.
        every: the length of a step; None: one step for all.
        by: what the facts of a step are grouped by.
        fields: the fields whose numbers are added up; the empty one counts the facts.
        classed: the fields whose numbers are counted by classes of size, for quantiles.
        unique: of these, how many different ones.
        grain: rollups of this length serve the query; None: it needs the facts.
        most_facts: refuse to look at more facts. most_rows: groups and fields of an answer at most.
    """

    organization: UUID
    since: datetime
    until: datetime
    every: Every | None = None
    by: tuple[Subject, ...] = ()
    where: tuple[Condition, ...] = ()
    fields: tuple[str, ...] = ("",)
    classed: tuple[str, ...] = ()
    unique: tuple[str, ...] = ()
    grain: Literal["hour", "day"] | None = None
    most_facts: int
    most_rows: int


class Key(msgspec.Struct, frozen=True):
    """A step, by its beginning, and a group in it, by its values in the order of `by`."""

    begins: datetime | None
    values: tuple[str | None, ...]


class Total(msgspec.Struct, frozen=True):
    """Numbers of a field in a group: how many, their sum and extremes; of the empty field only how many facts."""

    facts: int
    total: Decimal | None = None
    least: Decimal | None = None
    greatest: Decimal | None = None


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What an engine found.

    Attributes:
        totals: by group and field.
        classes: by group and field, how many numbers each class of size has; see `octavo.values.classes`.
        uniques: by group and what is counted once.
        looked_at: how many facts were read, 0 when rollups answered; above the query's `most_facts` the rest
            means nothing.
        cursor: where the engine stood, or before.
    """

    totals: Mapping[tuple[Key, str], Total]
    classes: Mapping[tuple[Key, str], Mapping[int, int]]
    uniques: Mapping[tuple[Key, str], int]
    looked_at: int
    cursor: Cursor


class Place(msgspec.Struct, frozen=True, array_like=True):
    """Where a page of facts ended: the time, epoch and id of its last one."""

    time: datetime
    epoch: int
    id: int


class Tally(msgspec.Struct, frozen=True):
    """Events of a day: how many, and a digest of their ids, which tells two sets of the same size apart.

    Attributes:
        ids: the sum of the ids.
        squares: the sum of the squares of the ids' remainders by 1,000,003.
    """

    events: int
    ids: int
    squares: int


class Sum(msgspec.Struct, frozen=True):
    """Facts of a day: how many, and what all the numbers in them add up to."""

    facts: int
    total: Decimal = Decimal(0)


class ComparableFacts(Protocol):
    """What an engine tells of the facts it holds, so that it can be compared with the log and with another engine."""

    async def tallies(self, until: Position) -> Mapping[tuple[UUID, date], Tally]:
        """What is held up to a position, by organization and the day of recording in UTC, parked events too."""
        ...

    async def totals(self, until: Position) -> Mapping[tuple[UUID, date], Sum]:
        """Facts up to a position and what their numbers add up to, by organization and the day of recording in UTC."""
        ...

    async def unrolled(self) -> Collection[tuple[UUID, date]]:
        """Days, by the time of the facts, whose rollups do not add up to the facts, in number or in numbers."""
        ...


class FactEngine(ComparableFacts, Protocol):
    """What folds events into an engine, each once in effect.

    Guarantees: facts delivered again change nothing, whoever delivers them and in whatever batches; the cursor
    moves after the facts or together with them.
    """

    async def position(self) -> Cursor:
        """Where the engine stands: every event up to there is in it, or parked."""
        ...

    async def apply(
        self, facts: Sequence[Fact], parked: Sequence[Parked], before: Cursor, after: Cursor
    ) -> None:
        """Take facts and move the cursor.

        Raises:
            Conflict: the engine is not at `before`, so somebody else fills it.
            Unavailable: the engine does not answer; the same facts are delivered again.
        """
        ...

    async def parked(self, organization: UUID | None = None) -> Sequence[Parked]:
        """Events no fact could be made of; 1,000 at most."""
        ...

    async def erase(self, organization: UUID, actor: str | None = None) -> None:
        """Forget an organization, or who an actor was: `kind:id`.

        Of an actor's facts the numbers stay, with time and type, so sums stay what they were; the name becomes
        `erased:` and an id by chance, and session and texts go. The cursor stays.
        """
        ...

    async def reset(self) -> Cursor:
        """Forget everything and begin a new generation, to be filled from the start of the log."""
        ...


class FactKey(msgspec.Struct, frozen=True):
    """Which fact of an organization: by its time and its place in the log; and when it was recorded."""

    time: datetime
    position: Position
    recorded_at: datetime


@runtime_checkable
class Mendable(Protocol):
    """Of an engine with commits: facts and rollups are made right where they are.

    Nothing that is right is missing meanwhile. The cursor stays; whoever folds may go on.
    """

    async def mend(self, facts: Sequence[Fact], parked: Sequence[Parked]) -> None:
        """Add the facts that are missing, and correct those that are held otherwise, without their rollups."""
        ...

    async def recorded(
        self, organization: UUID, day: date, after: FactKey | None, limit: int
    ) -> Sequence[FactKey]:
        """Facts that were recorded on a day in UTC, in an order of the engine, behind one of them."""
        ...

    async def forget(self, organization: UUID, keys: Sequence[FactKey]) -> None:
        """Forget facts, and add the days they are of up anew, in one commit."""
        ...

    async def days(self, after: tuple[UUID, date] | None, limit: int) -> Sequence[tuple[UUID, date]]:
        """Organizations and days in UTC of which there are facts or rollups, in order, behind one of them."""
        ...

    async def roll(self, organization: UUID, day: date) -> None:
        """Make the rollups of a day anew of its facts, in one commit."""
        ...


class Asked(Protocol):
    """What an engine of the analytics role answers."""

    async def position(self) -> Cursor:
        """Where the engine stands."""
        ...

    async def count(self, query: Query) -> Counted:
        """The parts of an answer."""
        ...

    async def facts(self, query: Query, limit: int, after: Place | None) -> Sequence[Fact]:
        """Facts, newest first, behind a place; of the query organization, time and conditions count."""
        ...


class AnalyticsEngine(FactEngine, Asked, Protocol):
    """What an engine of the analytics role does; `octavo.testing` holds the suite every one must pass."""
