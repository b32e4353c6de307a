"""Calls that go together: what is asked while a statement is under way is asked by the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, TypeVar

from octavo.errors import OctavoError, Unavailable

Key = TypeVar("Key", bound=Hashable)
Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Together(Generic[Key, Asked, Answer]):
    """Gathers single calls to calls for many, by a key; one is under way for each key at a time.

    The first call waits for no other, so nothing is slower alone; the more come at once, the more go together.

    Args:
        send: answers many, in their order.
        most: so many in one call.
    """

    def __init__(
        self, send: Callable[[Key, Sequence[Asked]], Awaitable[Sequence[Answer]]], *, most: int
    ) -> None:
        self._send = send
        self._most = most
        self._waiting: dict[Key, list[tuple[Asked, asyncio.Future[Answer]]]] = {}
        self._sending: dict[Key, asyncio.Task[None]] = {}

    async def call(self, key: Key, asked: Asked) -> Answer:
        """The answer to one. Raises what `send` raises."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Answer] = loop.create_future()
        self._waiting.setdefault(key, []).append((asked, answer))
        if key not in self._sending:
            self._sending[key] = loop.create_task(self._run(key))
        return await answer

    async def _run(self, key: Key) -> None:
        try:
            while waiting := self._waiting.pop(key, None):
                for start in range(0, len(waiting), self._most):
                    await self._answer(key, waiting[start : start + self._most])
        finally:
            del self._sending[key]

    async def _answer(self, key: Key, waiting: Sequence[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        try:
            answers = await self._send(key, [asked for asked, _ in waiting])
        except OctavoError as error:
            if len(waiting) == 1 or isinstance(error, Unavailable):
                _fail([future for _, future in waiting], error)
                return
            # One of many that is refused must not fail the others.
            for one in waiting:
                await self._answer(key, [one])
        else:
            for (_, future), answer in zip(waiting, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def _fail(futures: Sequence[asyncio.Future[Answer]], error: OctavoError) -> None:
    for future in futures:
        if not future.done():
            future.set_exception(error)
