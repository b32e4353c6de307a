"""The process behind `tests.program`: it has imported the command line, and forks for each command it is asked for."""

from __future__ import annotations

import gc
import marshal
import os
import select
import signal
import socket
import sys
import threading
from contextlib import suppress
from importlib import import_module

# Each command imports the command line itself anew, since that looks at the environment while it is imported.
import_module("octavo.cli.main")
for name in [name for name in sys.modules if name.startswith("octavo.cli")]:
    del sys.modules[name]


def serve(listening: socket.socket) -> None:
    """Answer until standard input ends; in the process of a command, return to run it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for those that wait for commands
    # What Ctrl-C in the terminal ends is the tests, and with them this.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.freeze()
    while True:
        readable, _, _ = select.select([0, listening], [], [])
        if 0 in readable:
            os._exit(0)
        wire, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            return _answer(wire)
        wire.close()


def _answer(wire: socket.socket) -> None:
    """Fork once more: the command's own process returns, this one tells how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    size, files, _, _ = socket.recv_fds(wire, 8, 3)
    arguments, folder, environment = marshal.loads(wire.recv(int.from_bytes(size), socket.MSG_WAITALL))
    process = os.fork()
    if process == 0:
        wire.close()
        return _become(arguments, folder, environment, files)
    wire.sendall(process.to_bytes(8))
    threading.Thread(target=_kill_when_left, args=(wire, process), daemon=True).start()
    _, status = os.waitpid(process, 0)
    wire.sendall(os.waitstatus_to_exitcode(status).to_bytes(8, signed=True))
    os._exit(0)


def _kill_when_left(wire: socket.socket, process: int) -> None:
    wire.recv(1)
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def _become(arguments: list[str], folder: bytes, environment: dict[bytes, bytes], files: list[int]) -> None:
    os.chdir(folder)
    os.environb.clear()
    os.environb.update(environment)
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.argv[:] = arguments
    sys.stdin, sys.stdout, sys.stderr = (
        open(number, mode, encoding="utf-8", closefd=False, buffering=buffering)  # noqa: SIM115
        for number, mode, buffering in ((0, "r", -1), (1, "w", -1), (2, "w", 1))
    )


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
    from octavo.cli.main import main

    main()
