"""The same face without `await`, for scripts, notebooks and frameworks that have no event loop.

    import octavo.sync

    with octavo.sync.open("./octavo-data") as db:
        doc = db.documents.put("article", {"title": "Hello"})
        for hit in db.search("hello").hits: ...

Nothing is written twice: every attribute is the asynchronous one. Its coroutines run to their end on an event
loop in a thread of its own, asynchronous iterators become iterators and context managers `with` blocks.
Calls from several threads are safe; each waits for its own answer.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager
from enum import Enum
from functools import wraps
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

import octavo


def open(record: str | Path | None = None, **settings: Any) -> Blocking:
    """A database for `with`; the arguments are those of `octavo.open`."""
    return Blocking(octavo.open(record, **settings), None)


class _Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="octavo-sync", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Blocking:
    """An object of the asynchronous face whose calls wait for their answer."""

    def __init__(self, target: Any, loop: _Loop | None) -> None:
        self._target = target
        self._loop = loop
        self._owner = loop is None

    def __getattr__(self, name: str) -> Any:
        return self._blocking(getattr(self._target, name))

    def __enter__(self) -> Blocking:
        if self._loop is None:
            self._loop = _Loop()
        try:
            entered = self._loop.run(_enter(self._target))
        except BaseException:
            self._stop()
            raise
        return self if entered is self._target else Blocking(entered, self._loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            handled: bool | None = self._running.run(_leave(self._target, kind, error, trace))
            return handled
        finally:
            self._stop()

    def __iter__(self) -> Iterator[Any]:
        iterator: AsyncIterator[Any] = aiter(self._target)
        while True:
            try:
                item = self._running.run(_next(iterator))
            except StopAsyncIteration:
                return
            yield self._blocking(item)

    @property
    def _running(self) -> _Loop:
        if self._loop is None:
            raise octavo.errors.Unavailable(
                "the database is not open", remedy="use `with octavo.sync.open(…) as db`"
            )
        return self._loop

    def _blocking(self, value: Any) -> Any:
        """The value as a caller without an event loop can use it; plain values stay as they are."""
        if asyncio.iscoroutine(value):
            return self._blocking(self._running.run(value))
        if isinstance(value, AbstractAsyncContextManager) or hasattr(value, "__aiter__") or _is_face(value):
            return Blocking(value, self._running)
        if callable(value) and not isinstance(value, type):
            return self._blocking_call(value)
        return value

    def _blocking_call(self, call: Any) -> Any:
        @wraps(call)
        def wait(*arguments: Any, **options: Any) -> Any:
            return self._blocking(call(*arguments, **options))

        return wait

    def _stop(self) -> None:
        if self._owner and self._loop is not None:
            self._loop.close()
            self._loop = None


def _is_face(value: Any) -> bool:
    """Whether an object is a part of the face, with calls to wait for; what calls return is plain data."""
    return type(value).__module__.startswith("octavo.") and not isinstance(
        value, msgspec.Struct | Exception | Enum
    )


async def _enter(target: Any) -> Any:
    return await target.__aenter__()


async def _leave(target: Any, *reason: Any) -> Any:
    return await target.__aexit__(*reason)


async def _next(iterator: AsyncIterator[Any]) -> Any:
    return await anext(iterator)
