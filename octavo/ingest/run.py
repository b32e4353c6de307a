"""One ingest: walk, skip what is unchanged, read the rest in other processes, store it batch by batch."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from octavo.errors import MissingExtra, OctavoError
from octavo.ingest.extracted import Failed, Found, Read
from octavo.ingest.extraction import extract
from octavo.ingest.limits import Limits
from octavo.ingest.load import Loader
from octavo.ingest.pool import Reader
from octavo.ingest.staging import Staging
from octavo.ingest.summary import Progress, Summary, Watch
from octavo.ingest.unpacking import Archives
from octavo.ingest.vanished import delete, vanished
from octavo.ingest.walk import walk
from octavo.postgres.pool import Pool
from octavo.roles.blobs import Blobs
from octavo.store import sources
from octavo.store.scope import Scope
from octavo.store.sources import Source

_LOOKED_UP_AT_ONCE = 500
_BATCH_FILES = 64
_BATCH_CHARACTERS = 4_000_000
_SECONDS_BETWEEN_TELLING = 0.1


async def ingest(
    scope: Scope,
    pool: Pool,
    blobs: Blobs,
    paths: Sequence[Path],
    *,
    sync: bool,
    include: Sequence[str],
    exclude: Sequence[str],
    limits: Limits,
    progress: Watch | None,
    urls: Sequence[str] = (),
    allow_private: bool = False,
) -> Summary:
    """Ingest files, folders and URLs; see `Workspace.ingest`."""
    run = _Run(scope, Loader(scope, pool, blobs), limits, progress)
    roots = await asyncio.to_thread(roots_of, paths)
    files = run.changed(walk(roots, include=include, exclude=exclude))
    await run.read(_one_after_the_other(files, run.pages(urls, allow_private)) if urls else files)
    if sync:
        for root in roots:
            await run.delete_vanished(root)
    return run.finish()


async def ingest_found(
    scope: Scope,
    pool: Pool,
    blobs: Blobs,
    items: Iterator[Found | Failed],
    *,
    gone: Sequence[Path] = (),
    limits: Limits,
    progress: Watch | None,
) -> Summary:
    """Ingest files that were found already, and delete the documents of those that are gone."""
    run = _Run(scope, Loader(scope, pool, blobs), limits, progress)
    await run.read(run.changed(items))
    for path in gone:
        await run.delete_vanished(path)
    return run.finish()


async def ingest_bytes(
    scope: Scope, pool: Pool, blobs: Blobs, data: bytes, *, name: str, limits: Limits
) -> Summary:
    """Ingest one file that is no file: what came over standard input or a socket."""
    run = _Run(scope, Loader(scope, pool, blobs), limits, None)
    path, now = Path(name), time.time_ns()
    run.summary.files = 1
    try:
        extracted = await asyncio.to_thread(extract, data, name, limits)
    except OctavoError as error:
        run.summary.failures.append(Failed(path, error.code, str(error)))
        return run.finish()
    read = Read(path, hashlib.sha256(data).digest(), len(data), now, extracted)
    await run.store([read], {path: data})
    return run.finish()


class _Run:
    """The state of one ingest."""

    def __init__(self, scope: Scope, loader: Loader, limits: Limits, watch: Watch | None) -> None:
        self.summary = Summary()
        self._scope = scope
        self._loader = loader
        self._limits = limits
        self._watch = watch
        self._staging = Staging()
        self._archives = Archives(scope, limits, self._staging, self.summary)
        self._walked = False
        self._told_at = 0.0
        self._begun = time.monotonic()

    async def read(self, files: AsyncIterator[Found | Failed]) -> None:
        """Bring files into the record, and what is in archives among them."""
        batch: list[Read] = []
        async with self._staging, Reader(self._limits) as reader, _Behind() as behind:
            async for answered in reader.read(self._archives.opened(files)):
                outcomes = [self._staging.named(one) for one in answered]
                self.summary.failures += [one for one in outcomes if isinstance(one, Failed)]
                for one in outcomes:
                    if isinstance(one, Read):
                        batch.append(one)
                    if _is_full(batch):
                        await behind.do(self.store(batch))
                        batch = []
                self._tell()
            await behind.do(self.store(batch))
        await self._archives.settle(self.summary.failures)

    async def store(self, batch: Sequence[Read], data: dict[Path, bytes] | None = None) -> None:
        """Store what was read, and count it."""
        if not batch:
            return
        stored, failed = await self._loader.store(batch, data or {})
        for one in stored:
            self.summary.bytes += one.read.bytes
            self.summary.documents += sum(document.changed for document in one.documents)
            if not one.documents[0].changed:
                self.summary.equal += 1
            elif one.documents[0].version == 1:
                self.summary.created += 1
            else:
                self.summary.updated += 1
        self.summary.failures += failed
        await self._staging.release([read.path for read in batch])
        self._tell()

    async def delete_vanished(self, root: Path) -> None:
        """Delete the documents of files at or below a path that are there no more."""
        self.summary.deleted += await delete(self._scope, await vanished(self._scope, root))

    def finish(self) -> Summary:
        """The sums."""
        self._walked, self._told_at = True, 0.0
        self._tell()
        self.summary.seconds = time.monotonic() - self._begun
        return self.summary

    def pages(self, urls: Sequence[str], allow_private: bool) -> AsyncIterator[Found | Failed]:
        """What URLs give, unless it is what they gave before."""
        try:
            from octavo.ingest.web.pages import fetched  # noqa: PLC0415 - needs a library
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"fetching URLs needs {error.name}", remedy="pip install 'octavo[ingest]'", extra="ingest"
            ) from error
        return fetched(
            urls, self._scope, self._limits, self._staging, self.summary, allow_private=allow_private
        )

    async def changed(self, items: Iterator[Found | Failed]) -> AsyncIterator[Found | Failed]:
        """Files that are new, or whose size or time is another than when they were read last."""
        while chunk := await asyncio.to_thread(_some, items, _LOOKED_UP_AT_ONCE):
            found = [item for item in chunk if isinstance(item, Found)]
            self.summary.files += len(chunk)
            self.summary.failures += [item for item in chunk if isinstance(item, Failed)]
            keys = {item.path: sources.key_of(item.path) for item in found}
            known = await sources.known(self._scope, list(keys.values()))
            for item in found:
                if _is_unchanged(item, known.get(keys[item.path])):
                    self.summary.unchanged += 1
                else:
                    yield item
            self._tell()
        self._walked = True

    def _tell(self) -> None:
        now = time.monotonic()
        if self._watch is not None and now - self._told_at > _SECONDS_BETWEEN_TELLING:
            self._told_at = now
            summary = self.summary
            self._watch(Progress(summary.files, summary.done, summary.bytes, self._walked))


class _Behind:
    """Does one thing while the next is prepared: a batch is stored while the files of the next one are read."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    async def do(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin this when what was begun before is done; raises what that raised."""
        try:
            if self._task is not None:
                await self._task
        except BaseException:
            work.close()  # it is never begun
            raise
        self._task = asyncio.create_task(work)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._task is None:
            return
        if error is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        else:
            await self._task


def roots_of(paths: Sequence[Path]) -> list[Path]:
    """Paths as the record knows them: absolute, links in them as they are."""
    return [path.expanduser().absolute() for path in paths]


async def _one_after_the_other(
    *files: AsyncIterator[Found | Failed],
) -> AsyncIterator[Found | Failed]:
    for some in files:
        async for file in some:
            yield file


def _is_full(batch: Sequence[Read]) -> bool:
    characters = sum(len(read.extracted.text) for read in batch)
    return len(batch) >= _BATCH_FILES or characters >= _BATCH_CHARACTERS


def _is_unchanged(found: Found, known: Source | None) -> bool:
    return known is not None and (known.size_bytes, known.modified_ns) == (found.bytes, found.modified_ns)


def _some(items: Iterator[Found | Failed], number: int) -> list[Found | Failed]:
    return list(islice(items, number))
