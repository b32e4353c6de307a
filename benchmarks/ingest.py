"""Ingest: files read, kept as documents and events, against the libraries alone on the same files.

The limit runs the libraries in one process a core and throws the text away. Octavo finds the files, reads them,
keeps the originals and writes documents with their events; search is not running.
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

from uuid_utils.compat import uuid7

from benchmarks import parts
from benchmarks.corpus import COUNTS, write_corpus
from benchmarks.measure import OURS, Contestant, Row, compete
from octavo import Octavo

GOAL = 0.6
PARTS = "libraries alone"
_TITLES = {"html": "HTML", "pdf": "PDF", "docx": "Word", "eml": "mail"}
_LOOK_SECONDS = 0.05


async def run(db: Octavo, admin: dict[str, Any], rounds: int) -> list[Row]:  # noqa: ARG001  # the shape of all
    """All rows about ingest."""
    folder = Path(tempfile.mkdtemp(prefix="octavo-bench-files-"))
    cores = len(os.sched_getaffinity(0))
    try:
        told = write_corpus(folder)
        with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
            rows = [await _row(db, pool, folder, "all kinds", rounds, goal=GOAL)]
            rows += [await _row(db, pool, folder / kind, _TITLES[kind], rounds) for kind in COUNTS]
        megabytes = await _peak(db, folder)
        return [replace(rows[0], remark=f"{told}. {_memory(megabytes, cores)}"), *rows[1:]]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _row(
    db: Octavo, pool: ProcessPoolExecutor, folder: Path, kinds: str, rounds: int, *, goal: float | None = None
) -> Row:
    files = _files(folder)

    async def alone(times: int) -> None:
        shares = [files[first:times:16] for first in range(16)]
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, _read, share) for share in shares))

    async def ours(_: int) -> None:
        await _ingest(db, folder, len(files))

    row = await compete(
        f"ingest {len(files)} files, {kinds}",
        [Contestant(PARTS, alone), Contestant(OURS, ours)],
        operations=len(files),
        rounds=rounds,
        unit=" files/s",
        goal=goal,
    )
    return replace(row, against=PARTS)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _read(files: Sequence[Path]) -> int:
    return sum(parts.read(path) for path in files)


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
