"""The embedded server from its first user to its last: opened, shared, kept, stopped, destroyed.

Any number of processes use one server. The first starts it, detached; the others join; nobody owns it. Each
holds a shared lock that the kernel gives back when the process ends, however it ends; the keeper stops the
server when nobody has held one for the idle time. All that changes its state happens under the start lock.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from octavo.errors import ServerFault
from octavo.postgres.server import binaries, cluster, directory, faults, keeper, locks, postmaster, sockets
from octavo.postgres.server.account import ourselves, server_account
from octavo.postgres.server.cluster import DATABASE, Cluster
from octavo.postgres.server.directory import DataDirectory
from octavo.postgres.server.postmaster import Postmaster
from octavo.postgres.server.sockets import PORT

STOP_SECONDS = 60.0
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs, and that this process holds a share of."""

    data: Path  # the data directory
    socket: Path  # directory of the unix socket
    port: int  # number in the socket's name; there is no TCP

    def dsn(self, role: str, database: str = DATABASE) -> dict[str, Any]:
        """Arguments for the driver's `connect`: who may connect at all is decided by the operating system."""
        return {"host": str(self.socket), "port": self.port, "user": role, "database": database}


class Server:
    """A share of a running server: while one is held, the server is not stopped for being idle."""

    def __init__(self, running: Running, share: int) -> None:
        self.running = running
        self._share: int | None = share
        self._holder = os.getpid()

    @property
    def is_alive(self) -> bool:
        """Whether the server's main process lives; False after somebody killed it."""
        return postmaster.living(directory.at(self.running.data).cluster) is not None

    def close(self) -> None:
        """Give the share back; closing twice is fine. The server goes on for the idle time."""
        share, self._share = self._share, None
        if share is None:
            return
        if os.getpid() == self._holder:
            locks.release(share)
        else:  # in a forked child: the parent's share must stay
            os.close(share)


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """What can be seen of the server of a data directory, without changing anything."""

    state: Literal["absent", "stopped", "running", "crashed"]
    data: Path
    major: int | None = None  # PostgreSQL's major version
    pid: int | None = None
    uptime_seconds: float | None = None
    users: tuple[int, ...] = ()  # processes that hold a share, as far as this account may see them
    kept: bool = False  # until `stop`, also when idle
    socket: Path | None = None
    cluster: Path | None = None  # where PGDATA really is
    size_bytes: int = 0


def open_server(
    data: Path,
    *,
    settings: Mapping[str, str] = NO_SETTINGS,
    start_timeout: float = 120.0,
    idle_stop: float = 60.0,
) -> Server:
    """Start the server of a data directory, or join the one that runs. Blocks: call it in a thread.

    Args:
        data: the data directory; made if missing, with its cluster and the database `octavo`.
        settings: of PostgreSQL, beside Octavo's own; they count when this call starts the server.
        start_timeout: seconds to wait, crash recovery included.
        idle_stop: seconds without any user after which the server is stopped; the latest opener's counts.

    Returns:
        A share of the server, which takes connections now.

    Raises:
        ServerFault: it cannot be started; the data is of another major version; something else is in there.
        StorageFault: the disk is full or read-only, or the directory belongs to somebody else.
    """
    place, deadline = directory.at(data), time.monotonic() + start_timeout
    with faults.told_of(place.path), _claimed(place, deadline):
        share = locks.share(place.share, idle_stop)
        try:
            found = _living(place, deadline) or _start(place, settings, deadline)
            _ensure_keeper(place)
        except BaseException:
            locks.release(share)
            raise
        return Server(Running(place.path, found.socket, PORT), share)


def keep(
    data: Path, *, settings: Mapping[str, str] = NO_SETTINGS, start_timeout: float = 120.0
) -> ServerStatus:
    """Start the server, if it does not run, and let it stay up without users until `stop`.

    Raises:
        ServerFault, StorageFault: as `open_server`.
    """
    server = open_server(data, settings=settings, start_timeout=start_timeout)
    try:
        place = directory.at(data)
        with faults.told_of(place.path):
            os.close(locks.open_private(place.kept))
        return status(data)
    finally:
        server.close()


