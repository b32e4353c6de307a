"""A worker as the pool sees it: a process that is started when needed, asked, blamed and replaced."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio import StreamReader, StreamWriter, subprocess
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

import msgspec

from octavo.errors import RefusedFile, Unavailable, UnreadableFile
from octavo.ingest.extracted import Failed, Found, Outcome
from octavo.ingest.limits import Limits
from octavo.ingest.wire import Answer, Frames, Request, framed

_PIECE_BYTES = 1 << 18


class Process:
    """One worker. Not a child by `multiprocessing`, which would run the user's main module again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Process | None = None
        self._from: StreamReader
        self._to: StreamWriter
        self._frames = Frames()
        self._answers = msgspec.msgpack.Decoder(Answer)

    async def read(self, files: Sequence[Found]) -> AsyncGenerator[list[Outcome], None]:
        """Outcomes of files, in their order; a file that ends the worker is one of them.

        Raises:
            Unavailable: the worker cannot be started.
        """
        pending = deque(files)
        try:
            while pending:
                await self._ask(pending)
                async for answers in self._answered(len(pending)):
                    yield [answer.outcome(pending.popleft().path) for answer in answers]
                if pending:
                    yield [await self._blamed(pending.popleft())]
        finally:
            if pending:
                await self.end()  # its answers are not wanted any more

    async def end(self) -> None:
        """End the worker, if there is one; a later question starts another."""
        process, self._process = self._process, None
        if process is None:
            return
        self._to.close()
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def _ask(self, files: Sequence[Found]) -> None:
        if self._process is None:
            await self._start()
        self._to.write(framed(Request([os.fsencode(file.path) for file in files])))

    async def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = await subprocess.create_subprocess_exec(
                sys.executable,
                "-P",  # not from the working directory, which may be the user's files
                "-m",
                "octavo.ingest.worker",
                str(theirs.fileno()),
                msgspec.json.encode(self._limits).decode(),
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            )
        self._from, self._to = await asyncio.open_connection(sock=ours, limit=_PIECE_BYTES)
        self._frames = Frames()
        async for _hello in self._answered(1):
            return
        code = await self._ended()
        raise Unavailable(f"a process that reads files ends as it starts, with code {code}")

    async def _answered(self, count: int) -> AsyncIterator[list[Answer]]:
        """Answers as they come, `count` of them or fewer if the worker ends."""
        while count:
            try:
                piece = await self._from.read(_PIECE_BYTES)
            except ConnectionError:
                return
            if not piece:
                return
            answers = [self._answers.decode(message) for message in self._frames.feed(piece)]
            count -= len(answers)
            if answers:
                yield answers

    async def _blamed(self, file: Found) -> Failed:
        code = await self._ended()
        if code == -signal.SIGALRM:
            seconds = self._limits.seconds_per_file
            error: RefusedFile | UnreadableFile = RefusedFile(
                f"reading it takes longer than {seconds} s", remedy="raise the limit seconds_per_file"
            )
        else:
            cause = signal.Signals(-code).name if code < 0 else f"code {code}"
            error = UnreadableFile(f"its reader ended with {cause}")
        return Failed(file.path, error.code, str(error))

    async def _ended(self) -> int:
        process, self._process = self._process, None
        self._to.close()
        return await process.wait() if process else 0
