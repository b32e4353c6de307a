"""A process that computes steps for a worker: fed over a socket, bounded in memory, and gone with the worker."""

from __future__ import annotations

import importlib
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

import msgspec

from octavo.errors import StepFailed
from octavo.values.component import Component, Given
from octavo.values.json import decode

_LENGTH = struct.Struct("!I")


class Question(msgspec.Struct, frozen=True, array_like=True):
    """A step to be done: where its component is, its configuration as JSON, and what it is given."""

    module: str
    attribute: str
    config: bytes
    given: Given


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The output as JSON, or the code and the message of what the component raised."""

    output: bytes = b"{}"
    code: str = ""
    error: str | None = None


def main() -> None:
    """Answer what comes over the socket whose number is the first argument, within so many bytes, until it ends."""
    memory_bytes = int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker to handle
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    bound: dict[tuple[str, str, bytes], Callable[[Given], Any]] = {}
    with socket.socket(fileno=int(sys.argv[1])) as worker, worker.makefile("rwb") as stream:
        while header := stream.read(_LENGTH.size):
            (length,) = _LENGTH.unpack(header)
            question = msgspec.msgpack.decode(stream.read(length), type=Question)
            frame = msgspec.msgpack.encode(_answer(question, bound))
            stream.write(_LENGTH.pack(len(frame)) + frame)
            stream.flush()


def _answer(question: Question, bound: dict[tuple[str, str, bytes], Callable[[Given], Any]]) -> Answer:
    try:
        component = _component(question)
        key = (question.module, question.attribute, question.config)
        if key not in bound:
            bound[key] = component.bind(component.configured(decode(question.config)))
        return Answer(component.encoded(bound[key](question.given)))
    except StepFailed as error:
        return Answer(code=error.code, error=str(error))
    except MemoryError:
        return Answer(code="MemoryError", error="the step needs more memory than run_memory_bytes allows")
    except Exception as error:  # noqa: BLE001 - whatever a component raises is its run's failure
        return Answer(code=type(error).__name__, error=str(error))


def _component(question: Question) -> Component:
    """The component, which the name of its function stands for once the function is decorated."""
    found: Any = importlib.import_module(question.module)
    for part in question.attribute.split("."):
        found = getattr(found, part)
    if not isinstance(found, Component):
        raise TypeError(f"{question.module}:{question.attribute} is no component")
    return found


if __name__ == "__main__":
    main()
