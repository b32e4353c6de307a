"""A run on a terminal: what it waited for, and its steps as bars on one scale of time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from octavo.values.account import Progress
from octavo.values.run import Run, StepDone

WIDTH = 40
COLOURS = {"completed": "green", "dead": "red", "failed": "red", "running": "cyan", "cancelled": "yellow"}


def told(run: Run) -> RenderableType:
    """All of a run: its state, its sums, its steps, and why it failed."""
    head = f"[bold]{escape(run.pipeline)}[/] v{run.pipeline_version} {state(run)} [dim]{run.id}[/]"
    lines: list[RenderableType] = [head, f"[dim]{' · '.join(_sums(run))}[/]"]
    if run.steps or run.progress:
        lines.append(waterfall(run))
    if run.error is not None and run.state != "completed":
        where = f" in the step {run.error['step']}" if "step" in run.error else ""
        lines.append(f"[red]{escape(run.error['code'])}[/]{escape(where)}: {escape(run.error['message'])}")
    return Lines(*lines)


def waterfall(run: Run) -> Table:
    """Each step as a bar from its beginning to its end; what is under way, was skipped, reused or failed says so."""
    table = Table(box=None, show_header=False, pad_edge=False)
    begin, whole = _scale(run.steps)
    for step in run.steps:
        table.add_row(
            escape(step.name), f"[dim]{escape(step.component)}[/]", *_cells(run, step, begin, whole)
        )
    ended = {step.name for step in run.steps}
    for name, progress in run.progress.items():
        if name not in ended:
            table.add_row(
                escape(name), "", _progress_bar(progress), _progress(progress), "[cyan]running[/]", ""
            )
    failed = (run.error or {}).get("step")
    if failed is not None and failed not in ended and run.state != "completed":
        table.add_row(escape(failed), "", Text("✗", style="red"), "", "[red]failed[/]", "")
    return table


def state(run: Run) -> str:
    """The state in its colour."""
    return f"[{COLOURS.get(run.state, 'default')}]{run.state}[/]"


def seconds(value: float | None) -> str:
    """A length of time as people say it."""
    if value is None:
        return "–"
    return f"{value * 1000:.0f} ms" if value < 1 else f"{value:.1f} s"


def money(value: Decimal) -> str:
    """Dollars: to the cent from a dollar on, to a hundredth of a cent below."""
    return f"${value:.2f}" if value >= 1 else f"${value:.4f}"


def _sums(run: Run) -> Iterator[str]:
    yield f"attempt {run.attempt} of {run.max_attempts}"
    yield f"waited {seconds(run.waited_seconds)}"
    yield f"took {seconds(run.took_seconds)}"
    if run.document_id is not None:
        yield f"document {run.document_id} v{run.document_version}"
    tokens = sum(step.metrics.tokens_in + step.metrics.tokens_out for step in run.steps)
    cost = sum((step.metrics.cost_usd for step in run.steps), Decimal(0))
    if tokens:
        yield f"{tokens:,} tokens"
    if cost:
        yield money(cost)


def _scale(steps: tuple[StepDone, ...]) -> tuple[datetime | None, float]:
    """Where the bars begin, and the seconds of all of them."""
    if not steps:
        return None, 1.0
    begin = min(step.started_at for step in steps)
    return begin, max((max(step.ended_at for step in steps) - begin).total_seconds(), 1e-6)


def _cells(run: Run, step: StepDone, begin: datetime | None, whole: float) -> tuple[RenderableType, ...]:
    if step.state == "skipped":
        return Text(""), "", "[dim]skipped[/]", ""
    assert begin is not None
    left = round((step.started_at - begin).total_seconds() / whole * WIDTH)
    wide = max(1, round(step.took_seconds / whole * WIDTH))
    is_reused = step.attempt != run.attempt
    bar = Text(" " * min(left, WIDTH - 1) + ("░" if is_reused else "█") * wide, style="cyan", no_wrap=True)
    notes = [
        *([f"[dim]reused from attempt {step.attempt}[/]"] if is_reused else []),
        *([_items(step)] if step.items is not None else []),
        *([f"{step.metrics.tries} tries"] if step.items is None and step.metrics.tries > 1 else []),
    ]
    return bar, seconds(step.took_seconds), " · ".join(notes), _used(step)


def _items(step: StepDone) -> str:
    failed = f", [red]{step.items_failed} failed[/]" if step.items_failed else ""
    return f"{step.items} items{failed}"


def _used(step: StepDone) -> str:
    used = step.metrics
    told = [
        *([f"{used.tokens_in + used.tokens_out:,} tokens"] if used.tokens_in or used.tokens_out else []),
        *([money(used.cost_usd)] if used.cost_usd else []),
    ]
    return f"[dim]{' · '.join(told)}[/]"


def _progress_bar(progress: Progress) -> Text:
    if not progress.total:
        return Text("…", style="cyan")
    done = round(min(progress.done / progress.total, 1.0) * WIDTH)
    return Text("█" * done + "·" * (WIDTH - done), style="cyan", no_wrap=True)


def _progress(progress: Progress) -> str:
    of = f"{progress.done}/{progress.total}" if progress.total else str(progress.done)
    return f"{of} [dim]{escape(progress.note)}[/]" if progress.note else of
