"""How a batch looks on a terminal: where it is, and how far while it is worked off."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Group as Lines
from rich.console import RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from octavo.cli.render import moment
from octavo.cli.session import errors, print_line
from octavo.cli.waterfall import seconds
from octavo.errors import PositionTimeout
from octavo.values.batch import Batch
from octavo.values.run import STATES
from octavo.workspace import Workspace

_COLOURS = {
    "completed": "green",
    "failed": "red",
    "partially_failed": "yellow",
    "running": "cyan",
    "cancelled": "yellow",
}
_WATCH_SECONDS = 1.0


async def watched(view: Workspace, id: str, timeout_seconds: float | None, as_json: bool) -> Batch:
    """Tell how far a batch is until it is over."""
    deadline = time.monotonic() + (float("inf") if timeout_seconds is None else timeout_seconds)
    with _progress(as_json) as tell:
        while True:
            began = time.monotonic()
            batch = await view.batches.get(id)
            tell(batch)
            # Counting a large batch costs something, so it is done a tenth of the time at most.
            pause = max(_WATCH_SECONDS, 10 * (time.monotonic() - began))
            try:
                return await view.batches.wait(id, timeout_seconds=min(pause, deadline - time.monotonic()))
            except PositionTimeout:
                if time.monotonic() >= deadline:
                    raise


@contextmanager
def _progress(as_json: bool) -> Iterator[Callable[[Batch], None]]:
    """A bar on a terminal: done, failed, left, how many a second, and how long it will take; a line each as JSON."""
    if as_json:
        yield lambda batch: print_line(batch.as_dict())
        return
    columns = (
        TextColumn("[bold]{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(
            "[red]{task.fields[failed]} failed[/] {task.fields[left]} left [dim]{task.fields[rate]}[/]"
        ),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("batch", total=None, failed=0, left=0, rate="")
        begun, done_before = time.monotonic(), 0

        def tell(batch: Batch) -> None:
            nonlocal done_before
            done, left = batch.runs - batch.counts.left, batch.counts.left
            if bar.tasks[0].total is None:
                done_before = done
            passed = max(time.monotonic() - begun, 1e-3)
            bar.update(
                task, completed=done, total=batch.runs, description=escape(batch.name or batch.pipeline),
                failed=batch.failed, left=left, rate=f"{(done - done_before) / passed:.0f}/s",
            )  # fmt: skip

        yield tell


def coloured(one: Batch) -> str:
    """Its state."""
    return f"[{_COLOURS.get(one.state, 'default')}]{one.state}[/]"


def title(one: Batch) -> str:
    """What it is called, and the pipeline it runs."""
    name = f"[bold]{escape(one.name)}[/] " if one.name else ""
    return f"{name}{escape(one.pipeline)} v{one.pipeline_version}"


def told(one: Batch) -> RenderableType:
    """A batch with its counts and times."""
    there = "" if one.changed else " [dim]was there already[/]"
    counts = [f"{number} {state}" for state in STATES if (number := getattr(one.counts, state))]
    lines: list[RenderableType] = [
        f"{title(one)} {coloured(one)} [dim]{one.id}[/]{there}",
        f"{one.runs} runs{': ' if counts else ''}{' · '.join(counts)}",
        f"[dim]created {moment(one.created_at)} · took {seconds(one.took_seconds)}[/]",
    ]
    if one.error is not None:
        lines.append(f"[red]{escape(one.error['code'])}[/]: {escape(one.error['message'])}")
    if one.purged_at is not None:
        lines.append(f"[dim]its runs were removed {moment(one.purged_at)}[/]")
    return Lines(*lines)
