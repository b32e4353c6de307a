"""From measured rows to docs/benchmarks.md and its picture.

Figures are kept by the benchmark that measured them, so that one can be measured again without the others; the page
says of each when that was.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import matplotlib as mpl

from benchmarks.measure import OURS, Result, Row

mpl.use("svg")
from matplotlib import pyplot as plt  # the back end has to be chosen before

PAGE = Path("docs/benchmarks.md")
PICTURE = Path("docs/images/benchmarks.svg")
FIGURES = Path("benchmarks/figures.json")
_PACKAGES = (
    "asyncpg", "sqlalchemy", "eventsourcing", "pgqueuer", "procrastinate", "resiliparse", "pypdfium2",
)  # fmt: skip

_INTRODUCTION = """# Benchmarks

Written by `make bench`; do not edit.

Every row lets the contestants take turns, round by round, on the same PostgreSQL with default durability (`fsync` and
`synchronous_commit` on), and compares the rounds' own ratios: a machine that gets slower gets slower for all of them.
The *limit* is the shortest program that does the same work. For documents that is raw asyncpg, as a superuser without
row-level security, writing the same rows to the same tables. Peers run in the set-up their own documentation shows.
Rows that miss their goal stay in the table and say so.
"""


def keep(name: str, rows: Sequence[Row], postgres: str, rounds: int) -> None:
    """Keep what a benchmark has measured now, instead of what it had before."""
    known = _known()
    measured = f"{datetime.now(UTC):%Y-%m-%d}, PostgreSQL {postgres}, {rounds} rounds"
    known[name] = {"measured": measured, "rows": [asdict(row) for row in rows]}
    FIGURES.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def write(names: Sequence[str]) -> None:
    """Write page and picture of all that was measured, in the order of these benchmarks."""
    known = dict(sorted(_known().items(), key=lambda item: names.index(item[0])))
    rows = [_row(told) for part in known.values() for told in part["rows"]]
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    _picture(rows)
    lines = [
        _INTRODUCTION,
        _machine(),
        "\n".join(f"- {name}: {part['measured']}" for name, part in known.items()) + "\n",
        "![Octavo as a multiple of each contestant](images/benchmarks.svg)\n",
    ]
    lines += ["| work | contestant | median | min – max | Octavo ÷ it | goal |", "|---|---|--:|--:|--:|---|"]
    for row in rows:
        lines += table_lines(row)
    lines += ["", *(f"- **{row.title}**: {row.remark}" for row in rows if row.remark), ""]
    missing = [name for name in names if name not in known]
    if missing:
        lines += [f"Not measured on a quiet machine yet: {', '.join(missing)}.", ""]
    PAGE.write_text("\n".join(lines), encoding="utf-8")


def _known() -> dict[str, Any]:
    known: dict[str, Any] = json.loads(FIGURES.read_text("utf-8")) if FIGURES.is_file() else {}
    return known


def _row(told: Mapping[str, Any]) -> Row:
    results = [Result(**result) for result in told["results"]]
    goals = tuple((name, goal) for name, goal in told["peer_goals"])
    return Row(**{**told, "results": results, "peer_goals": goals})


def table_lines(row: Row) -> list[str]:
    """One Markdown line a contestant."""
    lines = []
    for place, result in enumerate(row.results):
        title = row.title if place == 0 else ""
        spread = f"{_figure(min(result.per_second))} – {_figure(max(result.per_second))}"
        ratio = "" if result.name == OURS else f"{row.ratio(result.name):.2f}"
        median, goal = f"{_figure(result.median)}{row.unit}", _goal(row, result.name)
        lines.append(f"| {title} | {result.name} | {median} | {spread} | {ratio} | {goal} |")
    return lines


def _goal(row: Row, name: str) -> str:
    goals = dict(row.peer_goals)
    if row.goal is not None:
        goals[row.against] = row.goal
    if name not in goals:
        return ""
    return f"≥ {goals[name]:g} " + ("✓" if row.ratio(name) >= goals[name] else "✗ missed")


def _figure(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def _machine() -> str:
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return (
        f"{os.cpu_count()} cores, Python {platform.python_version()}, a PostgreSQL over a unix socket, {packages}; "
        "medians of the rounds:\n"
    )


def _picture(rows: Sequence[Row]) -> None:
    bars = [
        (f"{row.title}  vs  {result.name}", row.ratio(result.name), result.name == row.against)
        for row in rows
        for result in row.results
        if result.name != OURS
    ]
    figure, axes = plt.subplots(figsize=(10, 0.34 * len(bars) + 1))
    labels, ratios, limits = zip(*reversed(bars), strict=True)
    axes.barh(labels, ratios, color=["#b9c4cf" if limit else "#2f6f8f" for limit in limits])
    axes.axvline(1, color="#222222", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlabel("Octavo's speed as a multiple of the other's (grey: the raw limit, blue: peers)")
    for place, ratio in enumerate(ratios):
        axes.text(ratio, place, f" {ratio:.2f}", va="center", fontsize=8)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.tick_params(labelsize=8)
    figure.tight_layout()
    figure.savefig(PICTURE)
