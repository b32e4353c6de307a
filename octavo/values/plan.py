"""How a question is answered: PostgreSQL's plan as it was executed, read from EXPLAIN (ANALYZE, FORMAT JSON)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

FILTER_TABLE = "document_filter"
FAR_OFF = 10


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One node of the plan.

    Attributes:
        depth: levels below the last step, which gives the answer and is the first in the list.
        kind: PostgreSQL's name, as `Index Scan`.
        table, index: what it reads, if it does.
        cost: PostgreSQL's estimate, in its own unit.
        estimated, rows: rows it was expected to give and gave, in all its loops.
        looked_at: rows it read, those that a filter threw away too.
        blocks: pages of 8 KiB it and the steps below it read, from memory or from the disk.
        milliseconds: time it and the steps below it took.
    """

    depth: int
    kind: str
    table: str | None
    index: str | None
    cost: float
    estimated: float
    rows: float
    looked_at: float
    blocks: int
    milliseconds: float

    @property
    def is_far_off(self) -> bool:
        """Whether the estimate was wrong by more than ten times."""
        least, most = sorted((max(self.estimated, 1.0), max(self.rows, 1.0)))
        return most > FAR_OFF * least


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A plan that was executed; steps that were skipped are left out."""

    steps: list[Step]
    planning_ms: float
    execution_ms: float

    @property
    def index(self) -> str | None:
        """The index that leads to the documents; None when there is nothing to read."""
        leading = [step for step in self.steps if step.index and _finds_documents(step)]
        return max(leading, key=lambda step: step.looked_at).index if leading else None

    @property
    def scanned(self) -> int:
        """Documents looked at, those that the filter does not hold for too."""
        return round(sum(step.looked_at for step in self.steps if step.table == FILTER_TABLE))

    @property
    def estimated(self) -> float:
        """Rows the whole was expected to give."""
        return self.steps[0].estimated

    @property
    def rows(self) -> int:
        """Rows the whole gave: those of the page, and one more when there is another page."""
        return round(self.steps[0].rows)

    @property
    def blocks(self) -> int:
        """Pages of 8 KiB that were read, from memory or from the disk."""
        return self.steps[0].blocks

    @property
    def sequential(self) -> list[str]:
        """Tables that were read from one end to the other."""
        return sorted({step.table for step in self.steps if step.kind == "Seq Scan" and step.table})

    @property
    def far_off(self) -> list[Step]:
        """Steps whose estimate was wrong by more than ten times."""
        return [step for step in self.steps if step.is_far_off]

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain data."""
        return {
            "index": self.index,
            "scanned": self.scanned,
            "rows": self.rows,
            "estimated": self.estimated,
            "blocks": self.blocks,
            "sequential": self.sequential,
            "planning_ms": self.planning_ms,
            "execution_ms": self.execution_ms,
            "steps": [msgspec.to_builtins(step) | {"far_off": step.is_far_off} for step in self.steps],
        }


def read_plan(answer: Mapping[str, Any]) -> Plan:
    """The plan in what EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) answered."""
    return Plan(
        steps=list(_steps(answer["Plan"], 0)),
        planning_ms=answer["Planning Time"],
        execution_ms=answer["Execution Time"],
    )


def _steps(node: Mapping[str, Any], depth: int) -> Iterator[Step]:
    loops = node["Actual Loops"]
    if loops:
        yield _step(node, depth, loops)
    for inner in node.get("Plans", []):
        yield from _steps(inner, depth + 1 if loops else depth)


def _step(node: Mapping[str, Any], depth: int, loops: int) -> Step:
    thrown_away = sum(node.get(f"Rows Removed by {by}", 0) for by in ("Filter", "Index Recheck"))
    return Step(
        depth=depth,
        kind=node["Node Type"],
        table=node.get("Relation Name"),
        index=node.get("Index Name"),
        cost=node["Total Cost"],
        estimated=node["Plan Rows"] * loops,
        rows=node["Actual Rows"] * loops,
        looked_at=(node["Actual Rows"] + thrown_away) * loops,
        blocks=node.get("Shared Hit Blocks", 0) + node.get("Shared Read Blocks", 0),
        milliseconds=node["Actual Total Time"] * loops,
    )


def _finds_documents(step: Step) -> bool:
    # A bitmap's index scan names its index only, and the table stands in the step above it.
    return step.table == FILTER_TABLE or (step.table is None and FILTER_TABLE in (step.index or ""))
