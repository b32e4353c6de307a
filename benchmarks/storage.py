"""How the record is stored, chosen by measurement: `python -m benchmarks.storage` writes docs/storage.md.

Each setting is tried in a record of its own, from the same start, with the same work, in turns: documents that change
often, and large bodies. What is counted is what the disk has to hold afterwards, how many changes of a row found room
beside it (so that no index had to be told: HOT), and how fast it went against the setting that Octavo has.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
from rich.console import Console
from rich.progress import Progress

import octavo
from benchmarks.corpus import documents
from octavo import Octavo
from octavo.postgres import server as embedded

PAGE = Path("docs/storage.md")
ROUNDS = 3
DOCUMENTS, CHANGES, CALLERS = 2_000, 5, 8
BODIES, BODY_BYTES = 400, 20_000
MB = 1_000_000
console = Console()


class Setting(msgspec.Struct, frozen=True):
    """One choice: what it is called, the statements that make it, and whether it is the one that Octavo has."""

    name: str
    statements: tuple[str, ...] = ()
    is_ours: bool = False


class Figures(msgspec.Struct, frozen=True):
    """What one trial gave: work a second, what lies on disk, and the share of changes that were HOT, if any were."""

    rate: float
    megabytes: float
    hot: float | None = None


class Trial(msgspec.Struct, frozen=True):
    """Settings of one thing, the work they are tried with, and what was concluded."""

    title: str
    unit: str
    settings: Sequence[Setting]
    work: Callable[[Octavo, asyncpg.Connection], Awaitable[Figures]]
    conclusion: str


def _fillfactor(table: str, percent: int, *, is_ours: bool = False) -> Setting:
    return Setting(str(percent), (f"ALTER TABLE octavo.{table} SET (fillfactor = {percent})",), is_ours)


def _server(name: str, settings: Mapping[str, str], *, is_ours: bool = False) -> Setting:
    made = [f"ALTER SYSTEM SET {key} = '{value}'" for key, value in settings.items()]
    return Setting(name, (*made, "SELECT pg_reload_conf()"), is_ours)


async def changes(db: Octavo, admin: asyncpg.Connection) -> Figures:
    """Documents of 1 KB, each changed a few times, in no order, by several callers."""
    texts = documents(DOCUMENTS)
    put = await db.documents.put_many(
        [{"type": "article", "body": {"title": t, "text": b, "n": 0}} for t, b in texts]
    )
    await admin.execute("VACUUM ANALYZE")
    todo = [(id, n) for n in range(1, CHANGES + 1) for id in [document.id for document in put]]
    random.Random(20261121).shuffle(todo)

    async def call(mine: Sequence[tuple[UUID, int]]) -> None:
        for id, n in mine:
            await db.documents.patch(id, {"n": n})

    begun = time.perf_counter()
    await asyncio.gather(*(call(todo[n::CALLERS]) for n in range(CALLERS)))
    took = time.perf_counter() - begun
    await admin.execute("SELECT pg_stat_force_next_flush()")
    row = await admin.fetchrow(
        "SELECT sum(pg_total_relation_size(c.oid)) AS bytes FROM pg_class AS c WHERE c.relname = ANY($1) "
        "AND c.relnamespace = 'octavo'::regnamespace",
        ["document", "document_filter"],
    )
    hot = await admin.fetchval(
        "SELECT n_tup_hot_upd::float8 / nullif(n_tup_upd, 0) FROM pg_stat_user_tables "
        "WHERE schemaname = 'octavo' AND relname = 'document'"
    )
    assert row is not None
    return Figures(len(todo) / took, int(row["bytes"]) / MB, hot)


async def large(db: Octavo, admin: asyncpg.Connection) -> Figures:
    """Bodies of 20 KB of prose, put and read once."""
    prose = "\n\n".join(text for _, text in documents(10_000))
    bodies = [{"text": prose[n * 9_000 :][:BODY_BYTES]} for n in range(BODIES)]
    begun = time.perf_counter()
    put = await db.documents.put_many([{"type": "page", "body": body} for body in bodies])
    for document in put:
        await db.documents.get(document.id)
    took = time.perf_counter() - begun
    size = await admin.fetchval("SELECT pg_total_relation_size('octavo.body')")
    return Figures(2 * sum(len(body["text"]) for body in bodies) / MB / took, size / MB)


_SOON = {"autovacuum_naptime": "1s", "autovacuum_vacuum_cost_delay": "0"}
TRIALS = (
    Trial(
        "Room beside the heads (`fillfactor` of octavo.document)",
        "changes/s",
        [_fillfactor("document", percent, is_ours=percent == 80) for percent in (100, 90, 80, 70, 50)],
        changes,
        "A head changes with every version, and none of its changing columns is in an index. With a fifth of each "
        "page free nearly every change finds room there, and more room is only more to read.",
    ),
    Trial(
        "Room beside the rows that filters read (`fillfactor` of octavo.document_filter)",
        "changes/s",
        [_fillfactor("document_filter", percent, is_ours=percent == 100) for percent in (100, 90, 70)],
        changes,
        "When a document changed last is in an index, so a change of this row is never HOT, and room beside it "
        "serves nothing.",
    ),
    Trial(
        "Autovacuum (share of a table that is dead before it is vacuumed)",
        "changes/s",
        [
            _server("never", {"autovacuum": "off"}),
            _server("0.2, PostgreSQL's own", {**_SOON, "autovacuum_vacuum_scale_factor": "0.2"}),
            _server("0.05", {**_SOON, "autovacuum_vacuum_scale_factor": "0.05"}, is_ours=True),
            _server("0.01", {**_SOON, "autovacuum_vacuum_scale_factor": "0.01"}),
        ],
        changes,
        "Looked at every second here, so that minutes stand for hours. Vacuum early keeps the tables as small as "
        "they can be and costs the writers little; earlier still gains nothing more.",
    ),
    Trial(
        "Compression of large bodies (TOAST of octavo.body)",
        "MB/s",
        [
            Setting("pglz, PostgreSQL's own", (), is_ours=True),
            Setting("none", ("ALTER TABLE octavo.body ALTER COLUMN value SET STORAGE EXTERNAL",)),
        ],
        large,
        "The PostgreSQL that comes with the wheel was built without lz4, so pglz is what there is; without compression "
        "the same bodies take far more of the disk. On a server of your own with lz4, "
        "`ALTER TABLE octavo.body ALTER COLUMN value SET COMPRESSION lz4` is yours to choose: bodies say themselves "
        "how they are compressed.",
    ),
)


def once(setting: Setting, trial: Trial) -> Figures:
    """One trial in a record of its own."""
    folder = Path(tempfile.mkdtemp(prefix="octavo-storage-"))
    folder.chmod(0o755)
    try:
        return asyncio.run(_in_record(folder / "data", setting, trial))
    finally:
        embedded.destroy(folder / "data", force=True)
        shutil.rmtree(folder, ignore_errors=True)


async def _in_record(data: Path, setting: Setting, trial: Trial) -> Figures:
    async with octavo.open(data, background=False, pool_size=CALLERS) as db:
        assert db.record.server is not None
        admin = await asyncpg.connect(**db.record.server.running.dsn("octavo_admin"))
        for statement in setting.statements:
            await admin.execute(statement)
        figures = await trial.work(db, admin)
        await admin.close()
    return figures


def tried(trial: Trial, rounds: int, progress: Progress) -> dict[str, list[Figures]]:
    """Every setting of a trial, in turns."""
    task = progress.add_task(trial.title, total=rounds * len(trial.settings))
    found: dict[str, list[Figures]] = {setting.name: [] for setting in trial.settings}
    for _ in range(rounds):
        for setting in trial.settings:
            found[setting.name].append(once(setting, trial))
            progress.advance(task)
    return found


def told(trial: Trial, found: Mapping[str, Sequence[Figures]]) -> list[str]:
    """The section of a trial: a line a setting, with ratios to ours within each round."""
    (ours,) = [setting.name for setting in trial.settings if setting.is_ours]
    lines = [f"## {trial.title}", "", f"| setting | {trial.unit} | ÷ ours (min – max) | on disk | HOT |"]
    lines.append("|---|--:|--:|--:|--:|")
    for name, figures in found.items():
        ratios = [one.rate / other.rate for one, other in zip(figures, found[ours], strict=True)]
        cells: list[Any] = [
            f"**{name}**" if name == ours else name,
            f"{statistics.median(one.rate for one in figures):,.0f}",
            f"{statistics.median(ratios):.2f} ({min(ratios):.2f} – {max(ratios):.2f})",
            f"{statistics.median(one.megabytes for one in figures):.1f} MB",
            "–" if figures[0].hot is None else f"{statistics.median(one.hot or 0 for one in figures):.0%}",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return [*lines, "", trial.conclusion, ""]


def main() -> None:
    """Try everything, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    asked = parser.parse_args()
    lines = ["# Storage settings", "", "<!-- Written by `python -m benchmarks.storage`. -->", ""]
    lines += [(__doc__ or "").split("\n\n", 1)[1].strip(), ""]
    lines += [
        f"{DOCUMENTS:,} documents, each changed {CHANGES} times by {CALLERS} callers; {BODIES} bodies of "
        f"{BODY_BYTES // 1000} KB. Rounds: {asked.rounds}, their medians are told; what Octavo has is bold. How fast "
        "it went depends on what else the machine does; what lies on the disk does not.",
        "",
    ]
    with Progress(console=console) as progress:
        for trial in TRIALS:
            lines += told(trial, tried(trial, asked.rounds, progress))
            PAGE.write_text("\n".join(lines), encoding="utf-8")
    console.print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
