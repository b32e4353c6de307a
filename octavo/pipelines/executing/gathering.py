"""A step that is called for each element of a list: so many at a time, and what it gave in the list's order.

Each element's output is kept as soon as it is there, beside the steps and under a name of its own, `split[17]`; so an
attempt that follows does not repeat it. No step is called so.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress

import msgspec

from octavo.errors import LimitExceeded, StaleLease
from octavo.pipelines.queueing.failing import Failed
from octavo.values.account import NOTHING, Metrics
from octavo.values.json import encode

MAX_BYTES = 16 * 1024 * 1024
_ITEM = re.compile(r"(?P<step>.+)\[(?P<index>[0-9]+)\]")


class Item(msgspec.Struct, frozen=True):
    """What one call gave, and what it used."""

    output: bytes
    metrics: Metrics


class Gathered(msgspec.Struct, frozen=True):
    """What all calls of a step gave: one JSON object."""

    output: bytes
    metrics: Metrics
    items: int
    failed: int


def name_of(step: str, index: int) -> str:
    """The name that the output of one element is kept under."""
    return f"{step}[{index}]"


def place_of(name: str) -> tuple[str, int] | None:
    """The step and the place in its list that a name stands for; None for a step's own name."""
    match = _ITEM.fullmatch(name)
    return None if match is None else (match["step"], int(match["index"]))


async def gather(
    count: int,
    known: Mapping[int, Item],
    call: Callable[[int], Awaitable[Item]],
    *,
    at_once: int,
    collects: bool,
    tell: Callable[[int], None],
) -> Gathered:
    """Call for each place of a list, but for those that are known.

    Args:
        call: calls the component for a place, and keeps what it gave.
        at_once: so many at a time.
        collects: what fails is collected; otherwise it ends the others and is raised.
        tell: is told how many are done.

    Raises:
        LimitExceeded: all outputs together are longer than 16 MiB. StaleLease. What `call` raises.
    """
    items: dict[int, Item] = dict(known)
    failures: dict[int, Failed] = {}
    left = iter([place for place in range(count) if place not in known])

    async def work(places: Iterator[int]) -> None:
        for place in places:
            try:
                items[place] = await call(place)
            except StaleLease:
                raise
            except Exception as error:
                if not collects:
                    raise
                failures[place] = Failed.of(error)
            tell(len(items) + len(failures))

    await _all([work(left) for _ in range(min(at_once, count - len(known)))])
    return _gathered(count, items, failures)


async def _all(work: list[Awaitable[None]]) -> None:
    """Wait for all; the first that fails ends the others."""
    tasks = [asyncio.ensure_future(one) for one in work]
    try:
        for ended in asyncio.as_completed(tasks):
            await ended
    finally:
        for task in tasks:
            task.cancel()
        with suppress(Exception):
            await asyncio.gather(*tasks, return_exceptions=True)


def _gathered(count: int, items: Mapping[int, Item], failures: Mapping[int, Failed]) -> Gathered:
    size = sum(len(item.output) for item in items.values())
    if size > MAX_BYTES:
        raise LimitExceeded(
            f"the outputs of {count} elements have {size} bytes together",
            remedy=f"the limit is {MAX_BYTES}: put what is long into documents, and give their ids",
            limit=MAX_BYTES,
            actual=size,
        )
    output = {
        "items": [msgspec.Raw(items[place].output) if place in items else None for place in range(count)]
    }
    failed = [{"index": place, **failures[place].told()} for place in sorted(failures)]
    metrics = NOTHING
    for place, item in enumerate(items.values()):
        metrics = metrics.plus(item.metrics) if place else item.metrics
    told = {**output, "failed": failed} if failed else output
    return Gathered(encode(told), metrics, count, len(failed))
