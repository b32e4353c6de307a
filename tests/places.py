"""Where servers keep their data in tests that are not about a disk: in memory, if there is room.

A cluster is a thousand files, and tests make and drop clusters and databases by the hundred: on a busy disk that
takes longer than what is tested.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from octavo.errors import OctavoError
from octavo.postgres import server as embedded
from octavo.postgres.server.cluster import memory_bytes

_MEMORY = Path("/dev/shm")
_DISK = Path("/tmp")
_GIB = 1024**3
_ROOM_BYTES, _MACHINE_BYTES = 4 * _GIB, 12 * _GIB


@contextmanager
def short_place() -> Iterator[Path]:
    """A folder with a short path that every user may pass; the servers in it are destroyed in the end."""
    root = _root()
    _clear_left(root)
    folder = Path(tempfile.mkdtemp(prefix=f"oct-{os.getpid()}-", dir=root))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        _clear(folder)


def _root() -> Path:
    """Memory is used where it is plenty: what is left of a run that was killed may stay there until the next."""
    if memory_bytes() < _MACHINE_BYTES or not os.access(_MEMORY, os.W_OK):
        return _DISK
    return _MEMORY if shutil.disk_usage(_MEMORY).free > _ROOM_BYTES else _DISK


def _clear(folder: Path) -> None:
    for marker in [*folder.glob("octavo.json"), *folder.glob("*/octavo.json")]:
        embedded.destroy(marker.parent, force=True)
    shutil.rmtree(folder)


def _clear_left(root: Path) -> None:
    """Remove the places of our own processes that are dead."""
    for folder in root.glob("oct-*-*"):
        owner = folder.name.split("-")[1]
        if owner.isdigit() and not Path("/proc", owner).exists():
            with suppress(OSError, OctavoError):  # another process of the tests clears it at this moment
                _clear(folder)
