"""Bringing documents in: what `export_documents` wrote, or JSON lines of one's own.

Documents keep their ids, dates and actors, and with the history their versions; the log says when they were
imported, and by whom. A document that is there already and equal stays as it is, so a second run changes
nothing; one that differs gets the line's state as its next version, so nothing is lost. A line that cannot be
imported is reported, and the rest goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from octavo.errors import (
    AccessDenied,
    Conflict,
    Contention,
    InvalidInput,
    NotFound,
    OctavoError,
    StatementTimeout,
)
from octavo.operations import lines, queries_and_topics, relations, triggers_and_schedules
from octavo.operations.arrival import Arrival, Outcome, compare, require_organization
from octavo.operations.incoming import Incoming, parse_line
from octavo.operations.problems import OnProblem, Problem, Problems
from octavo.operations.progress import Progress, silent
from octavo.operations.reading import Originals
from octavo.postgres.pool import Pool
from octavo.roles.blobs import Blobs
from octavo.store.scope import Scope
from octavo.store.transaction import transaction

LONGEST_LINE_BYTES = 512 * 1024 * 1024
_CHUNK_DOCUMENTS = 200
_CHUNK_BYTES = 4 * 1024 * 1024
# Errors that are a line's own; others, as a server that is gone, end the import.
_OF_A_LINE = (InvalidInput, NotFound, Conflict, Contention, StatementTimeout, AccessDenied)


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or with `dry_run` would do; `problems` are the first 100."""

    source: Path
    dry_run: bool
    documents: int
    created: int
    updated: int
    unchanged: int
    failed: int
    files: int
    links: int
    queries: int
    topic_sets: int
    triggers: int
    schedules: int
    problems: list[Problem]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The report as plain data."""
        fields = msgspec.structs.asdict(self)
        problems = [problem.as_dict() for problem in self.problems]
        return {**fields, "source": str(self.source), "problems": problems}


async def import_documents(
    pool: Pool,
    scope: Scope,
    blobs: Blobs | None,
    source: Path,
    *,
    keep_ids: bool = True,
    dry_run: bool = False,
    on_problem: OnProblem = lambda _: None,
    progress: Progress = silent,
) -> ImportReport:
    """Import documents into an organization, a few hundred in one transaction.

    Args:
        pool: connections the documents are written with.
        scope: the organization, the actor of the events, and the namespace of lines that name none.
        blobs: the store for original files; None leaves them out.
        source: what `export_documents` made, or a file of JSON lines, each with `type` and `body` at least.
        keep_ids: False gives each document a new id, the same in every run, made of organization and old id.
        dry_run: do everything and roll it back; links, which need the documents, are left out, and so are kept
            queries, topics, triggers and schedules.
        on_problem: told of each line that could not be imported, at once.
        progress: told bytes of bytes of the lines.

    Raises:
        InvalidInput: there is nothing to import at `source`. NotFound: there is no such organization.
        Unavailable, RecordFault: the record is gone; what was imported stays, and the next run goes on.
    """
    begun = time.monotonic()
    folder, path = await asyncio.to_thread(_find, source)
    await require_organization(scope)
    problems = Problems(on_problem)
    work = _Import(pool, scope, Originals(blobs, folder, dry_run=dry_run), problems, dry_run=dry_run)
    has_relations = not dry_run and folder.joinpath(lines.DOCUMENTS) == path
    if has_relations:
        await relations.define(scope, folder, problems)
    total = path.stat().st_size
    with path.open("rb") as file:
        for chunk in _chunks(file, scope, problems, keep_ids):
            await work.take(chunk)
            progress(file.tell(), total)
    also, started = queries_and_topics.Kept(), triggers_and_schedules.Starting()
    linked = relations.LinkImport(pool, scope, problems, keep_ids=keep_ids)
    if has_relations:
        await linked.take_all(folder, _OF_A_LINE)
        keeping = queries_and_topics.KeptImport(pool, scope, problems, _OF_A_LINE, keep_ids=keep_ids)
        also = await keeping.take_all(folder)
        starts = triggers_and_schedules.StartingImport(pool, scope, problems, _OF_A_LINE, keep_ids=keep_ids)
        started = await starts.take_all(folder)
    done = work.done
    return ImportReport(
        source=source,
        dry_run=dry_run,
        documents=done.created + done.updated + done.unchanged,
        created=done.created,
        updated=done.updated,
        unchanged=done.unchanged,
        failed=problems.count,
        files=work.originals.files,
        links=linked.links,
        queries=also.queries,
        topic_sets=also.topic_sets,
        triggers=started.triggers,
        schedules=started.schedules,
        problems=problems.first,
        seconds=round(time.monotonic() - begun, 3),
    )


class _Import:
    """An import under way: chunk by chunk, and a failing chunk by halves."""

    def __init__(
        self, pool: Pool, scope: Scope, originals: Originals, problems: Problems, *, dry_run: bool
    ) -> None:
        self.done = Outcome()
        self.originals = originals
        self._pool = pool
        self._scope = scope
        self._problems = problems
        self._dry_run = dry_run

    async def take(self, chunk: Sequence[Incoming]) -> None:
        """Import a chunk; a line that fails is found by halving it."""
        try:
            outcome = await self._store(chunk)
        except _OF_A_LINE as error:
            if len(chunk) == 1:
                self._problems.note(chunk[0].place, error)
                return
            middle = len(chunk) // 2
            await self.take(chunk[:middle])
            await self.take(chunk[middle:])
        else:
            self.done = self.done + outcome
            for place, problem in outcome.notes:
                self._problems.note(place, problem)

    async def _store(self, chunk: Sequence[Incoming]) -> Outcome:
        known = await compare(self._scope, chunk)
        rest = [incoming for incoming in chunk if not known[incoming.place].is_settled(incoming)]
        unchanged = Outcome(unchanged=len(chunk) - len(rest))
        if not rest:
            return unchanged
        wanted = [incoming for incoming in rest if not known[incoming.place].is_equal]
        files = await self.originals.put(self._scope.organization, wanted)
        try:
            async with transaction(self._pool, self._scope) as inside:
                outcome = await Arrival(inside, known, files).write(rest)
                if self._dry_run:
                    raise _UndoneError(outcome)
        except _UndoneError as undone:
            outcome = undone.outcome
        return unchanged + outcome


class _UndoneError(Exception):
    """Ends a dry run's transaction."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__("a dry run is rolled back")
        self.outcome = outcome


