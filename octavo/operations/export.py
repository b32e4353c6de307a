"""Getting documents out: JSON lines and the original files, readable without Octavo.

    export.json       what it is: organization, position, counts
    documents.jsonl   one document a line: see `octavo.operations.lines`
    definitions.json  labels, types of links and synonyms; links.jsonl: see `octavo.operations.relations`
    queries.jsonl, consents.jsonl, topics.jsonl   kept queries and topics: see `octavo.operations.queries_and_topics`
    triggers.jsonl, schedules.jsonl   what starts runs by itself: see `octavo.operations.triggers_and_schedules`
    files/            the originals, under names one can read

Everything is of one snapshot, and memory stays bounded: documents are read by pages, bodies by bytes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

import msgspec

from octavo.errors import InvalidInput, NotFound, StorageFault
from octavo.operations import lines, queries_and_topics, relations, triggers_and_schedules
from octavo.operations.names import readable_name
from octavo.operations.originals import save
from octavo.operations.problems import OnProblem, Problem, Problems
from octavo.operations.progress import Progress, silent
from octavo.operations.staging import staged, sync_file
from octavo.postgres.pool import Pool, Row, Transaction
from octavo.postgres.statements import load
from octavo.roles.blobs import Blobs
from octavo.store.scope import Scope
from octavo.values.position import Position

_sql = load("octavo.operations", "export.sql")

_PAGE = 500
_CHUNK_BYTES = 8 * 1024 * 1024
_CHUNK_VERSIONS = 500


class ExportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an export holds; `failed` counts files that could not be read, `problems` are the first 100."""

    directory: Path
    position: str
    documents: int
    versions: int
    files: int
    links: int
    queries: int
    topic_sets: int
    triggers: int
    schedules: int
    bytes: int
    failed: int
    problems: list[Problem]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        fields = msgspec.structs.asdict(self)
        problems = [problem.as_dict() for problem in self.problems]
        return {**fields, "directory": str(self.directory), "problems": problems}


async def export_documents(
    pool: Pool,
    scope: Scope,
    blobs: Blobs | None,
    directory: Path,
    *,
    namespace: str | None = None,
    type: str | None = None,
    history: bool = False,
    on_problem: OnProblem = lambda _: None,
    progress: Progress = silent,
) -> ExportReport:
    """Write an organization's live documents to a directory, which appears when it is complete.

    Args:
        pool: connections the documents are read with.
        scope: names the organization.
        blobs: the store of the original files; None leaves them out.
        directory: a new or empty directory, made with the mode 0700.
        namespace, type: only these; by default all of the organization.
        history: every version with its body, instead of the current one and those with a tag.
        on_problem: told of each file that could not be read, at once; the rest goes on.
        progress: told documents of documents.

    Raises:
        BackupFault: the directory is used. StorageFault: its disk refuses. NotFound: no such organization.
    """
    begun = time.monotonic()
    async with staged(directory) as building:
        async with pool.transaction(read_only=True, snapshot=True) as transaction:
            export = _Export(
                transaction, scope, blobs, building, history=history, on_problem=on_problem, progress=progress
            )
            position = await export.write(namespace, type)
        await asyncio.to_thread(
            _write_manifest,
            building,
            {
                "format": lines.FORMAT,
                "organization": export.organization,
                "namespace": namespace,
                "type": type,
                "history": history,
                "exported_at": datetime.now(UTC),
                "position": str(position),
                "documents": export.documents,
                "versions": export.versions,
                "files": export.files,
                "links": export.links,
                "queries": export.kept.queries,
                "topic_sets": export.kept.topic_sets,
                "triggers": export.starting.triggers,
                "schedules": export.starting.schedules,
            },
        )
    return ExportReport(
        directory=directory,
        position=str(position),
        documents=export.documents,
        versions=export.versions,
        files=export.files,
        links=export.links,
        queries=export.kept.queries,
        topic_sets=export.kept.topic_sets,
        triggers=export.starting.triggers,
        schedules=export.starting.schedules,
        bytes=export.bytes,
        failed=export.problems.count,
        problems=export.problems.first,
        seconds=round(time.monotonic() - begun, 3),
    )


