"""The data directory: what is in it, whose it is, and where its parts really are.

    octavo.json     marks it: format, PostgreSQL's major version, when the cluster was complete
    cluster/        PostgreSQL's data (PGDATA)
    run/            the socket
    log/            postgres.log
    lock/           see `locks`; also `kept`, while the server is to stay up
    blobs/          original files, by others

Everything is 0700 and 0600; parents are never changed. Two parts may be links to another place:
- `cluster` and `run`, when root opens a directory that the server's account cannot reach: PostgreSQL refuses
  root, and opening the parents would expose all else in them. They are below /var/lib/octavo/clusters then.
- `run`, when the path of the socket would be longer than the operating system takes.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from octavo.errors import ServerFault, StorageFault
from octavo.postgres.server import locks, postmaster
from octavo.postgres.server.account import Account
from octavo.postgres.server.binaries import STATE, make_passable

FORMAT = 1
STOP_SECONDS = 60.0
ELSEWHERE = STATE / "clusters"
_NOT_OURS = frozenset({"lost+found"})  # of a fresh mount
_FIRST_OURS = frozenset({"lock", "lock/start", "lock/share", "lock/octavo.json"})  # before there is a marker


@dataclass(frozen=True, slots=True)
class Marker:
    """The content of octavo.json."""

    postgres: int  # major version
    created: str | None  # when the cluster was complete; None: its making was interrupted


@dataclass(frozen=True, slots=True)
class DataDirectory:
    """Names in one data directory; nothing is read or made."""

    path: Path  # without links

    @property
    def marker(self) -> Path:
        """What makes it a data directory of Octavo."""
        return self.path / "octavo.json"

    @property
    def cluster(self) -> Path:
        """PGDATA, or a link to it."""
        return self.path / "cluster"

    @property
    def run(self) -> Path:
        """The socket's directory, or a link to it."""
        return self.path / "run"

    @property
    def log(self) -> Path:
        """What the server and the keeper print."""
        return self.path / "log" / "postgres.log"

    @property
    def locks(self) -> Path:
        """Directory of the locks."""
        return self.path / "lock"

    @property
    def start(self) -> Path:
        """Lock: who changes the server's state."""
        return self.locks / "start"

    @property
    def share(self) -> Path:
        """Lock: who uses the server."""
        return self.locks / "share"

    @property
    def keeper(self) -> Path:
        """Lock: who stops an idle server."""
        return self.locks / "keeper"

    @property
    def kept(self) -> Path:
        """Exists while the server is to stay up without users."""
        return self.locks / "kept"

    @property
    def home(self) -> Path:
        """Where cluster and socket really are: here, or a directory of /var/lib/octavo/clusters."""
        target = self.cluster.readlink() if self.cluster.is_symlink() else self.cluster
        return target.parent if target.parent.parent == ELSEWHERE else self.path


def at(data: Path) -> DataDirectory:
    """The data directory at a path that may be relative, begin with `~` or lead through links."""
    return DataDirectory(data.expanduser().resolve())


def read_marker(directory: DataDirectory) -> Marker | None:
    """The marker, or None if this is no data directory of Octavo.

    Raises:
        ServerFault: the marker is damaged, or of a later format.
    """
    try:
        content = json.loads(directory.marker.read_text(encoding="utf-8"))
        marker, written = Marker(int(content["postgres"]), content["created"]), content["format"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError) as error:
        raise ServerFault(
            f"{directory.marker} is damaged: {error}",
            remedy='restore it: {"format": 1, "postgres": <cluster/PG_VERSION>, "created": "<time>"}',
        ) from error
    if written != FORMAT:
        raise ServerFault(f"{directory.path} has format {written}, not {FORMAT}", remedy="use a newer Octavo")
    return marker


