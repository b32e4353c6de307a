"""A process that computes steps for a worker: fed over a socket, bounded in memory, and gone with the worker."""

from __future__ import annotations

import importlib
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from io import BufferedIOBase
from threading import Lock
from typing import Any

import msgspec

from octavo.errors import StepFailed
from octavo.values.account import NOTHING, Metrics, Progress
from octavo.values.component import Component, Given
from octavo.values.json import decode

_LENGTH = struct.Struct("!I")
_NO_MEMORY = "the step needs more memory than its memory_bytes or the setting run_memory_bytes allows"


class Question(msgspec.Struct, frozen=True, array_like=True):
    """A step to be done: where its component is, its configuration as JSON, what it is given, and its memory."""

    module: str
    attribute: str
    config: bytes
    given: Given
    memory_bytes: int | None = None


class Answer(msgspec.Struct, frozen=True, array_like=True):
    """The output as JSON, or the code and the message of what the component raised; before that how far it is."""

    output: bytes = b"{}"
    code: str = ""
    error: str | None = None
    metrics: Metrics = NOTHING
    progress: Progress | None = None


def main() -> None:
    """Answer what comes over the socket whose number is the first argument, within so many bytes, until it ends."""
    memory_bytes = int(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the worker to handle
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with socket.socket(fileno=int(sys.argv[1])) as worker, worker.makefile("rwb") as stream:
        answers = Answers(stream, memory_bytes)
        while header := stream.read(_LENGTH.size):
            (length,) = _LENGTH.unpack(header)
            answers.give(msgspec.msgpack.decode(stream.read(length), type=Question))


class Answers:
    """Answers questions over a stream; components are bound to a configuration once."""

    def __init__(self, stream: BufferedIOBase, memory_bytes: int) -> None:
        self._stream = stream
        self._memory_bytes = memory_bytes
        self._writing = Lock()
        self._bound: dict[tuple[str, str, bytes], Callable[[Given], Any]] = {}

    def give(self, question: Question) -> None:
        """Answer one, and tell meanwhile how far it is."""
        account = question.given.account
        account.listen(lambda progress: self._send(Answer(progress=progress)))
        begun = time.process_time()
        answer = self._answer(question)
        account.spent(cpu_seconds=time.process_time() - begun, memory_mb=_peak_mb())
        account.listen(_not_heard)
        self._send(msgspec.structs.replace(answer, metrics=account.metrics))

    def _answer(self, question: Question) -> Answer:
        try:
            most = min(question.memory_bytes or self._memory_bytes, self._memory_bytes)
            resource.setrlimit(resource.RLIMIT_AS, (most, self._memory_bytes))
            component = _component(question)
            key = (question.module, question.attribute, question.config)
            if key not in self._bound:
                self._bound[key] = component.bind(component.configured(decode(question.config)))
            return Answer(component.encoded(self._bound[key](question.given)))
        except StepFailed as error:
            return Answer(code=error.code, error=str(error))
        except MemoryError:
            return Answer(code="MemoryError", error=_NO_MEMORY)
        except Exception as error:  # noqa: BLE001 - whatever a component raises is its run's failure
            return Answer(code=type(error).__name__, error=str(error))
        finally:
            resource.setrlimit(resource.RLIMIT_AS, (self._memory_bytes, self._memory_bytes))

    def _send(self, answer: Answer) -> None:
        frame = msgspec.msgpack.encode(answer)
        with self._writing:
            self._stream.write(_LENGTH.pack(len(frame)) + frame)
            self._stream.flush()


def _not_heard(_progress: Progress) -> None:
    """A thread that goes on after its step has ended is not heard."""


def _peak_mb() -> float:
    """The most memory this process held, in 10^6 bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak * (1 if sys.platform == "darwin" else 1024) / 1e6, 1)


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