class _Export:
    """One export under way: what it reads with, where it writes, and its sums."""

    def __init__(
        self,
        transaction: Transaction,
        scope: Scope,
        blobs: Blobs | None,
        building: Path,
        *,
        history: bool,
        on_problem: OnProblem,
        progress: Progress,
    ) -> None:
        self._transaction = transaction
        self._scope = scope
        self._blobs = blobs
        self._building = building
        self._history = history
        self._progress = progress
        self.organization = ""
        self.documents = self.versions = self.files = self.bytes = self.links = 0
        self.kept = queries_and_topics.Kept()
        self.starting = triggers_and_schedules.Starting()
        self.problems = Problems(on_problem)

    async def write(self, namespace: str | None, type: str | None) -> Position:
        """Write every document; returns the position before which everything is in the export."""
        await self._transaction.execute(_sql.take_time)
        seen = await self._transaction.fetchrow(_sql.describe, self._scope.organization, namespace, type)
        if seen is None:
            raise NotFound(f"there is no organization {self._scope.organization}")
        self.organization = seen["organization"]
        with (self._building / lines.DOCUMENTS).open("wb") as file:
            async for heads in self._pages(namespace, type):
                await self._write_page(file, heads)
                self._progress(self.documents, max(self.documents, seen["documents"]))
        await asyncio.to_thread(sync_file, self._building / lines.DOCUMENTS)
        self.links = await relations.write(self._fetch, self._building, namespace, type)
        if namespace is None and type is None:
            self.kept = await queries_and_topics.write(self._fetch, self._building)
            inside = msgspec.structs.replace(self._scope, runner=self._transaction)
            self.starting = await triggers_and_schedules.write(inside, self._building)
        return Position(self._scope.shard, seen["epoch"], seen["gate"], 0)

    async def _pages(self, namespace: str | None, type: str | None) -> AsyncIterator[Sequence[Row]]:
        after = UUID(int=0)
        while heads := await self._fetch(_sql.page_of_heads, namespace, type, after, _PAGE):
            yield heads
            after = heads[-1]["id"]

    async def _write_page(self, file: BinaryIO, heads: Sequence[Row]) -> None:
        ids = [head["id"] for head in heads]
        tags = _by_document(await self._fetch(_sql.tags, ids))
        labels = _by_document(await relations.labels_of(self._fetch, ids))
        contents = _by_document(await self._fetch(_sql.contents, ids))
        current = {head["id"]: head for head in heads}
        keys = await self._fetch(
            _sql.keys_of_versions, ids, [head["version"] for head in heads], self._history
        )
        exported = _by_document(keys)
        opened = None
        for chunk in _chunks(keys):
            documents, numbers = [key["document_id"] for key in chunk], [key["number"] for key in chunk]
            for row in await self._fetch(_sql.versions, documents, numbers):
                id = row["document_id"]
                if opened != id:
                    files = await self._export_files(current[id], exported[id], contents.get(id, []))
                    file.write(lines.beginning(current[id], tags.get(id, []), labels.get(id, []), files))
                self._write_version(file, row, row["number"] == current[id]["version"], opened != id)
                opened = id

    def _write_version(self, file: BinaryIO, row: Row, is_current: bool, is_first: bool) -> None:
        self.versions += 1
        if is_current:
            self.documents += 1
            file.write(lines.ending(row))
        else:
            file.write((b"" if is_first else b",") + lines.earlier(row))

    async def _export_files(
        self, head: Row, exported: Sequence[Row], contents: Sequence[Row]
    ) -> list[lines.ContentLine]:
        """The contents of the exported versions: of each the newest up to it, if it is another than before."""
        wanted: dict[int, Row] = {}
        seen = 0
        for key in exported:
            upto = [content for content in contents if content["version"] <= key["number"]]
            if upto and upto[-1]["version"] > seen:
                wanted[key["number"]] = upto[-1]
                seen = upto[-1]["version"]
        return [
            lines.ContentLine(
                version=number,
                file=await self._export_file(head, content),
                sha256=content["sha256"].hex(),
                **{name: content[name] for name in _DESCRIBED},
            )
            for number, content in wanted.items()
        ]

    async def _export_file(self, head: Row, content: Row) -> str | None:
        if self._blobs is None:
            return None
        name = readable_name(head["name"], content["media_type"], content["sha256"])
        path = f"{lines.FILES}/{head['namespace']}/{head['type']}/{name}"
        target = self._building / path
        if target.exists():
            return path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            self.bytes += await save(self._blobs, content["blob"], target)
        except (NotFound, StorageFault, InvalidInput) as error:
            self.problems.note(f"{head['type']} {head['name'] or head['id']}", error)
            return None
        self.files += 1
        return path

    async def _fetch(self, statement: str, *arguments: object) -> Sequence[Row]:
        return await self._transaction.fetch(statement, self._scope.organization, *arguments)


_DESCRIBED = ("bytes", "media_type", "encoding", "language", "preview", "words", "characters", "paragraphs")


def _by_document(rows: Sequence[Row]) -> dict[UUID, list[Row]]:
    return {id: list(group) for id, group in groupby(rows, key=lambda row: row["document_id"])}


def _chunks(keys: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Versions in portions of so many bytes, or of one version that is larger."""
    start = size = 0
    for place, key in enumerate(keys):
        if place > start and (size + key["bytes"] > _CHUNK_BYTES or place - start == _CHUNK_VERSIONS):
            yield keys[start:place]
            start, size = place, 0
        size += key["bytes"]
    if start < len(keys):
        yield keys[start:]


def _write_manifest(building: Path, manifest: dict[str, Any]) -> None:
    path = building / lines.MANIFEST
    path.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    sync_file(path)
