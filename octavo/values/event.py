"""Facts of the log."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from octavo.values.actor import Actor
from octavo.values.json import decode
from octavo.values.position import Position


# gc=False: events come by the hundred thousand and hold no cycles; tracking them doubles the cost of decoding.
class Event(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """One fact: what happened to which thing, in its stream's order and at its place in the log.

    `data` says what changed (paths, versions), never stored values: the log holds no personal data.
    """

    position: Position
    organization_id: UUID
    stream: str
    sequence: int
    type: str
    schema_version: int
    recorded_at: datetime
    document_id: UUID | None
    version: int | None
    actor: Actor
    session: str | None
    correlation: str | None
    causation: str | None
    raw_data: bytes

    @property
    def id(self) -> str:
        """Identity of the event inside its organization: stream and sequence."""
        return f"{self.stream}:{self.sequence}"

    @property
    def data(self) -> dict[str, Any]:
        """What changed."""
        data: dict[str, Any] = decode(self.raw_data)
        return data

    def as_cloudevent(self) -> dict[str, Any]:
        """The event as a CloudEvents 1.0.2 structure (https://cloudevents.io), ready for its JSON format.

        Octavo's own attributes are extensions: their names are of small letters, and one without a value is left
        out, as the specification wants. `correlationid` and `causationid` are those of its registered extension.
        """
        attributes = {
            "specversion": "1.0",
            "id": self.id,
            "source": f"octavo/{self.organization_id}",
            "type": self.type,
            "subject": str(self.document_id) if self.document_id else self.stream,
            "time": self.recorded_at.isoformat(),
            "datacontenttype": "application/json",
            "position": str(self.position),
            "stream": self.stream,
            "sequence": self.sequence,
            "schemaversion": self.schema_version,
            "version": self.version,
            "actor": str(self.actor),
            "session": self.session,
            "correlationid": self.correlation,
            "causationid": self.causation,
        }
        return {
            **{name: value for name, value in attributes.items() if value not in (None, "")},
            "data": self.data,
        }

    def as_dict(self) -> dict[str, Any]:
        """The event as plain data: the CloudEvents structure."""
        return self.as_cloudevent()
