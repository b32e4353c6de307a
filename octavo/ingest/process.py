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
from octavo.ingest.wire import Answer, Frames, Request, Wanted, framed

_PIECE_BYTES = 1 << 18


class Process:
    """One worker. Not a child by `multiprocessing`, which would run the user's main module again."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: subprocess.Process | None = None
        self._connection: tuple[StreamReader, StreamWriter] | None = None
        self._frames = Frames()
        self._answers = msgspec.msgpack.Decoder(Answer)

    async def read(self, files: Sequence[Found]) -> AsyncGenerator[list[Outcome], None]:
        """Outcomes of files, in their order; a file that ends the worker is one of them.

        Whatever else ended it, and may have been meant for any process, costs no file: that one is tried again.

        Raises:
            Unavailable: the worker cannot be started.
        """
        pending = deque(files)
        suspect: Found | None = None
        try:
            while pending:
                await self._ask(pending)
                async for answers in self._answered(len(pending)):
                    yield [answer.outcome(pending.popleft().path) for answer in answers]
                if not pending:
                    return
                code = await self.end()
                if code == -signal.SIGALRM or pending[0] is suspect:
                    yield [self._blamed(pending.popleft(), code)]
                else:
                    suspect = pending[0]
        finally:
            if pending:
                await self.end()  # its answers are not wanted any more

    async def end(self) -> int:
        """End the worker, if there is one, and say how it ended; a later question starts another."""
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        if connection:
            connection[1].close()
        if process is None:
            return 0
        if process.returncode is None and connection and not connection[0].at_eof():
            process.kill()
        return await process.wait()

    async def _ask(self, files: Sequence[Found]) -> None:
        _, to = self._connection or await self._started()
        to.write(framed(Request([Wanted(os.fsencode(file.path), file.charset) for file in files])))

    async def _started(self) -> tuple[StreamReader, StreamWriter]:
        """A worker that has said hello; one that is killed before that gets a second chance."""
        code = 0
        for _ in range(2):
            connection = await self._start()
            async for _hello in self._answered(1):
                return connection
            code = await self.end()
        raise Unavailable(f"a process that reads files ends as it starts, with code {code}")

    async def _start(self) -> tuple[StreamReader, StreamWriter]:
        ours, theirs = socket.socketpair()
        with theirs:
            self._connection = await asyncio.open_connection(sock=ours, limit=_PIECE_BYTES)
            self._frames = Frames()
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
        return self._connection

    async def _answered(self, count: int) -> AsyncIterator[list[Answer]]:
        """Answers as they come, `count` of them or fewer if the worker ends."""
        while count and self._connection:
            try:
                piece = await self._connection[0].read(_PIECE_BYTES)
            except ConnectionError:
                return
            if not piece:
                return
            answers = [self._answers.decode(message) for message in self._frames.feed(piece)]
            count -= len(answers)
            if answers:
                yield answers

    def _blamed(self, file: Found, code: int) -> Failed:
        if code == -signal.SIGALRM:
            seconds = self._limits.seconds_per_file
            error: RefusedFile | UnreadableFile = RefusedFile(
                f"reading it takes longer than {seconds} s", remedy="raise the limit seconds_per_file"
            )
        else:
            cause = signal.Signals(-code).name if code < 0 else f"code {code}"
            error = UnreadableFile(f"its reader ended with {cause}, twice")
        return Failed(file.path, error.code, str(error))
