"""Components for the tests of runs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Any

from pydantic import BaseModel, Field

import octavo


class Doubled(BaseModel):
    number: int


class Factor(BaseModel):
    factor: int = Field(default=2, ge=1, le=10)


@octavo.component("double", version=1)
async def double(given: octavo.Given, config: Factor) -> Doubled:
    """Multiply a number of the input, or of the document."""
    source = given.input if given.document is None else given.document.body
    return Doubled(number=source.get("number", 1) * config.factor)


@octavo.component("fail", version=1)
async def fail(given: octavo.Given) -> dict[str, Any]:
    """Fail as often as the input says, and with what it says."""
    if given.attempt <= given.input.get("times", 10**6):
        if given.input.get("final"):
            raise octavo.errors.StepFailed("no use")
        raise RuntimeError(f"attempt {given.attempt} failed")
    return {"attempt": given.attempt}


class Gate:
    """Holds steps until it is opened, and tells when one has come."""

    def __init__(self) -> None:
        self.came = asyncio.Event()
        self.opened = asyncio.Event()
        self.calls: list[str] = []


GATES: dict[str, Gate] = {}


@octavo.component("wait", version=1)
async def wait(given: octavo.Given) -> dict[str, Any]:
    """Wait at the gate that the input names."""
    gate = GATES[given.input["gate"]]
    gate.calls.append(given.idempotency_key)
    gate.came.set()
    await gate.opened.wait()
    return {}


@octavo.component("compute", version=1, cpu=True)
def compute(given: octavo.Given) -> dict[str, Any]:
    """What the input says, in a process."""
    match given.input["do"]:
        case "tell":
            return {"pid": os.getpid()}
        case "eat":
            return {"bytes": len(bytearray(8 * 1024**3))}
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(3_600)
        case "raise":
            raise ValueError("odd")
    return {}


@octavo.component("blocking", version=1)
def blocking(given: octavo.Given) -> dict[str, Any]:
    """A plain function: in a thread."""
    return {"seen": sorted(given.outputs)}


@octavo.component("grow", version=1)
async def grow(given: octavo.Given) -> Doubled:
    """One more than the document has, so that no two runs write the same."""
    assert given.document is not None
    return Doubled(number=given.document.body.get("out", {}).get("number", 0) + 1)


@octavo.component("wait_for_document", version=1)
async def wait_for_document(given: octavo.Given) -> Doubled:
    """Wait at the gate that the document names, and then tell its number."""
    assert given.document is not None
    if gate := GATES.get(given.document.body.get("gate", "")):
        gate.came.set()
        await gate.opened.wait()
    return Doubled(number=given.document.body["number"])


COMPONENTS = [double, fail, wait, compute, blocking, grow, wait_for_document]
