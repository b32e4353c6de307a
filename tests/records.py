"""A new record in a moment: made once by the product itself, and copied.

What is copied is what opening a new data directory makes, with the server stopped. It is kept in `.pytest_cache`,
by the version of PostgreSQL and by the text of the package, so that it is made anew when either changes. Tests of
making a record make one.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import asyncpg

import octavo
from octavo.postgres import server as embedded
from octavo.postgres.migrator import migrate
from octavo.postgres.server import binaries
from tests.databases import TEMPLATE
from tests.places import short_place

# Instead of durability, which is for the tests of it.
FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "max_prepared_transactions": "4",
    "max_wal_size": "512MB",
}
_KEPT = Path(__file__).parents[1] / ".pytest_cache" / "records"
_MOST_KEPT = 6


def new_record(data: Path, *, durable: bool = False) -> Path:
    """Make a data directory with a new record in it, as opening one makes it; no server runs.

    Args:
        data: in a folder that the server's account can reach.
        durable: whether its server will sync; otherwise it is as fast as it can be.
    """
    _copied("record", _make_record, data)
    if not durable:
        _make_fast(data)
    return data


def new_server(data: Path) -> embedded.Server:
    """A fast server of its own with a migrated database, and another one to copy (`tests.databases`)."""
    _copied("server", _make_server, data)
    _make_fast(data)
    return embedded.open_server(data)


def _make_fast(data: Path) -> None:
    """As a person would who wants it so for good, whoever starts the server."""
    with (data / "cluster" / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in FAST.items())


def _make_record(data: Path) -> None:
    async def open_once() -> None:
        async with octavo.open(data, background=False):
            pass

    _run(open_once())


def _make_server(data: Path) -> None:
    server = embedded.open_server(data)
    _run(_migrate(server))
    server.close()


def _run(work: Coroutine[Any, Any, None]) -> None:
    """In a thread, which has no loop of its own: the tests' loop stays the only one of this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, work).result()


async def _migrate(server: embedded.Server) -> None:
    await migrate(server.running.dsn("octavo_admin"))
    connection = await asyncpg.connect(**server.running.dsn("octavo_admin", "postgres"))
    await connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE octavo STRATEGY file_copy")
    await connection.close()


def _copied(name: str, make: Callable[[Path], None], data: Path) -> None:
    kept = _KEPT / f"{name}-{_version()}"
    _KEPT.mkdir(parents=True, exist_ok=True)
    while True:
        with _locked(fcntl.LOCK_SH):
            if kept.exists():
                subprocess.run(["cp", "--archive", "--reflink=auto", kept, data], check=True)
                return
        with _locked(fcntl.LOCK_EX):
            if not kept.exists():
                _keep(make, kept)


def _keep(make: Callable[[Path], None], kept: Path) -> None:
    for old in sorted(_KEPT.glob("*-*"), key=lambda path: path.stat().st_mtime)[: 1 - _MOST_KEPT]:
        shutil.rmtree(old)
    with short_place() as place:
        make(place / "data")
        embedded.stop(place / "data")
        unfinished = kept.with_name("unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        subprocess.run(["cp", "--archive", place / "data", unfinished], check=True)
    unfinished.rename(kept)
    os.utime(kept)


@contextmanager
def _locked(how: int) -> Iterator[None]:
    with (_KEPT / "lock").open("w") as file:
        fcntl.flock(file, how)
        yield


@cache
def _version() -> str:
    postgres = binaries.find().program("postgres")
    digest = hashlib.sha256(subprocess.run([postgres, "--version"], capture_output=True, check=True).stdout)
    for path in sorted(Path(octavo.__file__).parent.rglob("*")):
        if path.suffix in {".py", ".sql"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