def write_marker(directory: DataDirectory, major: int, *, complete: bool) -> None:
    """Write the marker, whole or not at all."""
    created = datetime.now(UTC).isoformat(timespec="seconds") if complete else None
    content = {"format": FORMAT, "postgres": major, "created": created}
    building = directory.locks / "octavo.json"
    write_private(building, json.dumps(content, indent=2) + "\n")
    building.replace(directory.marker)


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` as a file of the directory's owner that nobody else reads; on disk when done."""
    descriptor = locks.open_private(path, os.O_WRONLY | os.O_TRUNC)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(descriptor)


def claim(directory: DataDirectory) -> None:
    """Make sure the directory exists, is Octavo's or empty, is of this account, and can hold locks.

    Raises:
        ServerFault: something else is in it.
        StorageFault: it belongs to another account.
        OSError: it cannot be made.
    """
    if not directory.path.is_dir():
        directory.path.parent.mkdir(parents=True, exist_ok=True)
        directory.path.mkdir(mode=0o700, exist_ok=True)
    owner = directory.path.stat().st_uid
    if os.geteuid() not in {0, owner}:
        raise StorageFault(
            f"{directory.path} belongs to user number {owner}, not to {os.geteuid()}",
            remedy="open it as its owner, or choose a directory of your own",
        )
    refuse_foreign(directory)
    make_start_lock(directory)


def make_start_lock(directory: DataDirectory) -> None:
    """Make what everything that changes the server's state is guarded by."""
    make_private(directory.locks)
    locks.make(directory.start)


def refuse_foreign(directory: DataDirectory) -> None:
    """Raise ServerFault if the directory holds something and is not marked as Octavo's."""
    present = {entry.name for entry in directory.path.iterdir()}
    if directory.locks.is_dir():
        present |= {f"lock/{entry.name}" for entry in directory.locks.iterdir()}
    foreign = sorted(present - _NOT_OURS - _FIRST_OURS)
    if foreign and directory.marker.name not in present:
        raise ServerFault(
            f"{directory.path} is not an Octavo data directory: it holds {', '.join(foreign[:3])}"
            f"{' …' if len(foreign) > 3 else ''} and no octavo.json",
            remedy="choose an empty or a new directory",
        )


def make_private(path: Path) -> None:
    """Make a directory 0700 for the owner of its parent; an existing one stays as it is."""
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        if path.is_symlink() or not path.is_dir():
            raise
        return
    give(path, like=path.parent)


def settle(directory: DataDirectory, account: Account) -> None:
    """Decide, for a new data directory, where its cluster will be, and give it to the server's account.

    In place if the account can get there; otherwise below /var/lib/octavo/clusters, with a link to it.
    """
    directory.path.chmod(0o700)
    if account.is_ours or account.reaches(directory.path.parent):
        for path in (directory.path, *_below(directory.path)):
            os.chown(path, account.uid, account.gid, follow_symlinks=False)
        return
    home = ELSEWHERE / digest(directory.path)
    _make_elsewhere(home, directory, account)
    if not directory.cluster.is_symlink():
        directory.cluster.symlink_to(home / "cluster")


def _make_elsewhere(home: Path, directory: DataDirectory, account: Account) -> None:
    make_passable(STATE, 0o755)
    make_passable(ELSEWHERE, 0o711)
    if (home / "cluster").exists():  # its data directory was deleted by hand; we do not delete data unasked
        postmaster.stop(home / "cluster", signal.SIGINT, STOP_SECONDS)
        home.rename(home.with_name(f"{home.name}.left-{datetime.now(UTC):%Y%m%d%H%M%S}"))
    home.mkdir(mode=0o700, exist_ok=True)
    os.chown(home, account.uid, account.gid)
    if not (home / "data").is_symlink():
        (home / "data").symlink_to(directory.path)


def belongs_here(directory: DataDirectory) -> bool:
    """Whether the cluster is this directory's own; False for a copy of a directory whose cluster is elsewhere.

    A cluster elsewhere names its directory; if that was moved here, it is told.
    """
    back = directory.home / "data"
    if directory.home == directory.path or not back.is_symlink():
        return directory.home == directory.path
    owner = DataDirectory(back.readlink())
    if owner.path == directory.path:
        return True
    if owner.cluster.is_symlink() and owner.home == directory.home:
        return False
    back.unlink()
    back.symlink_to(directory.path)
    return True


def refuse_copy(directory: DataDirectory) -> None:
    """Raise ServerFault if the linked cluster belongs to another directory, of which this one is a copy."""
    if not belongs_here(directory):
        raise ServerFault(
            f"{directory.path} is a copy of {(directory.home / 'data').resolve()} without its cluster,"
            f" which is in {directory.home}",
            remedy="copy with `octavo backup` and `octavo restore`",
        )


def clear(directory: DataDirectory) -> None:
    """Delete all in it and elsewhere for it; whenever that is interrupted, the rest is not taken for whole."""
    if belongs_here(directory):
        whole = directory.home / "cluster"
        with suppress(FileNotFoundError):
            whole.rename(whole.with_name("cluster.new-destroyed"))
    for place in list(_places_elsewhere(directory)):
        shutil.rmtree(place)
    for entry in directory.path.iterdir():
        if entry.name not in {*_NOT_OURS, directory.locks.name, directory.marker.name}:
            _remove(entry)
    # The marker goes late: without it what is left would be somebody else's, for who opens or destroys it meanwhile.
    for entry in directory.locks.iterdir():
        if entry != directory.start:
            _remove(entry)
    directory.marker.unlink(missing_ok=True)
    shutil.rmtree(
        directory.locks, ignore_errors=True
    )  # who opens the directory again right now makes its own


def _remove(entry: Path) -> None:
    if entry.is_dir() and not entry.is_symlink():
        shutil.rmtree(entry)
    else:
        entry.unlink(missing_ok=True)


def _places_elsewhere(directory: DataDirectory) -> Iterator[Path]:
    """Directories outside that belong to this one; a link that does not look like ours is not followed."""
    if directory.home != directory.path and belongs_here(directory):
        yield directory.home
    run = directory.run.readlink() if directory.run.is_symlink() else directory.run
    if re.fullmatch(r"octavo-\d+-[0-9a-f]{16}", run.name) and run.is_dir() and not run.is_symlink():
        yield run


def size_bytes(directory: DataDirectory) -> int:
    """Disk space used, in bytes, also elsewhere; files that vanish meanwhile count as nothing."""
    places = {directory.path, directory.home}
    return sum(_blocks(path) for place in places for path in _below(place))


def _blocks(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_blocks * 512
    return 0


def _below(place: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(place):
        for name in (*folders, *files):
            yield Path(folder, name)


def digest(path: Path) -> str:
    """A short name for a path."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:16]


def give(path: Path, *, like: Path) -> None:
    """As root, make the owner of `like` the owner of `path`."""
    if os.geteuid() == 0:
        owner = like.stat()
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def leftovers() -> list[Path]:
    """Clusters below /var/lib/octavo/clusters whose data directory was deleted by hand, the newest first."""
    if os.geteuid() != 0 or not ELSEWHERE.is_dir():
        return []
    left = [home for home in ELSEWHERE.iterdir() if not _has_data_directory(home)]
    return sorted(left, key=_age_seconds)


def _age_seconds(home: Path) -> float:
    try:
        return time.time() - home.stat().st_mtime
    except FileNotFoundError:  # somebody deletes it at this moment
        return math.inf


def _has_data_directory(home: Path) -> bool:
    back = home / "data"
    return back.is_symlink() and DataDirectory(back.readlink()).marker.exists()
