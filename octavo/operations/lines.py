"""The lines of an export: `documents.jsonl`, one document a line.

    {"id": …, "namespace": …, "type": …, "name": …, "version": 3, "created_at": …, "created_by": "user:ann", …,
     "tags": {"production": {"version": 2, …}}, "labels": {"legal": {"confidence": 0.9, …}},
     "contents": [{"version": 1, "file": "files/default/report/q1--5feceb66ffc86f38.pdf", "sha256": …, …}],
     "versions": [{"number": 2, "change": "updated", …, "metadata": {…}, "body": {…}}],
     "change": "updated", …, "metadata": {…}, "body": {…}}

`versions` holds the earlier ones: those with a tag, or with the history all. What stands at the top is the
current one. Of a registered type, `schema_version` tells as which of its versions a body was written. A line written
by hand needs `type` and `body` alone.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec

from octavo.postgres.pool import Row
from octavo.values.actor import Actor
from octavo.values.document import Change

FORMAT = 1
DOCUMENTS = "documents.jsonl"
FILES = "files"
MANIFEST = "export.json"
EMPTY = msgspec.Raw(b"{}")
SchemaVersion = Annotated[int, msgspec.Meta(ge=0, le=32_767)]  # 0: none is known


class VersionLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """An earlier version."""

    number: int
    change: Change
    source: int | None = None
    created_at: datetime
    created_by: str
    session: str | None = None
    schema_version: SchemaVersion = 0
    metadata: msgspec.Raw = EMPTY
    body: msgspec.Raw


class TagLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a tag points."""

    version: int
    moved_at: datetime | None = None
    moved_by: str | None = None


class LabelLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A label of a document."""

    confidence: float | None = None
    assigned_at: datetime | None = None
    assigned_by: str | None = None


class ContentLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the file behind a version was; `file` is its path in the export, None if it could not be read."""

    version: int
    file: str | None = None
    sha256: str
    bytes: int
    media_type: str
    encoding: str | None = None
    language: str = "und"
    preview: str = ""
    words: int = 0
    characters: int = 0
    paragraphs: int = 0


class DocumentLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A document as it stands in a line; in a line written by hand everything but type and body may miss."""

    id: UUID | None = None
    namespace: str | None = None
    type: str
    name: str | None = None
    version: int = 1
    created_at: datetime | None = None
    created_by: str | None = None
    updated_at: datetime | None = None
    updated_by: str | None = None
    expires_at: datetime | None = None
    tags: dict[str, TagLine] = {}
    labels: dict[str, LabelLine] = {}
    contents: list[ContentLine] = []
    versions: list[VersionLine] = []
    change: Change | None = None
    source: int | None = None
    session: str | None = None
    schema_version: SchemaVersion = 0
    metadata: msgspec.Raw = EMPTY
    body: msgspec.Raw


def beginning(head: Row, tags: list[Row], labels: list[Row], contents: list[ContentLine]) -> bytes:
    """A document's line up to the first of its earlier versions."""
    fields: dict[str, Any] = {
        "id": head["id"],
        "namespace": head["namespace"],
        "type": head["type"],
        "name": head["name"],
        "version": head["version"],
        "created_at": head["created_at"],
        "created_by": str(Actor(head["created_by"], head["created_by_kind"])),
        "updated_at": head["updated_at"],
        "updated_by": str(Actor(head["updated_by"], head["updated_by_kind"])),
        **({"expires_at": head["expires_at"]} if head["expires_at"] else {}),
        "tags": {tag["name"]: _tag(tag) for tag in tags},
        **({"labels": {label["name"]: _label(label) for label in labels}} if labels else {}),
        "contents": contents,
    }
    return msgspec.json.encode(fields)[:-1] + b',"versions":['


def earlier(row: Row) -> bytes:
    """An earlier version, for between the brackets."""
    return msgspec.json.encode(
        VersionLine(
            number=row["number"],
            change=row["change"],
            source=row["source_version"],
            created_at=row["created_at"],
            created_by=str(Actor(row["created_by"], row["created_by_kind"])),
            session=row["session_id"],
            schema_version=row["schema_version"],
            metadata=msgspec.Raw(row["metadata"]),
            body=msgspec.Raw(row["body"]),
        )
    )


def ending(row: Row) -> bytes:
    """The rest of a document's line: its current version."""
    fields = {
        "change": row["change"],
        "source": row["source_version"],
        "session": row["session_id"],
        **({"schema_version": row["schema_version"]} if row["schema_version"] else {}),
        "metadata": msgspec.Raw(row["metadata"]),
        "body": msgspec.Raw(row["body"]),
    }
    return b"]," + msgspec.json.encode(fields)[1:] + b"\n"


def _label(row: Row) -> LabelLine:
    return LabelLine(
        confidence=row["confidence"],
        assigned_at=row["assigned_at"],
        assigned_by=str(Actor(row["assigned_by"], row["assigned_by_kind"])),
    )


def _tag(row: Row) -> TagLine:
    return TagLine(
        version=row["version"],
        moved_at=row["moved_at"],
        moved_by=str(Actor(row["moved_by"], row["moved_by_kind"])),
    )
