"""From a line of an export to what has to be put, checked before anything is."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from uuid import UUID, uuid5

import msgspec

from octavo.errors import InvalidInput
from octavo.operations.lines import ContentLine, DocumentLine, LabelLine, TagLine, VersionLine
from octavo.store.changes import Draft
from octavo.store.expiry import Expiry
from octavo.store.scope import Scope
from octavo.values.actor import Actor, parse_actor
from octavo.values.document import Change
from octavo.values.json import encode_object, parse_text

_METADATA_BYTES = 1024 * 1024
_decoder = msgspec.json.Decoder(DocumentLine)


class Stamp(msgspec.Struct, frozen=True):
    """When and by whom."""

    at: datetime
    by: Actor


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One version: its number in the export, and what it was; `stamp` is None in a line written by hand."""

    number: int
    change: Change | None
    source: int | None
    body: bytes
    metadata: bytes
    session: str | None
    schema_version: int
    stamp: Stamp | None


class Incoming(msgspec.Struct, frozen=True, kw_only=True):
    """A document to be imported; `steps` are its versions in order, the current one last."""

    place: str
    id: UUID | None
    namespace: str
    type: str
    name: str | None
    created: Stamp | None
    steps: list[Step]
    tags: dict[str, TagLine]
    labels: dict[str, LabelLine]
    contents: list[ContentLine]
    expiry: Expiry = Expiry()

    @property
    def current(self) -> Step:
        """The current version."""
        return self.steps[-1]

    @property
    def has_history(self) -> bool:
        """Whether no version is missing."""
        return [step.number for step in self.steps] == list(range(1, len(self.steps) + 1))

    @property
    def bytes(self) -> int:
        """Bytes of all its bodies."""
        return sum(len(step.body) for step in self.steps)

    def step(self, number: int) -> Step:
        """The version of this number."""
        return next(step for step in self.steps if step.number == number)

    def draft(self, step: Step, id: UUID | None) -> Draft:
        """A version as the store puts it, its JSON as it was written."""
        return Draft(
            type=self.type,
            name=self.name,
            id=id,
            body=step.body,
            metadata=step.metadata,
            schema_version=step.schema_version,
        )


def parse_line(line: bytes, place: str, scope: Scope, *, keep_ids: bool) -> Incoming:
    """Read and check one line.

    Raises:
        InvalidInput, LimitExceeded: the line is no document, or one the record cannot hold.
    """
    try:
        parsed = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidInput(f"this is no document of an export: {error}") from error
    Draft.of(scope, parsed.type, {}, name=parsed.name)  # the rules for names
    steps = [_earlier(scope, version) for version in parsed.versions]
    steps.append(_current(scope, parsed))
    incoming = Incoming(
        place=place,
        id=None if parsed.id is None else id_here(scope, parsed.id, keep_ids),
        namespace=parsed.namespace or scope.namespace,
        type=parsed.type,
        name=parsed.name,
        created=_stamp(parsed.created_at, parsed.created_by) or steps[0].stamp,
        steps=steps,
        tags=parsed.tags,
        labels=parsed.labels,
        expiry=Expiry.of(parsed.expires_at, None),
        contents=parsed.contents,
    )
    _check(incoming)
    return incoming


def id_here(scope: Scope, id: UUID, keep_ids: bool) -> UUID:
    """The same id, or one made of it: so that a second import finds what the first one made."""
    return id if keep_ids else uuid5(scope.organization, str(id))


def _earlier(scope: Scope, version: VersionLine) -> Step:
    return Step(
        number=version.number,
        change=version.change,
        source=version.source,
        body=_checked(scope, version.body, "body"),
        metadata=_checked(scope, version.metadata, "metadata"),
        session=version.session,
        schema_version=version.schema_version,
        stamp=_stamp(version.created_at, version.created_by),
    )


def _current(scope: Scope, document: DocumentLine) -> Step:
    return Step(
        number=document.version,
        change=document.change,
        source=document.source,
        body=_checked(scope, document.body, "body"),
        metadata=_checked(scope, document.metadata, "metadata"),
        session=document.session,
        schema_version=document.schema_version,
        stamp=_stamp(document.updated_at or document.created_at, document.updated_by or document.created_by),
    )


def _checked(scope: Scope, raw: msgspec.Raw, what: str) -> bytes:
    """The JSON as it was written (1.10 stays 1.10), after the checks every put makes."""
    text = bytes(raw)
    limit = scope.limits.body_bytes if what == "body" else _METADATA_BYTES
    encode_object(parse_text(text, what=what), what=what, max_bytes=limit)
    return text


def _stamp(at: datetime | None, by: str | None) -> Stamp | None:
    if at is None:
        return None
    if at.tzinfo is None:
        raise InvalidInput(f"the moment {at.isoformat()} has no time zone", remedy="add one, as in …Z")
    return Stamp(at, parse_actor(by) if by else Actor("octavo", "system"))


def _check(incoming: Incoming) -> None:
    numbers = [step.number for step in incoming.steps]
    if any(later <= earlier for earlier, later in pairwise([0, *numbers])):
        raise InvalidInput(f"its versions are {numbers}, which is no order", remedy="number them upwards")
    moments = [stamp.at for stamp in (incoming.created, *(step.stamp for step in incoming.steps)) if stamp]
    if moments != sorted(moments):
        raise InvalidInput("a version is older than one before it", remedy="put its dates in order")
    told = {tag: line.version for tag, line in incoming.tags.items()}
    told |= {line.file or line.sha256: line.version for line in incoming.contents}
    for what, number in told.items():
        if number not in numbers:
            raise InvalidInput(f"{what!r} is of version {number}, which is not in the line")
