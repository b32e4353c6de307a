"""Components for the tests of conditions, lists, limits and figures."""

from __future__ import annotations

import asyncio
import threading
import time
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

import octavo
from octavo.values.component import ModelName
from tests.committed.runs.steps import GATES

# Keys of calls, in order; tests look at those of their own runs.
CALLS: list[str] = []
BEGUN: dict[str, threading.Event] = {}
LEFT: dict[str, threading.Event] = {}
KEPT: dict[str, octavo.Given] = {}


class Parts(BaseModel):
    parts: list[Any]


class Spending(BaseModel):
    model: ModelName = "small"
    cost: str | None = None


@octavo.component("kind")
async def kind(given: octavo.Given) -> dict[str, Any]:
    """Say what the input says."""
    CALLS.append(given.key)
    return {"kind": given.input.get("kind")}


@octavo.component("split")
async def split(given: octavo.Given) -> Parts:
    """The parts of the input."""
    return Parts(parts=given.input["parts"])


@octavo.component("square")
async def square(given: octavo.Given) -> dict[str, Any]:
    """The square of an element, unless the input calls it bad in this attempt."""
    CALLS.append(given.key)
    if given.item in given.input.get("bad", []) and given.attempt <= given.input.get("times", 10**6):
        raise RuntimeError(f"{given.item} is bad")
    given.measure(tokens_in=1)
    return {"square": given.item**2}


@octavo.component("stumble")
async def stumble(given: octavo.Given) -> dict[str, Any]:
    """Fail in as many calls as the input says."""
    CALLS.append(given.key)
    given.measure(tokens_out=1)
    if CALLS.count(given.key) <= given.input["times"]:
        raise ConnectionError("nobody answers")
    return {"calls": CALLS.count(given.key)}


@octavo.component("spend")
async def spend(given: octavo.Given, config: Spending) -> dict[str, Any]:
    """Use tokens."""
    given.measure(
        tokens_in=1_500, tokens_out=500, cost_usd=Decimal(0 if config.cost is None else config.cost)
    )
    return {"model": given.model}


@octavo.component("report")
async def report(given: octavo.Given) -> dict[str, Any]:
    """Say how far it is, and wait at the gate."""
    given.progress(3, 10, "pages")
    gate = GATES[given.input["gate"]]
    gate.came.set()
    await gate.opened.wait()
    return {}


@octavo.component("dawdle")
def dawdle(given: octavo.Given) -> dict[str, Any]:
    """In a thread, until it is told to end."""
    BEGUN[given.input["name"]].set()
    while not given.cancelled:
        time.sleep(0.002)
    LEFT[given.input["name"]].set()
    return {}


@octavo.component("stay")
async def stay(given: octavo.Given) -> dict[str, Any]:
    """For ever."""
    KEPT[given.input["name"]] = given
    await asyncio.Event().wait()
    return {}


@octavo.component("toil")
def toil(given: octavo.Given) -> dict[str, Any]:
    """Use the processor in a thread."""
    return {"sum": sum(range(200_000))}


class Size(BaseModel):
    bytes: int = 0


@octavo.component("crunch", cpu=True)
def crunch(given: octavo.Given, config: Size) -> dict[str, Any]:
    """Use the processor, and memory, in a process, and tell it."""
    given.progress(1, 2, "half")
    given.measure(tokens_in=7)
    return {"bytes": len(bytearray(config.bytes)), "sum": sum(range(200_000))}


FLOWING = [kind, split, square, stumble, spend, report, dawdle, stay, toil, crunch]
