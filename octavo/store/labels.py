"""Labels: categories on documents, assigned under the document's lock, and the organization's list of them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from uuid_utils.compat import uuid7

from octavo.errors import AlreadyExists, Conflict, LimitExceeded, NotFound
from octavo.postgres.pool import Row
from octavo.postgres.statements import load
from octavo.store.rows import position_from_row
from octavo.store.scope import Scope
from octavo.values.actor import Actor
from octavo.values.label import (
    MAX_LABELS,
    AssignedLabel,
    Label,
    confidence_of,
    description_of,
    label_colour,
    label_name,
)
from octavo.values.position import Position

_sql = load("octavo.store", "labels.sql")
_CHUNK = 500
_ATTEMPTS = 3


async def assign(scope: Scope, id: UUID, name: str, confidence: float | None = None) -> AssignedLabel:
    """Put a label on a document; one that is assigned so already stays. A label that is new is made.

    Raises:
        NotFound: no such document, or deleted.
        LimitExceeded: the document has 1,000 labels.
        InvalidInput: not a label's name, or a confidence outside of 0 to 1.
    """
    arguments = scope.change(id, label_name(name), confidence_of(confidence), uuid7(), MAX_LABELS)
    for _ in range(_ATTEMPTS):
        row = await scope.runner.fetchrow(_sql.assign_label, *arguments)
        if row is None:
            raise NotFound(f"there is no document {id} to label")
        if not row["has_room"]:
            raise _too_many(id)
        if row["assigned_at"] is not None:
            if row["changed"]:
                scope.committed()
            return _assigned(id, row, scope)
    raise Conflict(f"the label {name!r} is made and deleted by others all the time", remedy="try again")


async def remove(scope: Scope, id: UUID, name: str) -> Position:
    """Take a label from a document; raises `NotFound` when the document has none of this name."""
    row = await scope.runner.fetchrow(_sql.remove_label, *scope.change(id, label_name(name)))
    if row is None:
        raise NotFound(f"document {id} has no label {name!r}")
    scope.committed()
    return position_from_row(row, scope.shard)


async def of_document(scope: Scope, id: UUID) -> list[AssignedLabel]:
    """The labels of a live document, by name."""
    rows = await scope.runner.fetch(_sql.labels_of_document, scope.organization, id)
    return [_assigned(id, row, scope) for row in rows]


async def define(
    scope: Scope, name: str, *, colour: str | None = None, description: str | None = None
) -> Label:
    """Make a label, or give the one of this name a colour or a description; None keeps what it has.

    Raises:
        InvalidInput: not a label's name, colour or description.
    """
    who = scope.origin.actor
    row = await scope.runner.fetchrow(
        _sql.define_label,
        scope.organization,
        who.id,
        who.kind,
        uuid7(),
        label_name(name),
        None if colour is None else label_colour(colour),
        None if description is None else description_of(description),
    )
    if row is None:
        raise NotFound(f"there is no organization {scope.organization}")
    return _label(row)


async def rename(scope: Scope, name: str, new: str) -> Label:
    """Give a label another name; documents keep it.

    Raises:
        NotFound: no such label. AlreadyExists: another label has the new name.
    """
    try:
        row = await scope.runner.fetchrow(
            _sql.rename_label, scope.organization, label_name(name), label_name(new)
        )
    except AlreadyExists as error:
        raise AlreadyExists(
            f"there is another label {new!r}", remedy="choose another name, or delete that label first"
        ) from error
    if row is None:
        raise _unknown(name)
    return _label(row)


async def delete(scope: Scope, name: str, *, dry_run: bool = False) -> int:
    """Delete a label and take it from its documents, 500 in one transaction, each with its event.

    A deletion that is interrupted leaves the label with the documents that are left: delete it again.

    Args:
        dry_run: change nothing.

    Returns:
        From how many documents it was taken, or would be; deleted documents count.

    Raises:
        NotFound: no such label.
    """
    checked = label_name(name)
    row = await scope.runner.fetchrow(_sql.count_label, scope.organization, checked)
    if row is None:
        raise _unknown(name)
    if dry_run:
        return int(row["documents"])
    total = 0
    while True:
        total += await _take_from_all(scope, checked)
        try:
            await scope.runner.fetchrow(_sql.delete_label, scope.organization, checked)
        except NotFound:
            continue  # assigned again between look and deletion
        if await scope.runner.fetchrow(_sql.count_label, scope.organization, checked) is None:
            return total


async def listing(scope: Scope, *, after: str = "", limit: int = 100) -> list[Label]:
    """Labels of the organization by name; `after` continues a listing."""
    rows: Sequence[Row] = await scope.runner.fetch(
        _sql.list_labels, scope.organization, after, min(limit, scope.limits.page)
    )
    return [_label(row) for row in rows]


async def _take_from_all(scope: Scope, name: str) -> int:
    total = 0
    while removed := await _take_from_some(scope, name):
        total += removed
        scope.committed()
    return total


async def _take_from_some(scope: Scope, name: str) -> int:
    row = await scope.runner.fetchrow(_sql.remove_label_from_some, *scope.change(name, _CHUNK))
    return 0 if row is None else int(row["removed"])


def _assigned(id: UUID, row: Row, scope: Scope) -> AssignedLabel:
    return AssignedLabel(
        document_id=id,
        name=row["name"],
        colour=row["colour"],
        confidence=row["confidence"],
        assigned_at=row["assigned_at"],
        assigned_by=Actor(row["assigned_by"], row["assigned_by_kind"]),
        position=position_from_row(row, scope.shard),
        changed=row["changed"],
    )


def _label(row: Row) -> Label:
    return Label(
        name=row["name"],
        colour=row["colour"],
        description=row["description"],
        created_at=row["created_at"],
        created_by=Actor(row["created_by"], row["created_by_kind"]),
    )


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no label {name!r}", remedy="see `octavo labels`")


def _too_many(id: UUID) -> LimitExceeded:
    return LimitExceeded(
        f"document {id} has {MAX_LABELS} labels",
        remedy="take one away first",
        limit=MAX_LABELS,
        actual=MAX_LABELS + 1,
    )
