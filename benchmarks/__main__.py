"""Run all benchmarks, or those named: `python -m benchmarks documents search`; with --keep, write the page."""

from __future__ import annotations

import argparse
import asyncio
import shutil
import tempfile
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.console import Console

import octavo
from benchmarks import report
from benchmarks.measure import Row
from octavo.postgres import server as embedded

ALL = ("documents", "find", "events", "runs", "search", "vectors", "hybrid", "analytics", "ingest")
console = Console()


def main() -> None:
    """Parse, run, print; write the page when everything ran."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ALL)} (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds a row (default: 5)")
    parser.add_argument("--keep", action="store_true", help="write the figures into docs/benchmarks.md")
    asked = parser.parse_args()
    names = asked.names or list(ALL)
    if unknown := sorted(set(names) - set(ALL)):
        parser.error(f"there is no benchmark {unknown[0]!r}: take of {', '.join(ALL)}")
    folder = Path(tempfile.mkdtemp(prefix="octavo-bench-"))
    folder.chmod(0o755)
    try:
        asyncio.run(_run(folder / "data", names, asked.rounds, is_kept=asked.keep))
    finally:
        embedded.destroy(folder / "data", force=True)
        shutil.rmtree(folder, ignore_errors=True)
    if asked.keep:
        report.write(ALL)
        console.print(f"wrote {report.PAGE} and {report.PICTURE}")


async def _run(data: Path, names: list[str], rounds: int, *, is_kept: bool) -> None:
    async with octavo.open(data, background=False) as db:
        assert db.record.server is not None
        admin: dict[str, Any] = db.record.server.running.dsn("octavo_admin")
        for name in names:
            console.rule(name)
            rows = await import_module(f"benchmarks.{name}").run(db, admin, rounds)
            for row in rows:
                _show(row)
            if is_kept:
                report.keep(name, rows, (await db.record.health()).version, rounds)


def _show(row: Row) -> None:
    console.print(
        f"[bold]{row.title}[/]" + (f" [dim]goal ≥ {row.goal:g} of the {row.against}[/]" if row.goal else "")
    )
    for result in row.results:
        ratio = "" if result.name == "Octavo" else f"  Octavo is [bold]{row.ratio(result.name):.2f}×[/]"
        spread = f"[dim]{min(result.per_second):,.0f} – {max(result.per_second):,.0f}[/]"
        console.print(f"  {result.name:24} {result.median:12,.0f}{row.unit}  {spread}{ratio}")


if __name__ == "__main__":
    main()
