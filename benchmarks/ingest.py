"""Ingest: files read, kept as documents and events, against its parts, raw, on the same files.

The limit is the parts one after another, each as fast as it goes: the libraries read in one process a core, the
originals are copied by threads, the rows are written by hand. Octavo does the same with every guarantee: kinds told
by content, hostile files kept apart, titles, dates and counts, a ledger to go on from; search is not running.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import asyncpg
from uuid_utils.compat import uuid7

from benchmarks import parts
from benchmarks.files import COUNTS, write_corpus
from benchmarks.measure import OURS, Contestant, Row, compete
from octavo import Octavo

GOAL = 0.6
PARTS, LIBRARIES = "parts, raw", "libraries alone"
_TITLES = {"html": "HTML", "pdf": "PDF", "docx": "Word", "eml": "mail"}
_LOOK_SECONDS = 0.05


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:
    """All rows about ingest."""
    folder = Path(tempfile.mkdtemp(prefix="octavo-bench-files-"))
    cores = len(os.sched_getaffinity(0))
    connection = await asyncpg.connect(**admin)
    try:
        told = write_corpus(folder)
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
            raw = _Raw(pool, connection, folder)
            rows = [await _row(db, raw, folder, "all kinds", rounds, goal=GOAL)]
            rows += [await _row(db, raw, folder / kind, _TITLES[kind], rounds) for kind in COUNTS]
        megabytes = await _peak(db, folder)
        return [replace(rows[0], remark=f"{told}. {_memory(megabytes, cores)}"), *rows[1:]]
    finally:
        await connection.close()
        shutil.rmtree(folder, ignore_errors=True)


class _Raw:
    """The parts, each in the best way it goes alone."""

    def __init__(self, pool: ProcessPoolExecutor, connection: asyncpg.Connection, folder: Path) -> None:
        self._pool = pool
        self._connection = connection
        self._folder = folder

    async def read(self, files: Sequence[Path]) -> list[tuple[str, str]]:
        """What the libraries alone make of the files, in a process a core."""
        loop = asyncio.get_running_loop()
        shares = [files[first::16] for first in range(16)]
        read = await asyncio.gather(*(loop.run_in_executor(self._pool, _read, share) for share in shares))
        return [one for share in read for one in share]

    async def all(self, files: Sequence[Path]) -> None:
        """The parts one after another."""
        texts = await self.read(files)
        copies = Path(tempfile.mkdtemp(prefix="octavo-bench-copies-", dir=self._folder.parent))
        try:
            await asyncio.to_thread(parts.copy_all, files, copies)
        finally:
            shutil.rmtree(copies, ignore_errors=True)
        await parts.write_all(self._connection, uuid7(), texts)


async def _row(
    db: Octavo, raw: _Raw, folder: Path, kinds: str, rounds: int, *, goal: float | None = None
) -> Row:
    files = _files(folder)

    async def alone(times: int) -> None:
        await raw.read(files[:times])

    async def in_parts(times: int) -> None:
        await raw.all(files[:times])

    async def ours(_: int) -> None:
        await _ingest(db, folder, len(files))

    row = await compete(
        f"ingest {len(files)} files, {kinds}",
        [Contestant(PARTS, in_parts), Contestant(OURS, ours), Contestant(LIBRARIES, alone)],
        operations=len(files),
        rounds=rounds,
        unit=" files/s",
        goal=goal,
    )
    return replace(row, against=PARTS)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _read(files: Sequence[Path]) -> list[tuple[str, str]]:
    return [parts.read(path) for path in files]


async def _ingest(db: Octavo, folder: Path, files: int) -> None:
    """Into an organization of its own, where all files are new."""
    organization = await db.organizations.create(f"bench-{uuid7().hex[:20]}")
    summary = await db.organization(organization.name).ingest(folder)
    assert summary.done == files
    assert len(summary.failures) * 50 <= files, summary.failures[:3]


async def _peak(db: Octavo, folder: Path) -> float:
    """Megabytes that this process and those it starts hold at most during one more ingest, PostgreSQL apart."""
    files = sum(COUNTS.values())
    task = asyncio.create_task(_ingest(db, folder, files))
    most = 0
    while not task.done():
        most = max(most, await asyncio.to_thread(_resident))
        await asyncio.sleep(_LOOK_SECONDS)
    await task
    return most / 1e6


def _resident() -> int:
    """Bytes of this process and all it started, as Linux tells."""
    pages, processes = 0, [os.getpid()]
    while processes:
        process = Path("/proc", str(processes.pop()))
        try:
            if not (process / "comm").read_text().startswith("postgres"):
                pages += int((process / "statm").read_text().split()[1])
            for children in process.glob("task/*/children"):
                processes += map(int, children.read_text().split())
        except (FileNotFoundError, ProcessLookupError):  # it has ended
            continue
    return pages * os.sysconf("SC_PAGE_SIZE")


def _memory(megabytes: float, cores: int) -> str:
    return (
        f"Both sides use {cores} processes. Peak resident memory of Octavo's processes, the benchmark's own imports "
        f"and shared pages counted with each: {megabytes:,.0f} MB"
    )
