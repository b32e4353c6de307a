"""What can be wrong with an embedded server, looked at from outside: nothing is started, made or changed."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from octavo.errors import OctavoError
from octavo.postgres.server import binaries, directory, locks, postmaster, sockets
from octavo.postgres.server.account import server_account
from octavo.postgres.server.cluster import is_whole
from octavo.postgres.server.directory import DataDirectory

_NAMED = 3
LEAST_FREE_BYTES = 256 * 1024 * 1024
LEAST_SHARED_BYTES = 32 * 1024 * 1024  # a parallel query takes some of it; containers have 64 MB by default


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at."""

    name: str
    ok: bool
    detail: str
    remedy: str = ""


def checks(data: Path) -> list[Check]:
    """Look at everything an embedded server needs in this place; never raises for what it finds."""
    place = directory.at(data)
    return [_guarded(name, look, place) for name, look in _LOOKS.items()]


def _guarded(
    name: str, look: Callable[[DataDirectory], tuple[bool, str, str]], place: DataDirectory
) -> Check:
    try:
        ok, detail, remedy = look(place)
    except OctavoError as error:
        return Check(name, ok=False, detail=error.message, remedy=error.remedy)
    except OSError as error:
        return Check(
            name,
            ok=False,
            detail=f"{error.filename}: {error.strerror}",
            remedy="run as its owner, or as root",
        )
    return Check(name, ok, detail, "" if ok else remedy)


def _account(place: DataDirectory) -> tuple[bool, str, str]:
    account = server_account(place.path, may_create=False)
    return True, f"the server runs as {account.name} ({account.uid}), this process as {os.geteuid()}", ""


def _binaries(_place: DataDirectory) -> tuple[bool, str, str]:
    found = binaries.find()
    return True, f"PostgreSQL {found.version} in {found.directory} ({found.source})", ""


def _version(place: DataDirectory) -> tuple[bool, str, str]:
    if not is_whole(place):
        return True, "no data yet", ""
    major, programs = int((place.cluster / "PG_VERSION").read_text()), binaries.find()
    remedy = "set OCTAVO_POSTGRES_BIN to programs of the data's version, or upgrade the data with pg_upgrade"
    return major == programs.major, f"the data is of {major}, the programs are {programs.version}", remedy


def _marker(place: DataDirectory) -> tuple[bool, str, str]:
    if not place.path.exists():
        return True, f"{place.path} does not exist yet", ""
    marker = directory.read_marker(place)
    if marker is None:
        directory.refuse_foreign(place)
        return True, f"{place.path} is empty", ""
    whole = is_whole(place) or marker.created is None
    return (
        whole,
        f"made {marker.created}, PostgreSQL {marker.postgres}",
        "the cluster is missing: restore a backup",
    )


def _permissions(place: DataDirectory) -> tuple[bool, str, str]:
    if not place.path.exists():
        parent = _existing(place.path)
        return (
            os.access(parent, os.W_OK),
            f"{place.path} can be made in {parent}",
            f"you may not write in {parent}",
        )
    open_to_others = sorted(str(path) for path in _ours(place) if _is_open(path))
    if open_to_others:
        return False, f"open to other users: {', '.join(open_to_others)}", f"chmod -R go= {place.path}"
    owner = place.path.stat().st_uid
    return os.geteuid() in {0, owner}, f"private, of user number {owner}", "run as its owner"


def _ours(place: DataDirectory) -> Iterator[Path]:
    """The directory, what is directly in it, and where that really is."""
    yield place.path
    for entry in place.path.iterdir():
        yield entry.resolve()
        if entry in {place.locks, place.log.parent}:
            yield from entry.iterdir()


def _is_open(path: Path) -> bool:
    return path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _reach(place: DataDirectory) -> tuple[bool, str, str]:
    account = server_account(place.path, may_create=False)
    above = _existing(place.path.parent)
    if place.home != place.path:
        ok = account.reaches(place.home)
        return (
            ok,
            f"the cluster is in {place.home}, since {account.name} cannot reach {above}",
            f"mend {place.home}",
        )
    if account.is_ours or account.reaches(above):
        return True, f"{account.name} reaches {above}", ""
    new = not is_whole(place)
    return (
        new,
        f"{account.name} cannot reach {above}",
        f"let {account.name} pass the directories above the data",
    )


def _socket(place: DataDirectory) -> tuple[bool, str, str]:
    found = postmaster.living(place.cluster)
    if found:
        return found.socket.is_dir(), f"{found.socket}", "stop the server with --force and start it again"
    if sockets.fits(place.home / "run"):
        return True, f"{place.home / 'run'} is short enough", ""
    return True, f"{place.home / 'run'} is too long, a private directory in a shorter place will be used", ""


def _disk(place: DataDirectory) -> tuple[bool, str, str]:
    where = _existing(place.home)
    usage, flags = shutil.disk_usage(where), os.statvfs(where).f_flag
    if flags & os.ST_RDONLY:
        return False, f"{where} is read-only", "mount it writable"
    return usage.free >= LEAST_FREE_BYTES, f"{usage.free // 1024**2:,} MB free", "free some space"


def _memory(_place: DataDirectory) -> tuple[bool, str, str]:
    shared = Path("/dev/shm")  # noqa: S108 - looked at, not written to
    if not shared.is_dir():
        return True, "no /dev/shm: PostgreSQL uses another kind", ""
    usage = shutil.disk_usage(shared)
    ok = usage.free >= LEAST_SHARED_BYTES
    return (
        ok,
        f"{usage.free // 1024**2:,} of {usage.total // 1024**2:,} MB free",
        "enlarge it (docker: --shm-size)",
    )


def _process(place: DataDirectory) -> tuple[bool, str, str]:
    if found := postmaster.living(place.cluster):
        return True, f"process {found.pid}, {found.status}", ""
    if postmaster.died(place.cluster):
        return False, "the last server died; the next start recovers its data", "octavo up"
    return True, "not running", ""


def _keeper(place: DataDirectory) -> tuple[bool, str, str]:
    if not place.share.exists() or not postmaster.living(place.cluster):
        return True, "no server to watch over", ""
    if place.kept.exists():
        return True, "the server is kept until `octavo down`", ""
    if place.keeper.exists():
        free = locks.try_exclusive(place.keeper)
        if free is None:
            return True, "watches over the server", ""
        locks.release(free)
    return False, "nobody stops the server when it is idle", "open the database once: that starts a keeper"


def _leftovers(_place: DataDirectory) -> tuple[bool, str, str]:
    left = directory.leftovers()
    names = ", ".join(map(str, left[:_NAMED]))
    more = f" and {len(left) - _NAMED} more" if len(left) > _NAMED else ""
    return not left, (names or "none") + more, "their data directories were deleted by hand; delete them too"


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())


_LOOKS: dict[str, Callable[[DataDirectory], tuple[bool, str, str]]] = {
    "account": _account,
    "programs": _binaries,
    "data directory": _marker,
    "version": _version,
    "permissions": _permissions,
    "reach": _reach,
    "socket": _socket,
    "disk": _disk,
    "shared memory": _memory,
    "process": _process,
    "keeper": _keeper,
    "leftovers": _leftovers,
}
