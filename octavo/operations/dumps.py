"""pg_dump and pg_restore as a backup uses them: a directory, a file a table, several tables at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from octavo.operations import programs


async def dump(
    target: Path,
    *,
    connect: Mapping[str, Any],
    snapshot: str,
    without_rows: Sequence[str],
    jobs: int,
    compression: int,
) -> None:
    """Dump the whole database as a snapshot sees it.

    Args:
        target: the directory, made by this call.
        connect: what the driver's `connect` takes.
        snapshot: the exported name; its transaction must stay open.
        without_rows: tables of which only the definition is dumped.
        jobs: tables at the same time.
        compression: gzip's level, 0 to 9.

    Raises:
        BackupFault: pg_dump failed.
    """
    await programs.run(
        "pg_dump",
        "--format=directory",
        f"--file={target}",
        f"--jobs={jobs}",
        f"--compress=gzip:{compression}" if compression else "--compress=none",
        f"--snapshot={snapshot}",
        "--lock-wait-timeout=60s",
        "--no-password",
        *(f"--exclude-table-data={name}" for name in without_rows),
        connect=connect,
    )


async def load(source: Path, *, connect: Mapping[str, Any], jobs: int | None) -> None:
    """Restore a dump into an empty database.

    Args:
        source: the directory `dump` made.
        connect: what the driver's `connect` takes, for a superuser.
        jobs: tables and indexes at the same time; None for one transaction, so that a restore that does not
            end leaves the database empty.

    Raises:
        BackupFault: pg_restore failed.
    """
    how = ["--single-transaction"] if jobs is None else [f"--jobs={jobs}"]
    await programs.run("pg_restore", "--exit-on-error", "--no-password", *how, str(source), connect=connect)


async def listing(source: Path) -> list[str]:
    """What pg_restore finds in a dump, an entry a line; raises `BackupFault` when it cannot read it."""
    text = await programs.run("pg_restore", "--list", str(source))
    return [line for line in text.splitlines() if line and not line.startswith(";")]
