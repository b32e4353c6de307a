"""Labels, synonyms and links in an export: what they are, and the links, which need both their documents.

    definitions.json   {"labels": [{"name": "legal", "colour": "#aa3300", …}],
                        "link_types": [{"name": "similar", "symmetric": true}],
                        "synonyms": [{"words": ["refund", "money back"], "language": "en"}]}
    links.jsonl        {"source": …, "type": "similar", "target": …, "confidence": 0.8, "metadata": {…}, …}

Which labels a document has stands in its own line. Links are written, and imported, behind all documents.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, OctavoError
from octavo.operations import lines
from octavo.operations.incoming import id_here
from octavo.operations.problems import Problems
from octavo.operations.staging import sync_file
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.store import labels, links, synonyms
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.actor import Actor, parse_actor
from octavo.values.json import decode
from octavo.values.synonyms import words_of

_sql = load("octavo.operations", "relations.sql")

DEFINITIONS = "definitions.json"
LINKS = "links.jsonl"
_PAGE = 1_000
_CHUNK = 200
_LEAST = UUID(int=0)
Fetch = Callable[..., Awaitable[Sequence[Row]]]


class LabelDefinition(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A label of the organization."""

    name: str
    colour: str | None = None
    description: str | None = None


class LinkTypeDefinition(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A type of links of the organization."""

    name: str
    symmetric: bool = False
    description: str | None = None


class SynonymsDefinition(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A set of words that the organization takes for the same, in one language or in all."""

    words: list[str]
    language: str | None = None


class Definitions(msgspec.Struct, forbid_unknown_fields=True):
    """`definitions.json`."""

    labels: list[LabelDefinition] = []
    link_types: list[LinkTypeDefinition] = []
    synonyms: list[SynonymsDefinition] = []


class LinkLine(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A line of `links.jsonl`; one written by hand needs both documents and the type alone."""

    source: UUID
    type: str
    target: UUID
    confidence: float | None = None
    metadata: msgspec.Raw = lines.EMPTY
    created_at: datetime | None = None
    created_by: str | None = None


async def labels_of(fetch: Fetch, ids: Sequence[UUID]) -> Sequence[Row]:
    """The labels of documents, by document."""
    return await fetch(_sql.labels_of, ids)


async def write(fetch: Fetch, building: Path, namespace: str | None, type: str | None) -> int:
    """Write the definitions, and the links between exported documents; returns how many links."""
    definitions = Definitions(
        [LabelDefinition(**row) for row in await fetch(_sql.labels)],
        [LinkTypeDefinition(**row) for row in await fetch(_sql.link_types)],
        [SynonymsDefinition(**row) for row in await fetch(_sql.synonyms)],
    )
    path = building / DEFINITIONS
    path.write_bytes(msgspec.json.format(msgspec.json.encode(definitions), indent=2) + b"\n")
    count, behind = 0, (_LEAST, "", _LEAST)
    with (building / LINKS).open("wb") as file:
        while rows := await fetch(_sql.page_of_links, namespace, type, *behind, _PAGE):
            file.writelines(_line(row) for row in rows)
            count += len(rows)
            behind = (rows[-1]["source_id"], rows[-1]["type"], rows[-1]["target_id"])
    for name in (DEFINITIONS, LINKS):
        await asyncio.to_thread(sync_file, building / name)
    return count


async def define(scope: Scope, folder: Path, problems: Problems) -> None:
    """Define what the export's labels, types of links and synonyms are, as far as it is not defined here."""
    path = folder / DEFINITIONS
    if not path.is_file():
        return
    try:
        told = msgspec.json.decode(path.read_bytes(), type=Definitions)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        problems.note(DEFINITIONS, InvalidInput(f"these are no definitions of an export: {error}"))
        return
    for label in told.labels:
        try:
            await labels.define(scope, label.name, colour=label.colour, description=label.description)
        except OctavoError as error:
            problems.note(f"{DEFINITIONS}, label {label.name!r}", error)
    for kind in told.link_types:
        try:
            await links.define(scope, kind.name, symmetric=kind.symmetric, description=kind.description)
        except OctavoError as error:
            problems.note(f"{DEFINITIONS}, link type {kind.name!r}", error)
    await _define_synonyms(scope, told.synonyms, problems)


async def _define_synonyms(scope: Scope, told: Sequence[SynonymsDefinition], problems: Problems) -> None:
    rows = await scope.runner.fetch(_sql.synonyms, scope.organization)
    known = {(frozenset(row["words"]), row["language"]) for row in rows}
    for one in told:
        try:
            if (frozenset(words_of(one.words)), one.language) not in known:
                await synonyms.define(scope, one.words, one.language)
        except OctavoError as error:
            problems.note(f"{DEFINITIONS}, synonyms {one.words!r}", error)


async def date_labels(scope: Scope, rows: Sequence[tuple[Any, ...]]) -> None:
    """Give labels the dates and actors they had; rows of document, label, moment, actor and its kind."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    await scope.runner.execute(_sql.date_labels, scope.organization, *columns)


class LinkImport:
    """Puts the links of an export between the documents that are there now, a few hundred in a transaction."""

    def __init__(self, pool: Pool, scope: Scope, problems: Problems, *, keep_ids: bool) -> None:
        self.links = 0
        self._pool = pool
        self._scope = scope
        self._problems = problems
        self._keep_ids = keep_ids

    async def take_all(self, folder: Path, own_errors: tuple[type[OctavoError], ...]) -> None:
        """Import every line; one whose error is its own is reported, and the rest goes on."""
        path = folder / LINKS
        if not path.is_file():
            return
        with path.open("rb") as file:
            numbered = (
                (f"{LINKS}, line {number}", line) for number, line in enumerate(file, 1) if line.strip()
            )
            while chunk := list(islice(self._parsed(numbered), _CHUNK)):
                await self._take(chunk, own_errors)

    def _parsed(self, numbered: Iterator[tuple[str, bytes]]) -> Iterator[tuple[str, LinkLine]]:
        for place, line in numbered:
            try:
                yield place, msgspec.json.decode(line, type=LinkLine)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                self._problems.note(place, InvalidInput(f"this is no link of an export: {error}"))

    async def _take(
        self, chunk: Sequence[tuple[str, LinkLine]], own_errors: tuple[type[OctavoError], ...]
    ) -> None:
        try:
            async with transaction(self._pool, self._scope) as inside:
                await self._put(inside, [line for _, line in chunk])
        except own_errors as error:
            if len(chunk) == 1:
                self._problems.note(chunk[0][0], error)
                return
            middle = len(chunk) // 2
            await self._take(chunk[:middle], own_errors)
            await self._take(chunk[middle:], own_errors)
        else:
            self.links += len(chunk)

    async def _put(self, inside: Scope, chunk: Sequence[LinkLine]) -> None:
        dates = []
        for line in chunk:
            source, target = (id_here(inside, id, self._keep_ids) for id in (line.source, line.target))
            made = await links.put(
                inside,
                source,
                line.type,
                target,
                confidence=line.confidence,
                metadata=decode(bytes(line.metadata)),
            )
            is_new = made.changed and made.created_at == made.updated_at
            if is_new and line.created_at is not None and line.created_by is not None:
                who = parse_actor(line.created_by)
                dates.append((made.source, made.type, made.target, line.created_at, who.id, who.kind))
        if dates:
            columns = [list(column) for column in zip(*dates, strict=True)]
            await inside.runner.execute(_sql.date_links, inside.organization, *columns)


def _line(row: Row) -> bytes:
    line = LinkLine(
        source=row["source_id"],
        type=row["type"],
        target=row["target_id"],
        confidence=row["confidence"],
        metadata=msgspec.Raw(row["metadata"]),
        created_at=row["created_at"],
        created_by=str(Actor(row["created_by"], row["created_by_kind"])),
    )
    return msgspec.json.encode(line) + b"\n"
