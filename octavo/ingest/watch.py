"""Watching: what changes below some paths, as it comes, each when it has come to rest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple

from octavo.errors import InvalidInput, MissingExtra, Unavailable
from octavo.ingest.extracted import Failed, Found
from octavo.ingest.limits import Limits
from octavo.ingest.run import ingest, ingest_found, roots_of
from octavo.ingest.summary import Summary, Watch
from octavo.ingest.walk import walk_below
from octavo.ingest.web.urls import is_url
from octavo.postgres.pool import Pool
from octavo.roles.blobs import Blobs
from octavo.store.scope import Scope

_SHORTEST_TICK_SECONDS = 0.05
_STEP_MS = 20

Identity = tuple[int, int] | None


class Batch(NamedTuple):
    """What came to rest together: paths to look at as a whole, and those that something happened to."""

    whole: Sequence[Path]
    touched: Sequence[Path]


async def watched(
    bind: Callable[[], Awaitable[Scope]],
    pool: Pool,
    blobs: Blobs,
    paths: Sequence[str | Path],
    *,
    sync: bool,
    include: Sequence[str],
    exclude: Sequence[str],
    settle_seconds: float,
    limits: Limits,
    progress: Watch | None,
    stop: asyncio.Event | None,
) -> AsyncIterator[Summary]:
    """Ingest paths and then their changes; see `Workspace.watch`."""
    roots = await asyncio.to_thread(roots_of, _watchable(paths))
    is_first = True
    async with aclosing(_batches(roots, settle_seconds, stop or asyncio.Event())) as batches:
        async for batch in batches:
            scope = await bind()
            if batch.whole:
                summary = await ingest(
                    scope,
                    pool,
                    blobs,
                    batch.whole,
                    sync=sync,
                    include=include,
                    exclude=exclude,
                    limits=limits,
                    progress=progress,
                )
            else:
                there, gone = await asyncio.to_thread(_parted, batch.touched, roots)
                found = _found(there, roots, include=include, exclude=exclude)
                summary = await ingest_found(
                    scope, pool, blobs, found, gone=gone if sync else (), limits=limits, progress=progress
                )
            if is_first or summary.files > summary.unchanged or summary.deleted:
                yield summary
            is_first = False


class Settling:
    """Paths that something happens to, until nothing has happened to them for a while."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last: dict[Path, float] = {}

    def note(self, paths: Iterable[Path], now: float) -> None:
        """Something happened to these."""
        self._last |= dict.fromkeys(paths, now)

    def settled(self, now: float) -> list[Path]:
        """Those that have come to rest, each once, in the order of their names."""
        settled = [path for path, last in self._last.items() if now - last >= self._seconds]
        for path in settled:
            del self._last[path]
        return sorted(settled)


async def _batches(
    roots: Sequence[Path], settle_seconds: float, stop: asyncio.Event
) -> AsyncGenerator[Batch, None]:
    """The roots as a whole, then what changes; a root that was away or is another one, as a whole again."""
    settling, clock = Settling(settle_seconds), asyncio.get_running_loop().time
    tick_seconds = max(settle_seconds / 2, _SHORTEST_TICK_SECONDS)
    whole = list(roots)
    while not stop.is_set():
        identities = await asyncio.to_thread(_identities, roots)
        there = [root for root, identity in identities.items() if identity]
        async with aclosing(_ticks(there, tick_seconds, stop)) as ticks:
            async for paths in ticks:
                if whole:  # not before the first tick: what changes from here on is noticed
                    yield Batch(whole, ())
                    whole = []
                settling.note(paths, clock())
                if settled := settling.settled(clock()):
                    yield Batch((), settled)
                now = await asyncio.to_thread(_identities, roots)
                if now != identities:
                    whole = [root for root in roots if now[root] not in {None, identities[root]}]
                    break


async def _ticks(
    roots: Sequence[Path], seconds: float, stop: asyncio.Event
) -> AsyncGenerator[list[Path], None]:
    """Paths that something happened to, as they come, and every so often none; ends when told to stop."""
    while not roots and not stop.is_set():  # nothing is there to be watched
        yield []
        await asyncio.sleep(seconds)
    try:
        from watchfiles import awatch  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"watching needs {error.name}", remedy="pip install 'octavo[ingest]'", extra="ingest"
        ) from error
    milliseconds = round(seconds * 1000)
    changes = awatch(
        *roots,
        watch_filter=None,
        debounce=milliseconds,
        step=_STEP_MS,
        rust_timeout=milliseconds,
        yield_on_timeout=True,
        stop_event=stop,
        ignore_permission_denied=True,
    )
    try:
        async with aclosing(changes):
            async for some in changes:
                yield [Path(path) for _, path in some]
    except FileNotFoundError:
        return  # one of them has just vanished: whoever asks will see it
    except OSError as error:
        raise Unavailable(
            f"the folders cannot be watched: {error}", remedy="raise fs.inotify.max_user_watches"
        ) from error


def _watchable(paths: Sequence[str | Path]) -> list[Path]:
    if not paths or any(is_url(str(path)) for path in paths):
        raise InvalidInput(
            "only files and folders can be watched", remedy="name one; ingest URLs without --watch"
        )
    return [Path(path) for path in paths]


def _identities(roots: Iterable[Path]) -> dict[Path, Identity]:
    """Which file or folder is at each path now; None if there is none."""
    return {root: _identity(root) for root in roots}


def _identity(root: Path) -> Identity:
    try:
        status = root.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _parted(paths: Iterable[Path], roots: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """Those that are there, and those that are gone while the folder they were in is there."""
    there, gone = [], []
    for path in paths:
        if _identity(path):
            there.append(path)
        elif any(path.is_relative_to(root) and _identity(root) for root in roots):
            gone.append(path)
    return there, gone


def _found(
    paths: Sequence[Path], roots: Sequence[Path], *, include: Sequence[str], exclude: Sequence[str]
) -> Iterator[Found | Failed]:
    """What is to be read of these paths; each folder only from its top."""
    tops = [path for path in paths if not any(parent in set(paths) for parent in path.parents)]
    for root in roots:
        below = [path for path in tops if path.is_relative_to(root)]
        yield from walk_below(root, below, include=include, exclude=exclude)
