"""How long a queue lasts: `python -m benchmarks.endurance` writes docs/endurance.md and its picture.

Runs are started and executed for as long as it takes, in a record of their own. First nothing disturbs them. Then a
snapshot is held open, as a backup or a forgotten session does: what is deleted cannot be removed, and a queue that
reads past its dead rows gets slower with every one. Then it is let go, and the rest is executed. At the end it is asked
how all of them went.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import matplotlib as mpl
import msgspec
from rich.console import Console
from rich.progress import Progress

import octavo
from benchmarks.runs import SLOTS, noop
from octavo import Octavo
from octavo.pipelines.figures import add_up
from octavo.postgres import server as embedded

mpl.use("svg")
from matplotlib import pyplot as plt  # the back end has to be chosen before

PAGE, PICTURE = Path("docs/endurance.md"), Path("docs/images/endurance.svg")
BATCH = 10_000
GOAL = 0.95
console = Console()


class Piece(msgspec.Struct, frozen=True):
    """A batch of runs: when it was done, in seconds, how fast, and whether a snapshot was held."""

    at: float
    per_second: float
    held: bool


async def endure(db: Octavo, admin: dict[str, Any], runs: int, held_seconds: float) -> list[Piece]:
    """Execute so many runs, a third of them at least after a snapshot was held for so many seconds."""
    await db.pipelines.put("endure", [{"component": "noop"}])
    pieces: list[Piece] = []
    begun = time.perf_counter()
    holder = await asyncpg.connect(**admin)
    snapshot = holder.transaction(isolation="repeatable_read", readonly=True)
    held_from: float | None = None
    with Progress(console=console) as progress:
        task = progress.add_task("runs", total=runs)
        async with db.worker(slots=SLOTS) as worker:
            while len(pieces) * BATCH < runs:
                now = time.perf_counter() - begun
                if held_from is None and len(pieces) * BATCH >= runs // 10:
                    await snapshot.start()
                    await holder.execute("SELECT count(*) FROM octavo.epoch")
                    held_from = now
                is_held = held_from is not None and now < held_from + held_seconds
                if held_from is not None and not is_held and pieces[-1].held:
                    await snapshot.rollback()
                pieces.append(await _piece(db, worker, begun, is_held))
                progress.advance(task, BATCH)
    await holder.close()
    return pieces


class Answer(msgspec.Struct, frozen=True):
    """A question about all runs: what it was, how many runs the answer is about, and what it took."""

    question: str
    runs: int
    seconds: float


ASKED = 7
# What an answer takes without sums: the runs themselves.
COUNTED = """
SELECT
    pipeline, pipeline_version, count(*) AS runs, sum(attempt - 1) AS retries,
    percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ended_at - started_at) AS took
