"""The folder of a tantivy index: its fields, its cursor, one writer at a time, and readers in any local process.

The cursor is a document of the index, so it commits with its effect, and a writer that is killed leaves what was
committed last. The file lock of the library keeps writers apart and ends with its process; a writer is open only
while it writes. Readers see a commit by the file that every commit replaces.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import msgspec
from uuid_utils.compat import uuid4

from octavo.errors import Conflict, MissingExtra, StorageFault, Unavailable
from octavo.roles.state import BUCKETS, NO_DOCUMENT, Cursor, Digest, Parked
from octavo.values.position import Position

# Changes of the fields below begin another folder, which is filled from the start.
FORMAT = "2"
HEAP_BYTES = 64 * 1024 * 1024
OPENING_SECONDS = 10.0
MOST_PARKED = 1_000

_FIELDS = ("title", "preview", "description", "text", "whole", "rough")
_OWNER = ("owner_high", "owner_low")
_CURSOR, _PARKED = "cursor", "parked"
_COMMITTED = "meta.json"
_PAUSE_SECONDS = 0.02


class _Place(msgspec.Struct, frozen=True, array_like=True):
    """The cursor as it is stored."""

    generation: UUID
    shard: int
    epoch: int
    xid: int
    id: int
    scanned: tuple[UUID, UUID] | None


class Snapshot(msgspec.Struct, frozen=True):
    """What was committed at one moment: a searcher of the library, and the engine's cursor.

    `languages` remembers of organizations what was looked up: their configurations.
    """

    searcher: Any
    cursor: Cursor
    languages: dict[UUID, Sequence[str]] = msgspec.field(default_factory=dict)


class TantivyIndex:
    """An index in a folder.

    Args:
        folder: made if it is not there.
        shard: of the positions the cursor tells.

    Raises:
        MissingExtra: the library is not installed.
    """

    def __init__(self, folder: Path, *, shard: int) -> None:
        self.library = library()
        self.folder = folder / f"format-{FORMAT}"
        self.schema = _schema(self.library)
        self._shard = shard
        self._index: Any = None
        self._committed: tuple[int, int] | None = None
        self._snapshot: Snapshot | None = None

    def snapshot(self) -> Snapshot:
        """The last commit of whichever process.

        Raises:
            StorageFault: the folder cannot be used, or what is in it is no index.
        """
        committed = self._state()
        if committed is None:
            self._begin()
            committed = self._state()
        if self._snapshot is None or committed != self._committed:
            searcher = self._searcher()
            self._snapshot = Snapshot(searcher, self._cursor(searcher))
            self._committed = committed
        return self._snapshot

    def write(self, change: Callable[[Any], None], before: Cursor, after: Cursor) -> None:
        """Change the index and move its cursor in one commit.

        Raises:
            Conflict: the engine is not at `before`, or another process writes.
        """
        self.snapshot()
        with self._writer() as writer:
            self._demand(before)
            change(writer)
            self._move(writer, after)
            writer.commit()

    def change(self, change: Callable[[Any], None], wait_seconds: float = OPENING_SECONDS) -> None:
        """Change the index and leave its cursor; waits for another writer."""
        self.snapshot()
        with self._patient_writer(wait_seconds) as writer:
            change(writer)
            writer.commit()

    def reset(self) -> Cursor:
        """Empty the index and begin a new generation."""
        begun = self._first_cursor()

        def begin(writer: Any) -> None:
            writer.delete_all_documents()
            self._move(writer, begun)

        self.change(begin)
        return begun

    def trait(self, name: str) -> Any:
        """A query for documents with a trait."""
        return self.library.Query.term_query(self.schema, "trait", name)

    def parked(self, organization: UUID | None) -> list[Parked]:
        """The parked documents, of one organization or of all."""
        searcher = self.snapshot().searcher
        trait = _PARKED if organization is None else parked_trait(organization)
        found = searcher.search(self.trait(trait), MOST_PARKED, count=False)
        parked = [msgspec.msgpack.decode(shown(searcher, place), type=Parked) for _, place in found.hits]
        return sorted(parked, key=lambda one: (one.organization, one.id))

    def digests(self) -> Mapping[tuple[UUID, int], Digest]:
        """What the last commit holds, by organization and bucket; read from columns, a bucket at a time."""
        searcher = self.snapshot().searcher
        found: dict[tuple[UUID, int], Digest] = {}
        for number in range(BUCKETS):
            sums: dict[tuple[int, int], tuple[int, int]] = {}
            for high, low, seal in self._columns(searcher, bucket_trait(number), *_OWNER, "seal"):
                documents, seals = sums.get((high, low), (0, 0))
                sums[high, low] = documents + 1, seals + seal
            found |= {(_uuid(*owner), number): Digest(*sums[owner]) for owner in sums}
        return found

    def held(self, organization: UUID, bucket: int) -> Mapping[UUID, int]:
        """The documents of a bucket of an organization, with their versions."""
        trait = bucket_trait(bucket, organization)
        rows = self._columns(self.snapshot().searcher, trait, "high", "low", "version")
        return {_uuid(high, low): version for high, low, version in rows}

    def _columns(self, searcher: Any, trait: str, *names: str) -> Iterator[tuple[int, ...]]:
        """Numbers of everything with a trait."""
        most = searcher.doc_freq("trait", trait)  # those that are deleted count too
        if not most:
            return iter(())
        places = [place for _, place in searcher.search(self.trait(trait), most, count=False).hits]
        return zip(*(searcher.fast_field_values(name, places) for name in names), strict=True)

    def parked_document(self, parked: Parked) -> Any:
        """What is stored of a parked document."""
        document = self.library.Document()
        for trait in (_PARKED, parked_trait(parked.organization), organization_trait(parked.organization)):
            document.add_text("trait", trait)
        document.add_text("key", key(parked.organization, parked.id))
        document.add_bytes("shown", msgspec.msgpack.encode(parked))
        return document

    def _state(self) -> tuple[int, int] | None:
        """What differs after every commit; None when there is no index, or none any more."""
        try:
            found = (self.folder / _COMMITTED).stat()
        except FileNotFoundError:
            self._index = self._snapshot = None
            return None
        except OSError as error:
            raise self._damaged() from error
        return found.st_ino, found.st_mtime_ns

    def _searcher(self) -> Any:
        """A searcher of the last commit."""
        index = self._opened()
        try:
            index.reload()
        except (OSError, ValueError) as error:
            raise self._damaged() from error
        return index.searcher()

    def _damaged(self) -> StorageFault:
        return StorageFault(
            f"the search index in {self.folder} cannot be opened",
            remedy="delete this folder: the index is filled again from the record",
        )

    def _opened(self) -> Any:
        if self._index is None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
                self._index = self.library.Index(self.schema, path=str(self.folder), reuse=True)
            except (OSError, ValueError) as error:
                raise self._damaged() from error
            words = self.library.TextAnalyzerBuilder(self.library.Tokenizer.whitespace()).build()
            self._index.register_tokenizer("words", words)
        return self._index

    def _begin(self) -> None:
        """Give a new index its first cursor, unless another process just does."""
        self._opened()
        with self._patient_writer(OPENING_SECONDS) as writer:
            if not self._searcher().doc_freq("key", _CURSOR):
                self._move(writer, self._first_cursor())
                writer.commit()

    @contextlib.contextmanager
    def _writer(self) -> Iterator[Any]:
        try:
            writer = self._opened().writer(heap_size=HEAP_BYTES, num_threads=1)
        except ValueError as error:
            raise Conflict(
                "the search index is being written by another process",
                remedy="read its position again when that has done",
            ) from error
        try:
            yield writer
        finally:
            # Ends the merges under way and gives up the lock; what was not committed is forgotten.
            writer.wait_merging_threads()

    @contextlib.contextmanager
    def _patient_writer(self, wait_seconds: float) -> Iterator[Any]:
        deadline = time.monotonic() + wait_seconds
        with contextlib.ExitStack() as stack:
            writer = None
            while writer is None:
                try:
                    writer = stack.enter_context(self._writer())
                except Conflict as error:
                    if time.monotonic() > deadline:
                        raise Unavailable(
                            f"the search index in {self.folder} was being written for {wait_seconds:g} s",
                            remedy="try again",
                        ) from error
                    time.sleep(_PAUSE_SECONDS)
            yield writer

    def _demand(self, before: Cursor) -> None:
        stands = self.snapshot().cursor
        if stands != before:
            raise Conflict(
                f"the search engine does not stand at {before.position} of generation {before.generation} "
                "any more",
                remedy="read its position again: another process fills it",
            )

    def _move(self, writer: Any, cursor: Cursor) -> None:
        position = cursor.position
        place = _Place(
            cursor.generation, position.shard, position.epoch, position.xid, position.id, cursor.scanned
        )
        document = self.library.Document()
        document.add_text("key", _CURSOR)
        document.add_bytes("shown", msgspec.msgpack.encode(place))
        writer.delete_documents_by_term("key", _CURSOR)
        writer.add_document(document)

    def _cursor(self, searcher: Any) -> Cursor:
        query = self.library.Query.term_query(self.schema, "key", _CURSOR)
        [(_, found)] = searcher.search(query, 1, count=False).hits
        place = msgspec.msgpack.decode(shown(searcher, found), type=_Place)
        position = Position(place.shard, place.epoch, place.xid, place.id)
        return Cursor(place.generation, position, place.scanned)

    def _first_cursor(self) -> Cursor:
        return Cursor(uuid4(), Position(self._shard, 0, 0, 0), NO_DOCUMENT)


def key(organization: UUID, document: UUID) -> str:
    """What tells a document of an organization from all others."""
    return f"{organization.hex}{document.hex}"


def organization_trait(organization: UUID) -> str:
    """What everything of an organization has."""
    return organization.hex


def parked_trait(organization: UUID) -> str:
    """What the parked documents of an organization have."""
    return f"{organization.hex}:parked"


def bucket_trait(bucket: int, organization: UUID | None = None) -> str:
    """What one document of the index has for each document that is held: of its bucket, and of its organization's."""
    return f"{organization.hex if organization else ''}:bucket:{bucket}"


def _uuid(high: int, low: int) -> UUID:
    return UUID(int=high << 64 | low)


def shown(searcher: Any, place: Any) -> Any:
    """What is stored of a document of the index, as bytes; None of a document as a whole."""
    return searcher.doc(place).get_first("shown")


def _schema(of: ModuleType) -> Any:
    builder = of.SchemaBuilder()
    for name in ("key", "trait", "namespace", "type"):
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic")
    for name in _FIELDS:
        builder.add_text_field(name, tokenizer_name="words", index_option="position")
    # The words as they are written, for whoever misspelt one: without their places.
    builder.add_text_field("spoken", tokenizer_name="words", index_option="basic")
    for name in ("high", "low", *_OWNER, "version", "seal"):
        builder.add_unsigned_field(name, fast=True)
    builder.add_bytes_field("shown", stored=True)
    return builder.build()


def library() -> ModuleType:
    """The library; raises `MissingExtra`."""
    try:
        return import_module("tantivy")
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "the search engine tantivy is not installed",
            remedy="pip install 'octavo[search]'",
            extra="search",
        ) from error
