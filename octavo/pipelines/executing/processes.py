"""Processes for components that compute: each does one step at a time, within its memory, and can be killed."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from asyncio import StreamReader, StreamWriter, subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from octavo.errors import InvalidPipeline, OctavoError, StepFailed
from octavo.pipelines.executing.child import Answer, Question
from octavo.values.account import Progress
from octavo.values.component import Component, Given

_LENGTH = struct.Struct("!I")


class ProcessFailed(OctavoError):
    """The process of a step ended, or the step failed in it; `code` says how."""

    code = "process_failed"


class Processes:
    """At most `size` processes, started when first needed and kept; a cancelled call kills its process.

    Args:
        memory_bytes: of address space each process may have.
    """

    def __init__(self, size: int, memory_bytes: int) -> None:
        self._places = asyncio.Semaphore(size)
        self._memory_bytes = memory_bytes
        self._idle: list[_Process] = []

    async def call(
        self, component: Component, config: bytes, given: Given, *, memory_bytes: int | None = None
    ) -> dict[str, Any]:
        """Call a component in a process and return its output; what it tells goes to the account of `given`.

        Args:
            memory_bytes: of address space it may have, if that is less.

        Raises:
            StepFailed: the component says so. ProcessFailed: it raised something else, or its process ended.
        """
        question = Question(*_importable(component), config, given, memory_bytes)
        async with self._places:
            process = self._idle.pop() if self._idle else await _Process.start(self._memory_bytes)
            try:
                answer = await process.ask(question, given.account.hear)
            except BaseException:
                await process.kill()
                raise
            self._idle.append(process)
        given.account.took_over(answer.metrics)
        return _output(answer)

    async def close(self) -> None:
        """End all processes; safe to call twice."""
        idle, self._idle = self._idle, []
        for process in idle:
            await process.kill()


# There is a process for each core already: threads of its own would wait for each other.
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class _Process:
    """A child with a socket of its own; not by `multiprocessing`, which would run the user's main module again."""

    def __init__(self, process: subprocess.Process, reader: StreamReader, writer: StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, memory_bytes: int) -> _Process:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await subprocess.create_subprocess_exec(
                sys.executable,
                "-m",
                "octavo.pipelines.executing.child",
                str(theirs.fileno()),
                str(memory_bytes),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                env={
                    **_ONE_THREAD,
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
                },
            )
        return cls(process, *await asyncio.open_connection(sock=ours))

    async def ask(self, question: Question, hear: Callable[[Progress], None]) -> Answer:
        frame = msgspec.msgpack.encode(question)
        self._writer.write(_LENGTH.pack(len(frame)) + frame)
        try:
            await self._writer.drain()
            while (answer := await self._answer()).progress is not None:
                hear(answer.progress)
            return answer
        except (asyncio.IncompleteReadError, ConnectionError):
            code = await self._process.wait()
            raise ProcessFailed(
                f"the process of the step ended with code {code}",
                remedy="it may have needed more memory than run_memory_bytes allows",
            ) from None

    async def _answer(self) -> Answer:
        (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
        return msgspec.msgpack.decode(await self._reader.readexactly(length), type=Answer)

    async def kill(self) -> None:
        self._writer.close()
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


def _importable(component: Component) -> tuple[str, str]:
    target = component.target
    if target.__module__ == "__main__" or "<locals>" in target.__qualname__:
        raise InvalidPipeline(
            f"the component {component.name} computes in a process, which cannot import {target.__qualname__}",
            remedy="put it at the top level of a module that can be imported",
        )
    return target.__module__, target.__qualname__


def _output(answer: Answer) -> dict[str, Any]:
    if answer.error is None:
        output: dict[str, Any] = msgspec.json.decode(answer.output)
        return output
    if answer.code == StepFailed.code:
        raise StepFailed(answer.error)
    raise ProcessFailed(f"{answer.code}: {answer.error}")
