"""A process that reads files: started by the pool, fed over a socket, and alone in its death.

It answers with one frame a file, in the order asked, each as soon as it is read. So when it dies, the first file
without an answer is the one that killed it. The kernel ends it when a file takes too long; the end of the socket
ends it when the pool is gone.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import socket
import sys
from pathlib import Path

import msgspec

from octavo.errors import UnreadableFile
from octavo.ingest.extraction import warm_up
from octavo.ingest.limits import Limits
from octavo.ingest.read import read_file
from octavo.ingest.wire import Answer, Frames, Request, Wanted, framed

_PIECE_BYTES = 65_536


def main() -> None:
    """Serve the socket whose number is the first argument, within the limits of the second, until it ends."""
    limits = msgspec.json.decode(sys.argv[2], type=Limits)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the pool to handle
    resource.setrlimit(resource.RLIMIT_AS, (limits.max_worker_bytes, limits.max_worker_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    warm_up()
    gc.freeze()  # what is loaded now stays: collections need not look at it
    with socket.socket(fileno=int(sys.argv[1])) as pool:
        pool.sendall(framed(Answer()))
        _serve(pool, limits)


def _serve(pool: socket.socket, limits: Limits) -> None:
    frames = Frames()
    requests = msgspec.msgpack.Decoder(Request)
    while piece := pool.recv(_PIECE_BYTES):
        for message in frames.feed(piece):
            for wanted in requests.decode(message).files:
                pool.sendall(_answer(wanted, limits))


def _answer(wanted: Wanted, limits: Limits) -> bytes:
    # No handler: the signal's default ends the process, also in the midst of a library's loop.
    signal.alarm(limits.seconds_per_file)
    try:
        path = Path(os.fsdecode(wanted.path))
        return framed(Answer.of(read_file(path, limits, wanted.charset)))
    except (MemoryError, ValueError) as error:
        message = f"what it says cannot be passed on: {type(error).__name__} {error}"
        return framed(Answer(code=UnreadableFile.code, message=message))
    finally:
        signal.alarm(0)


if __name__ == "__main__":
    main()
