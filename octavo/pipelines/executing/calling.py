"""One call of a component: where it belongs, within its time, again as its step says, with what it used measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import msgspec

from octavo.pipelines.defining.definitions import Bound
from octavo.pipelines.executing.clock import Clock
from octavo.pipelines.executing.processes import Processes
from octavo.pipelines.queueing.failing import is_final
from octavo.postgres.backoff import backoff_seconds
from octavo.values.account import NOTHING, Account, Metrics, Progress
from octavo.values.component import Given

Tell = Callable[[Progress], None]


class Calls:
    """Calls components.

    Args:
        processes: for those that compute.
        clock: waits between tries.
    """

    def __init__(self, processes: Processes, clock: Clock) -> None:
        self._processes = processes
        self._clock = clock

    async def call(self, bound: Bound, given: Given, tell: Tell) -> tuple[bytes, Metrics]:
        """The output of a step's component as JSON, and what it used, the tries that failed included.

        Args:
            tell: is told how far it is.

        Raises:
            Whatever the component raises in its last try; TimeoutError.
        """
        used, tries = NOTHING, 0
        while True:
            tries += 1
            account = given.account
            account.listen(tell)
            try:
                output = await self._try(bound, given)
                used = _together(used, account, tries)
                return output, _priced(bound, used)
            except Exception as error:
                retry = bound.step.retry
                if retry is None or tries >= retry.attempts or is_final(error):
                    raise
                used = _together(used, account, tries)
                await self._clock.sleep(
                    backoff_seconds(tries, first=retry.first_seconds, most=retry.most_seconds)
                )
                # A thread that was given up still looks at the account it has.
                given = msgspec.structs.replace(given)

    async def _try(self, bound: Bound, given: Given) -> bytes:
        try:
            async with asyncio.timeout(bound.step.timeout_seconds):
                return bound.component.encoded(await self._placed(bound, given))
        except TimeoutError as error:
            given.account.cancelled = True
            slow = TimeoutError(f"the step took longer than {bound.step.timeout_seconds:g} s")
            raise (error if str(error) else slow) from error
        except asyncio.CancelledError:
            given.account.cancelled = True
            raise

    async def _placed(self, bound: Bound, given: Given) -> Any:
        match bound.component.place:
            case "here":
                return await bound.call(given)
            case "thread":
                return await asyncio.to_thread(_measured, bound.call, given)
            case "process":
                return await self._processes.call(
                    bound.component, bound.config, given, memory_bytes=bound.step.memory_bytes
                )


def _measured(call: Callable[[Given], Any], given: Given) -> Any:
    """The output of a component in this thread; the time of the processor goes to the account."""
    begun = time.thread_time()
    try:
        return call(given)
    finally:
        given.account.spent(cpu_seconds=time.thread_time() - begun)


def _together(used: Metrics, account: Account, tries: int) -> Metrics:
    metrics = account.metrics
    if tries == 1:
        return metrics
    return msgspec.structs.replace(used.plus(metrics), tries=tries)


def _priced(bound: Bound, used: Metrics) -> Metrics:
    price = bound.step.price
    if price is None or used.cost_usd or not (used.tokens_in or used.tokens_out):
        return used
    return msgspec.structs.replace(used, cost_usd=price.of(used.tokens_in, used.tokens_out))
