"""From rows to values."""

from __future__ import annotations

from octavo.postgres.pool import Row
from octavo.values.actor import Actor
from octavo.values.document import Document, Version
from octavo.values.position import Position


def position_from_row(row: Row, shard: int) -> Position:
    """The position of the last event the row's document has."""
    return Position(shard, row["epoch"], row["position_xid"], row["position_id"])


def document_from_row(row: Row, shard: int, *, body: bytes | None = None, changed: bool = True) -> Document:
    """A document from a row with the columns of a head; `body` when the row carries none."""
    return Document(
        id=row["id"],
        namespace=row["namespace"],
        type=row["type"],
        name=row["name"],
        version=row["version"],
        created_at=row["created_at"],
        created_by=Actor(row["created_by"], row["created_by_kind"]),
        updated_at=row["updated_at"],
        updated_by=Actor(row["updated_by"], row["updated_by_kind"]),
        deleted_at=row["deleted_at"],
        position=position_from_row(row, shard),
        changed=changed,
        schema_version=row["schema_version"],
        raw_body=row["body"] if body is None else body,
        raw_metadata=row["metadata"],
    )


def version_from_row(row: Row) -> Version:
    """One entry of a history."""
    return Version(
        number=row["number"],
        change=row["change"],
        source=row["source_version"],
        created_at=row["created_at"],
        created_by=Actor(row["created_by"], row["created_by_kind"]),
        session=row["session_id"],
        tags=tuple(row["tags"]),
        raw_metadata=row["metadata"],
    )
