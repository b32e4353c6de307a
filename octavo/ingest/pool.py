"""Many files at once: all cores busy, memory bounded, and no file that stops the others."""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from itertools import islice
from types import TracebackType
from typing import Self

from octavo.errors import Unavailable
from octavo.ingest.detect import detect
from octavo.ingest.extracted import Failed, Found, Outcome
from octavo.ingest.limits import Limits
from octavo.ingest.process import Process
from octavo.ingest.read import read_file

# So few and small files of these kinds are read right here: a process takes longer to start.
_FEW_FILES, _FEW_BYTES = 3, 65_536
_SAFE_KINDS = {"text", "markdown", "html", "email"}
# Small files are asked for together, so that asking costs little; but not so many that one process has them all.
_REQUEST_FILES, _REQUEST_BYTES = 32, 262_144
_CHUNK_FILES = 256

Files = Iterable[Found | Failed] | AsyncIterable[Found | Failed]


class Reader:
    """Reads files in processes of its own, which start when first needed and live until `close`.

    Args:
        limits: what is refused.
        processes: how many files are read at once; by default as many as there are cores for this process.
    """

    def __init__(self, limits: Limits | None = None, *, processes: int | None = None) -> None:
        self._limits = limits or Limits()
        self._processes = [Process(self._limits) for _ in range(processes or len(os.sched_getaffinity(0)))]
        self._idle: asyncio.LifoQueue[Process] = asyncio.LifoQueue()
        for process in self._processes:
            self._idle.put_nowait(process)
        self._runs: set[asyncio.Task[None]] = set()
        self._in_flight = _InFlight(self._limits.max_bytes_in_flight)

    async def read(self, files: Files) -> AsyncGenerator[list[Outcome], None]:
        """Outcomes of files as they come, some at a time, in no order; each file given has exactly one.

        Files are taken from `files` no faster than they are read, and read no faster than outcomes are taken.
        Failures among them are passed through. Close the iterator (`contextlib.aclosing`) to stop early.

        Raises:
            Unavailable: no process can be started, or the reader was closed meanwhile.
        """
        requests = _Requests(files)
        if few := await requests.few():
            yield await asyncio.to_thread(_read_here, few, self._limits)
            return
        results = _Results(len(self._processes))
        run = asyncio.create_task(self._run(requests, results))
        run.add_done_callback(lambda _: results.end())
        self._runs.add(run)
        try:
            async for outcomes in results:
                yield outcomes
            if run.cancelled():
                raise Unavailable("the reader was closed while it read")
            await run  # says what went wrong
        finally:
            self._runs.discard(run)
            await _cancelled(run)

    async def close(self) -> None:
        """End the processes and what is being read; nothing happens if none runs. A later `read` starts anew."""
        await _cancelled(*self._runs)
        for process in self._processes:
            await process.end()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self, requests: _Requests, results: _Results) -> None:
        """Have all requests read, by as many tasks as there are processes."""
        tasks = [asyncio.create_task(self._work(requests, results)) for _ in self._processes]
        try:
            await asyncio.gather(*tasks)
        finally:
            await _cancelled(*tasks)

    async def _work(self, requests: _Requests, results: _Results) -> None:
        while request := await requests.next():
            if failed := [file for file in request if isinstance(file, Failed)]:
                await results.put(list(failed))
            found = [file for file in request if isinstance(file, Found)]
            async with self._in_flight.taken(sum(file.bytes for file in found)):
                process = await self._idle.get()
                try:
                    async with aclosing(process.read(found)) as answered:
                        async for outcomes in answered:
                            await results.put(outcomes)
                finally:
                    self._idle.put_nowait(process)


async def _cancelled(*tasks: asyncio.Task[None]) -> None:
    """End tasks, whatever they say about it; one that is ending already is left to it."""
    for task in tasks:
        if not task.cancelling():
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Results:
    """Outcomes on their way: a few at a time, while the end can always be said."""

    def __init__(self, size: int) -> None:
        self._queue: asyncio.Queue[list[Outcome] | None] = asyncio.Queue()
        self._room = asyncio.Semaphore(size)

    async def put(self, outcomes: list[Outcome]) -> None:
        """Hand on outcomes, as soon as there is room for them."""
        await self._room.acquire()
        self._queue.put_nowait(outcomes)

    def end(self) -> None:
        """Say that nothing comes any more."""
        self._queue.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[list[Outcome]]:
        while (outcomes := await self._queue.get()) is not None:
            self._room.release()
            yield outcomes


class _InFlight:
    """So many bytes at most are being read at once; more than that only if it is all there is."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._taken = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def taken(self, size: int) -> AsyncIterator[None]:
        """Take a part of it, waiting until it is there."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._taken or self._taken + size <= self._limit)
            self._taken += size
        try:
            yield
        finally:
            self._taken -= size
            async with self._changed:
                self._changed.notify_all()


class _Requests:
    """Files cut into requests, for several that ask for the next one."""

    def __init__(self, files: Files) -> None:
        self._requests = _requests(files)
        self._turn = asyncio.Lock()
        self._ahead: deque[Sequence[Found | Failed]] = deque()

    async def few(self) -> Sequence[Found | Failed] | None:
        """All files, if they are so few and small that they are read right here."""
        self._ahead.extend([request async for request in _first(2, self._requests)])
        alone = len(self._ahead) == 1 and await asyncio.to_thread(_are_few, self._ahead[0])
        return self._ahead.popleft() if alone else None

    async def next(self) -> Sequence[Found | Failed] | None:
        """The next request; None after the last."""
        async with self._turn:
            return self._ahead.popleft() if self._ahead else await anext(self._requests, None)


async def _first(
    count: int, requests: AsyncIterator[list[Found | Failed]]
) -> AsyncIterator[list[Found | Failed]]:
    for _ in range(count):
        if request := await anext(requests, None):
            yield request


async def _requests(files: Files) -> AsyncIterator[list[Found | Failed]]:
    request: list[Found | Failed] = []
    size = 0
    async for file in _each(files):
        bytes_of_file = file.bytes if isinstance(file, Found) else 0
        if request and (len(request) == _REQUEST_FILES or size + bytes_of_file > _REQUEST_BYTES):
            yield request
            request, size = [], 0
        request.append(file)
        size += bytes_of_file
    if request:
        yield request


async def _each(files: Files) -> AsyncIterator[Found | Failed]:
    """Files one by one; those of an ordinary iterator are found in a thread."""
    if isinstance(files, AsyncIterable):
        async for file in files:
            yield file
        return
    remaining = iter(files)
    while chunk := await asyncio.to_thread(lambda: list(islice(remaining, _CHUNK_FILES))):
        for file in chunk:
            yield file


def _are_few(files: Sequence[Found | Failed]) -> bool:
    return len(files) <= _FEW_FILES and all(isinstance(file, Failed) or _is_harmless(file) for file in files)


def _is_harmless(file: Found) -> bool:
    """Small, and of a kind whose reader neither crashes nor takes long over so little."""
    if file.bytes > _FEW_BYTES:
        return False
    try:
        with file.path.open("rb") as opened:
            return detect(opened.read(_FEW_BYTES), file.path.name).kind in _SAFE_KINDS
    except OSError:
        return True  # reading it will say so


def _read_here(files: Sequence[Found | Failed], limits: Limits) -> list[Outcome]:
    return [
        file if isinstance(file, Failed) else read_file(file.path, limits, file.charset) for file in files
    ]
