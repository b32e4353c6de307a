"""The embedded PostgreSQL server: one a data directory, shared by every process that opens it.

lifecycle    open, share, keep, stop, destroy, status: the public part
doctor       what can be wrong with a data directory, and the remedy
cluster      initdb, configuration, start
directory    what is where, and whose it is
sockets      where the socket is
binaries     PostgreSQL's programs
account      the operating system's user the server runs under
postmaster   the server process, seen from outside
locks        locks that die with their holder
keeper       the small process that stops an idle server
faults       the system's errors, as Octavo's
"""

from octavo.postgres.server.doctor import Check, checks
from octavo.postgres.server.lifecycle import (
    Running,
    Server,
    ServerStatus,
    destroy,
    keep,
    open_server,
    status,
    stop,
)

__all__ = [
    "Check",
    "Running",
    "Server",
    "ServerStatus",
    "checks",
    "destroy",
    "keep",
    "open_server",
    "status",
    "stop",
]
