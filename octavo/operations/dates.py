"""When imported versions, documents, tags and labels were made where they came from, as rows for the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec

from octavo.operations.incoming import Incoming, Step
from octavo.values.actor import parse_actor

Dates = list[tuple[Any, ...]]


class Made(msgspec.Struct, frozen=True):
    """A document that was imported: its id, and its versions by their numbers in the line."""

    incoming: Incoming
    id: UUID
    numbers: Mapping[int, int]


def of_versions(made: Made) -> Dates:
    """Document, number, change, source, moment, actor, kind, session; of equal versions the first counts."""
    dates: dict[int, tuple[Any, ...]] = {}
    for step in made.incoming.steps:
        number = made.numbers[step.number]
        if step.stamp is not None and number not in dates:
            stamp = step.stamp
            change, source = _change(made, step)
            dates[number] = (
                made.id, number, change, source, stamp.at, stamp.by.id, stamp.by.kind, step.session
            )  # fmt: skip
    return list(dates.values())


def of_document(made: Made) -> Dates:
    """Document, created at, by and kind, updated at, by and kind."""
    created, updated = made.incoming.created, made.incoming.current.stamp
    if created is None or updated is None:
        return []
    return [(made.id, created.at, created.by.id, created.by.kind, updated.at, updated.by.id, updated.by.kind)]


def of_tags(made: Made) -> Dates:
    """Document, tag, moment, actor, kind."""
    return [
        (made.id, name, line.moved_at, actor.id, actor.kind)
        for name, line in made.incoming.tags.items()
        if line.moved_at is not None and line.moved_by is not None
        for actor in (parse_actor(line.moved_by),)
    ]


def of_labels(made: Made) -> Dates:
    """Document, label, moment, actor, kind."""
    return [
        (made.id, name, line.assigned_at, actor.id, actor.kind)
        for name, line in made.incoming.labels.items()
        if line.assigned_at is not None and line.assigned_by is not None
        for actor in (parse_actor(line.assigned_by),)
    ]


def _change(made: Made, step: Step) -> tuple[str, int | None]:
    """What a version says it was; without the whole history it is no revert and no restoration."""
    if made.numbers[step.number] == 1:
        return "created", None
    if not made.incoming.has_history or step.change in {None, "created"}:
        return "updated", None
    if step.change == "reverted":
        source = made.numbers.get(step.source or 0)
        return ("reverted", source) if source else ("updated", None)
    return str(step.change), None