FROM octavo.run_history
GROUP BY pipeline, pipeline_version
"""


async def ask(db: Octavo, admin: dict[str, Any]) -> list[Answer]:
    """How all runs went, by the sums and from the runs; medians of a few times, but for the last."""
    while (await add_up(db.record.system)).more:
        pass
    since = datetime.now(UTC) - timedelta(days=30)
    (all_,) = await db.pipelines.stats(by="organization", since=since)
    answers = [
        Answer("by pipeline", all_.runs, await _took(lambda: db.pipelines.stats(since=since), ASKED)),
        Answer(
            "by component",
            all_.runs,
            await _took(lambda: db.pipelines.stats(by="component", since=since), ASKED),
        ),
        Answer(
            "by organization",
            all_.runs,
            await _took(lambda: db.pipelines.stats(by="organization", since=since), ASKED),
        ),
    ]
    counting = await asyncpg.connect(**admin)
    rows = await counting.fetchval("SELECT count(*) FROM octavo.run_history")
    answers.append(Answer("counted from the runs", rows, await _took(lambda: counting.fetch(COUNTED), 1)))
    await counting.close()
    return answers


async def _took(question: Callable[[], Awaitable[Any]], times: int) -> float:
    took = []
    for _ in range(times):
        begun = time.perf_counter()
        await question()
        took.append(time.perf_counter() - begun)
    return statistics.median(took)


async def _piece(db: Octavo, worker: Any, begun: float, is_held: bool) -> Piece:
    done, started = worker.executed, time.perf_counter()
    await db.pipelines.start_many("endure", [None] * BATCH)
    while worker.executed < done + BATCH:  # noqa: ASYNC110 - a worker tells nobody what it has done
        await asyncio.sleep(0.001)
    ended = time.perf_counter()
    return Piece(ended - begun, BATCH / (ended - started), is_held)


def write(pieces: list[Piece], answers: list[Answer], held_seconds: float) -> None:
    """The page and its picture."""
    held = [index for index, piece in enumerate(pieces) if piece.held]
    if not held:
        raise SystemExit("too few runs: the snapshot was never held")
    before, after = pieces[: held[0]], pieces[held[-1] + 1 :]
    parts = {
        "undisturbed": before,
        "the first tenth with the snapshot held": [pieces[i] for i in held[: max(len(held) // 10, 1)]],
        "the last tenth with the snapshot held": [pieces[i] for i in held[-max(len(held) // 10, 1) :]],
        "after it was let go": after,
        "the last tenth of all": pieces[-max(len(pieces) // 10, 1) :],
    }
    clean = statistics.median(piece.per_second for piece in before)
    lines = ["# Endurance of the queue", "", "<!-- Written by `python -m benchmarks.endurance`. -->", ""]
    lines += [(__doc__ or "").split("\n\n", 1)[1].strip(), ""]
    lines += [
        f"{len(pieces) * BATCH:,} runs of one step that does nothing, started 10,000 at once and executed by one "
        f"worker; a snapshot held for {held_seconds / 60:.0f} minutes. The machine has other guests, so a figure "
        f"alone says little; the goal is that none falls below {GOAL} of what it was undisturbed.",
        "",
        "![Runs a second](images/endurance.svg)",
        "",
        "| | runs | started and executed a second | ÷ undisturbed |",
        "|---|--:|--:|--:|",
    ]
    for name, some in parts.items():
        if some:
            rate = statistics.median(piece.per_second for piece in some)
            lines.append(f"| {name} | {len(some) * BATCH:,} | {rate:,.0f} | {rate / clean:.2f} |")
    lines += ["", *_told(answers)]
    PAGE.write_text("\n".join([*lines, ""]), encoding="utf-8")
    _draw(pieces)


def _told(answers: list[Answer]) -> list[str]:
    return [
        "## How they went",
        "",
        f"`db.pipelines.stats` about the last 30 days, the median of {ASKED} answers; and for comparison one statement "
        "that counts some of it from the runs.",
        "",
        "| | runs | milliseconds |",
        "|---|--:|--:|",
        *(f"| {one.question} | {one.runs:,} | {one.seconds * 1000:,.0f} |" for one in answers),
    ]


def _draw(pieces: list[Piece]) -> None:
    figure, axes = plt.subplots(figsize=(8, 3))
    axes.plot([p.at / 60 for p in pieces], [p.per_second for p in pieces], linewidth=0.9)
    held = [piece.at / 60 for piece in pieces if piece.held]
    axes.axvspan(held[0], held[-1], color="#aa3300", alpha=0.12, label="a snapshot is held")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes")
    axes.set_ylabel("runs a second")
    axes.legend(fontsize=8)
    figure.tight_layout()
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(PICTURE)


def main() -> None:
    """Parse, endure, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=10_000_000)
    parser.add_argument(
        "--held", type=float, default=600.0, help="seconds the snapshot is held (default: 600)"
    )
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="octavo-endurance-"))
    folder.chmod(0o755)
    try:
        write(*asyncio.run(_run(folder / "data", asked.runs, asked.held)), asked.held)
        console.print(f"wrote {PAGE} and {PICTURE}")
    finally:
        embedded.destroy(folder / "data", force=True)
        shutil.rmtree(folder, ignore_errors=True)


async def _run(data: Path, runs: int, held_seconds: float) -> tuple[list[Piece], list[Answer]]:
    async with octavo.open(data, components=[noop], analytics="none") as db:
        assert db.record.server is not None
        admin = db.record.server.running.dsn("octavo_admin")
        return await endure(db, admin, runs, held_seconds), await ask(db, admin)


if __name__ == "__main__":
    main()
