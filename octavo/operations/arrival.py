"""One chunk of an import, written in one transaction through the store, as any other change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid7

from octavo.errors import AlreadyExists, InvalidInput, NotFound, OctavoError
from octavo.operations import relations
from octavo.operations.dates import Made, of_document, of_labels, of_tags, of_versions
from octavo.operations.incoming import Incoming, Step
from octavo.operations.lines import ContentLine
from octavo.operations.reading import Files
from octavo.postgres.statements import load
from octavo.store import changes, contents, expiry, labels, tags
from octavo.store.contents import Content
from octavo.store.scope import Scope
from octavo.values.document import Document

_sql = load("octavo.operations", "imports.sql")


class Known(msgspec.Struct, frozen=True):
    """What is there of a line already."""

    place: int
    id: UUID | None
    is_deleted: bool
    is_of_kind: bool
    is_equal: bool
    taken_by: UUID | None

    def is_settled(self, incoming: Incoming) -> bool:
        """Whether nothing has to be done or looked at."""
        is_as_told = self.is_equal and not self.is_deleted and self.is_of_kind
        return is_as_told and not incoming.tags and not incoming.labels and not incoming.expiry


class Outcome(msgspec.Struct, frozen=True):
    """What became of some lines; `notes` are things that were left out, at their places."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    notes: tuple[tuple[str, OctavoError], ...] = ()

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(
            self.created + other.created,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            other.notes,  # those of before were told
        )


async def require_organization(scope: Scope) -> None:
    """Raise `NotFound` when there is no such organization."""
    if await scope.runner.fetchrow(_sql.organization_exists, scope.organization) is None:
        raise NotFound(f"there is no organization {scope.organization}", remedy="see `octavo org list`")


async def compare(scope: Scope, chunk: Sequence[Incoming]) -> dict[str, Known]:
    """What is there already, by the line's place."""
    rows = await scope.runner.fetch(
        _sql.compare,
        scope.organization,
        [incoming.id for incoming in chunk],
        [incoming.namespace for incoming in chunk],
        [incoming.type for incoming in chunk],
        [incoming.name for incoming in chunk],
        [incoming.current.body for incoming in chunk],
        [incoming.current.metadata for incoming in chunk],
        [incoming.current.schema_version for incoming in chunk],
    )
    return {incoming.place: Known(**row) for incoming, row in zip(chunk, rows, strict=True)}