def _find(source: Path) -> tuple[Path, Path]:
    """The folder that files are in, and the lines."""
    folder = source.expanduser()
    path = folder / lines.DOCUMENTS if folder.is_dir() else folder
    if not path.is_file():
        raise InvalidInput(
            f"there is nothing to import at {source}",
            remedy=f"name a directory that an export made, which holds {lines.DOCUMENTS}, or a file of JSON lines",
        )
    return path.parent, path


def _chunks(file: BinaryIO, scope: Scope, problems: Problems, keep_ids: bool) -> Iterator[list[Incoming]]:
    chunk: list[Incoming] = []
    size = 0
    for place, line in _lines(file):
        try:
            incoming = parse_line(line, place, scope, keep_ids=keep_ids)
        except OctavoError as error:
            problems.note(place, error)
            continue
        chunk.append(incoming)
        size += incoming.bytes
        if len(chunk) == _CHUNK_DOCUMENTS or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    yield chunk


def _lines(file: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """Lines with their places; of one that is too long only a beginning, which is no JSON and so reported."""
    number = 0
    while line := file.readline(LONGEST_LINE_BYTES):
        number += 1
        whole = line
        while not line.endswith(b"\n") and (line := file.readline(LONGEST_LINE_BYTES)):
            pass
        if whole.strip():
            yield f"line {number}", whole
