"""`octavo` as a program that starts at once: a process that has imported it already forks for each command.

Importing costs most of a second and is the same in every command. What a command is given (arguments, environment,
folder, open files) and gives back (output, exit code, the signal it died of) is as if it had been started itself.
Tests of the start itself, of installing and of killing run the real program.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# Of the interpreter it takes what costs nothing to import.
STARTED = """#!{python} -IS
import _signal, _socket, marshal, posix, sys
wire = _socket.socket(_socket.AF_UNIX)
wire.connect({socket!r})
given = marshal.dumps((["octavo", *sys.argv[1:]], posix.getcwdb(), dict(posix.environ)))
files = b"".join(number.to_bytes(4, sys.byteorder) for number in (0, 1, 2))
wire.sendmsg([len(given).to_bytes(8, "big")], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, files)])
wire.sendall(given)
process = int.from_bytes(wire.recv(8, _socket.MSG_WAITALL), "big")
for number in (_signal.SIGINT, _signal.SIGTERM):
    _signal.signal(number, lambda number, frame: posix.kill(process, number))
told = wire.recv(8, _socket.MSG_WAITALL)
if len(told) < 8:
    posix.write(2, b"nobody told how the command ended\\n")
    posix._exit(70)
ended = int.from_bytes(told, "big", signed=True)
if ended < 0:
    _signal.signal(-ended, _signal.SIG_DFL)
    posix.kill(posix.getpid(), -ended)
posix._exit(ended)
"""


@contextmanager
def started_program() -> Iterator[Path]:
    """The path of a program `octavo` that can be run while the block lasts."""
    folder = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))  # the name of a socket must be short
    try:
        with _forking(folder / "socket"):
            program = folder / "octavo"
            program.write_text(STARTED.format(python=sys.executable, socket=str(folder / "socket")), "utf-8")
            program.chmod(0o755)
            yield program
    finally:
        shutil.rmtree(folder)


@contextmanager
def _forking(place: Path) -> Iterator[None]:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(place))
        listening.listen(64)
        with subprocess.Popen(
            [sys.executable, "-P", Path(__file__).with_name("forking.py"), str(listening.fileno())],
            pass_fds=[listening.fileno()],
            stdin=subprocess.PIPE,
        ):  # it ends with its standard input, which is closed here, also when this process is killed
            yield