class Arrival:
    """A chunk on its way into the record.

    Args:
        scope: its runner is a transaction.
        known: what was there when the chunk was compared. If that changes meanwhile, the store refuses the
            chunk (`AlreadyExists`) or finds nothing to change.
        files: blobs of the contents; None leaves contents out.
    """

    def __init__(self, scope: Scope, known: Mapping[str, Known], files: Files | None) -> None:
        self._scope = scope
        self._known = known
        self._files = files
        self._notes: list[tuple[str, OctavoError]] = []

    async def write(self, chunk: Sequence[Incoming]) -> Outcome:
        """Write every line, or raise what is wrong with one of them."""
        known = self._known
        for incoming in chunk:
            _refuse(incoming, known[incoming.place])
        new = [incoming for incoming in chunk if known[incoming.place].id is None]
        await self._create(new)
        updated = [
            await self._update(incoming, known[incoming.place])
            for incoming in chunk
            if known[incoming.place].id is not None
        ]
        changed = sum(updated)
        return Outcome(len(new), changed, len(updated) - changed, tuple(self._notes))

    async def _create(self, new: Sequence[Incoming]) -> None:
        made = [*await self._put_many([one for one in new if len(one.steps) == 1])]
        made += [await self._replay(incoming) for incoming in new if len(incoming.steps) > 1]
        for one in made:
            for name, line in one.incoming.tags.items():
                await tags.move(self._scope, one.id, name, one.numbers[line.version])
            await self._assign_labels(one.incoming, one.id)
        for one in made:
            await self._set_expiry(one.incoming, one.id)
        await self._date(made)
        if dates := [row for one in made for row in of_labels(one)]:
            await relations.date_labels(self._scope, dates)
        await self._record_contents(made)

    async def _put_many(self, new: Sequence[Incoming]) -> list[Made]:
        """Documents of one version, in one statement a namespace."""
        made: list[Made] = []
        for namespace in sorted({incoming.namespace for incoming in new}):
            some = [incoming for incoming in new if incoming.namespace == namespace]
            drafts = [incoming.draft(incoming.current, incoming.id or uuid7()) for incoming in some]
            for incoming, draft, document in zip(
                some, drafts, await changes.put_many(self._in(namespace), drafts), strict=True
            ):
                if document.id != draft.id or not document.changed:
                    raise _taken(incoming, document.id)
                made.append(Made(incoming, document.id, {incoming.current.number: document.version}))
        return made

    async def _replay(self, incoming: Incoming) -> Made:
        """Version after version; one that is equal to the one before, as after a new name, is the same here."""
        scope, id = self._in(incoming.namespace), incoming.id or uuid7()
        numbers: dict[int, int] = {}
        for step in incoming.steps:
            numbers[step.number] = (await _put_step(scope, incoming, step, id)).version
        return Made(incoming, id, numbers)

    async def _update(self, incoming: Incoming, known: Known) -> bool:
        assert known.id is not None
        changed = False
        if not known.is_equal:
            draft = incoming.draft(incoming.current, known.id)
            document = await changes.put(self._in(incoming.namespace), draft)
            await self._record_contents(
                [Made(incoming, known.id, {incoming.current.number: document.version})]
            )
            changed = document.changed
        for name, line in incoming.tags.items():
            changed = await self._move_tag(incoming, known.id, name, incoming.step(line.version)) or changed
        changed = await self._set_expiry(incoming, known.id) or changed
        return await self._assign_labels(incoming, known.id) or changed

    async def _assign_labels(self, incoming: Incoming, id: UUID) -> bool:
        assigned = [
            await labels.assign(self._scope, id, name, line.confidence)
            for name, line in incoming.labels.items()
        ]
        return any(label.changed for label in assigned)

    async def _set_expiry(self, incoming: Incoming, id: UUID) -> bool:
        if not incoming.expiry:
            return False
        return bool(await expiry.set_expiry(self._scope, [id], incoming.expiry))

    async def _move_tag(self, incoming: Incoming, id: UUID, name: str, step: Step) -> bool:
        """Move a tag to the version that is equal to the exported one; numbers may differ here."""
        runner, organization = self._scope.runner, self._scope.organization
        if await runner.fetchrow(_sql.tag_is_at, organization, id, name, step.body, step.metadata):
            return False
        row = await runner.fetchrow(_sql.find_version, organization, id, step.body, step.metadata)
        if row is None or row["number"] is None:
            missing = NotFound(f"the tag {name!r} was not moved: no version here is equal to its version")
            self._notes.append((incoming.place, missing))
            return False
        await tags.move(self._scope, id, name, row["number"])
        return True

    async def _date(self, made: Sequence[Made]) -> None:
        """Give what was made the dates and actors it had where it was exported."""
        for statement, width, dates in (
            (_sql.date_versions, 8, of_versions),
            (_sql.date_documents, 7, of_document),
            (_sql.date_tags, 5, of_tags),
        ):
            rows = [row for one in made for row in dates(one)]
            if rows:
                columns = [[row[place] for row in rows] for place in range(width)]
                await self._scope.runner.execute(statement, self._scope.organization, *columns)

    async def _record_contents(self, made: Sequence[Made]) -> None:
        if self._files is None:
            return
        recorded: list[tuple[UUID, Content]] = []
        for one in made:
            for line in one.incoming.contents:
                key = self._files.get((one.incoming.place, line.version))
                if key is None:
                    missing = NotFound("its original file is not in the export")
                    self._notes.append((one.incoming.place, missing))
                elif line.version in one.numbers:
                    recorded.append((one.id, _content(line, one.numbers[line.version], key)))
        if recorded:
            await contents.record(self._scope, recorded)

    def _in(self, namespace: str) -> Scope:
        return msgspec.structs.replace(self._scope, namespace=namespace)


_DESCRIBED = ("bytes", "media_type", "encoding", "language", "preview", "words", "characters", "paragraphs")


def _content(line: ContentLine, version: int, key: str) -> Content:
    fields = {name: getattr(line, name) for name in _DESCRIBED}
    return Content(version=version, sha256=bytes.fromhex(line.sha256), blob=key, **fields)


async def _put_step(scope: Scope, incoming: Incoming, step: Step, id: UUID) -> Document:
    if incoming.has_history and step.change == "deleted":
        return await changes.delete(scope, id)
    if incoming.has_history and step.change == "restored":
        return await changes.restore(scope, id)
    return await changes.put(scope, incoming.draft(step, id))


def _refuse(incoming: Incoming, known: Known) -> None:
    if known.taken_by is not None:
        raise _taken(incoming, known.taken_by)
    if known.is_deleted:
        raise NotFound(f"document {known.id} is deleted here", remedy="restore it first")
    if not known.is_of_kind:
        raise InvalidInput(
            f"document {known.id} has another type or namespace here", remedy="a document keeps them"
        )


def _taken(incoming: Incoming, id: UUID) -> AlreadyExists:
    return AlreadyExists(
        f"document {id} has the name {incoming.type} {incoming.name!r} here", remedy="rename one of them"
    )