def stop(data: Path, *, force: bool = False, timeout: float = STOP_SECONDS) -> bool:
    """Stop the server now, also a kept one.

    Args:
        data: the data directory.
        force: also while others use it; what they have not committed is rolled back.
        timeout: seconds to wait for a clean end; with `force` it is then ended at once, and recovers later.

    Returns:
        Whether there was one running.

    Raises:
        ServerFault: others use it (`fields["pids"]`), it does not end, or this is not Octavo's directory.
    """
    place = directory.at(data)
    with faults.told_of(place.path):
        _require_marker(place)
        directory.make_start_lock(place)
        with _start_lock(place, time.monotonic() + timeout):
            return _stop(place, force, timeout)


def destroy(data: Path, *, force: bool = False, timeout: float = STOP_SECONDS) -> None:
    """Stop the server and delete the data directory with all that is in it, and elsewhere for it.

    Raises:
        ServerFault: as `stop`; nothing is deleted then.
    """
    place = directory.at(data)
    with faults.told_of(place.path):
        _require_marker(place)
        directory.make_start_lock(place)
        with _start_lock(place, time.monotonic() + timeout):
            _stop(place, force, timeout)
            directory.clear(place)
            with suppress(OSError):  # a mount point stays, empty
                place.path.rmdir()


def status(data: Path) -> ServerStatus:
    """What can be seen of the server, without waiting and without changing anything.

    Raises:
        ServerFault, StorageFault: the marker is damaged or may not be read.
    """
    place = directory.at(data)
    with faults.told_of(place.path):
        marker = directory.read_marker(place)
        if marker is None:
            return ServerStatus("absent", place.path)
        found = postmaster.living(place.cluster)
        return ServerStatus(
            state="running" if found else "crashed" if postmaster.died(place.cluster) else "stopped",
            data=place.path,
            major=marker.postgres,
            pid=found.pid if found else None,
            uptime_seconds=max(0.0, time.time() - found.started) if found else None,
            users=tuple(locks.holders(place.share)),
            kept=place.kept.exists(),
            socket=found.socket if found else None,
            cluster=place.cluster.resolve(),
            size_bytes=directory.size_bytes(place),
        )


@contextmanager
def _start_lock(place: DataDirectory, deadline: float) -> Iterator[None]:
    with ExitStack() as stack:
        try:
            stack.enter_context(locks.exclusive(place.start, deadline - time.monotonic()))
        except TimeoutError as error:
            raise ServerFault(
                f"another process has been starting or stopping the server of {place.path} all the time",
                remedy="try again later, or see `octavo doctor`",
            ) from error
        yield


@contextmanager
def _claimed(place: DataDirectory, deadline: float) -> Iterator[None]:
    """Hold the start lock of a directory that is ours or empty; if it fails, nothing half made stays."""
    missing = [path for path in (place.path, *place.path.parents) if not path.exists()]
    with ExitStack() as stack:
        try:
            _claim(place, deadline, stack)
        except BaseException:
            _remove_empty([place.locks, *missing])
            raise
        before = place.path.stat()
        try:
            yield
        except BaseException:
            with suppress(ServerFault):  # a marker that cannot be read is no licence to delete
                if _is_unfinished(place):
                    _abandon(place, before, missing)
            raise


def _claim(place: DataDirectory, deadline: float, stack: ExitStack) -> None:
    while True:
        try:
            directory.claim(place)
            stack.enter_context(_start_lock(place, deadline))
            directory.refuse_foreign(place)  # whoever held the lock may have filled or emptied it
        except FileNotFoundError:  # it was destroyed while we waited
            if time.monotonic() > deadline:
                raise
            time.sleep(locks.POLL_SECONDS)
        else:
            return


def _is_unfinished(place: DataDirectory) -> bool:
    """Whether the cluster was never complete; asked under the start lock."""
    marker = directory.read_marker(place)
    return marker is None or marker.created is None


def _abandon(place: DataDirectory, before: os.stat_result, missing: list[Path]) -> None:
    """Leave the place as it was found."""
    directory.clear(place)
    place.path.chmod(before.st_mode & 0o7777)
    os.chown(place.path, before.st_uid, before.st_gid)
    _remove_empty(missing)


def _living(place: DataDirectory, deadline: float) -> Postmaster | None:
    """The running server, waited for if its starter died on the way; one that is stopping is waited out."""
    while found := postmaster.living(place.cluster):
        if found.status == "ready":
            return found
        if found.status != "stopping":
            return cluster.wait_until_ready(place, deadline)
        if time.monotonic() > deadline:
            raise ServerFault(f"the server of {place.path} is still stopping", remedy="try again later")
        time.sleep(locks.POLL_SECONDS)
    return None


def _start(place: DataDirectory, settings: Mapping[str, str], deadline: float) -> Postmaster:
    account = server_account(place.path)
    made = Cluster(place, binaries.for_account(binaries.find(), account), account)
    if _is_unfinished(place):
        _create(made)
    elif not cluster.is_whole(place):
        raise ServerFault(
            f"the cluster of {place.path} is not at {place.cluster.resolve()}",
            remedy="bring it back, restore a backup, or destroy the directory",
        )
    directory.refuse_copy(place)
    _require_reach(made)
    cluster.check_version(made)
    socket = sockets.place(place, account)
    cluster.configure(made, settings)
    _ensure_keeper(place)  # before the server: it must not outlive us unwatched
    return cluster.start(made, socket, deadline)


def _create(made: Cluster) -> None:
    """Make the cluster of a new data directory, or finish what was interrupted."""
    directory.write_marker(made.directory, made.binaries.major, complete=False)
    cluster.remove_unfinished(made)
    directory.settle(made.directory, made.account)
    if not cluster.is_whole(made.directory):
        cluster.create(made)
    directory.write_marker(made.directory, made.binaries.major, complete=True)


def _remove_empty(paths: list[Path]) -> None:
    for path in paths:
        with suppress(OSError):
            path.rmdir()


def _require_marker(place: DataDirectory) -> None:
    if directory.read_marker(place) is None:
        raise ServerFault(
            f"{place.path} is not an Octavo data directory: there is no octavo.json in it",
            remedy="name the directory that was given to `octavo up` or `octavo.open`",
        )


def _require_reach(made: Cluster) -> None:
    if not made.account.is_ours and not made.account.reaches(made.path):
        raise ServerFault(
            f"user {made.account.name}, who runs the server, cannot reach {made.path} any more",
            remedy="let that user pass the directories above it, or move the data directory",
        )


def _stop(place: DataDirectory, force: bool, timeout: float) -> bool:
    running = postmaster.living(place.cluster) is not None
    if running and not force and locks.is_shared(place.share):
        pids = locks.holders(place.share)
        users = ", ".join(map(str, pids)) or "of another user"
        raise ServerFault(
            f"the server of {place.path} is in use by process {users}",
            remedy="end them first, or stop it with --force",
            pids=pids,
        )
    place.kept.unlink(missing_ok=True)
    ended = postmaster.stop(place.cluster, signal.SIGINT, timeout)
    if not ended and not (force and postmaster.stop(place.cluster, signal.SIGQUIT, timeout)):
        raise ServerFault(
            f"the server of {place.path} does not end within {timeout:g} s",
            remedy=f"see {place.log}, or stop it with --force",
        )
    return running


def _ensure_keeper(place: DataDirectory) -> None:
    """Start a keeper unless there is one or the server stays up; the lock passes on to it without a gap."""
    if place.kept.exists():
        return
    locks.make(place.keeper)
    own = locks.try_exclusive(place.keeper)
    if own is None:
        return
    descriptor = cluster.open_log(place.log)
    try:
        ourselves().detach(
            [_python(), "-I", "-S", "-c", keeper.COMMAND, _PACKAGE, place.path, str(own)],
            log=descriptor, keep=(own,),
        )  # fmt: skip
    finally:
        os.close(descriptor)
        os.close(own)


_PACKAGE = Path(__file__).parents[2]


def _python() -> str:
    """This interpreter, or the one it is embedded from: a host program must not be started again."""
    if Path(sys.executable).name.startswith("python"):
        return sys.executable
    return str(Path(sys.base_exec_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}"))
