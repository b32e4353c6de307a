"""run start · list · show · retry · cancel · purge"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from octavo.cli.documents import json_object
from octavo.cli.pipeline import Reference, seconds
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.errors import InvalidInput
from octavo.values.run import PRIORITY, STATES, Run, RunPage

group = typer.Typer(help="Runs: executions of pipelines.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]
_COLOURS = {"completed": "green", "dead": "red", "failed": "red", "running": "cyan", "cancelled": "yellow"}
_WATERFALL = 40


@group.command()
def start(
    context: typer.Context,
    pipeline: Reference,
    document: Annotated[str | None, typer.Argument(metavar="[ID]", help="Document it is about.")] = None,
    input: Annotated[
        str | None, typer.Option(metavar="JSON", help="Input for the steps, a JSON object.")
    ] = None,
    priority: Annotated[int, typer.Option(help="0 to 9, 9 is the most urgent.", min=0, max=9)] = PRIORITY,
    delay: Annotated[float, typer.Option(metavar="SECONDS", help="Wait so long first.", min=0)] = 0.0,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Start none while one with this key waits or is under way."),
    ] = None,
    here: Annotated[
        bool, typer.Option("--here", help="Execute it now, in this process, without a worker.")
    ] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Start a run, for a worker to execute.

    Example: [dim]octavo run start summarize@production 01932f… --priority 9[/]
    """
    given = {} if input is None else json_object(input, "input")
    if here and (delay or priority != PRIORITY):
        raise InvalidInput(
            "a run that is executed here waits for nothing",
            remedy="leave out --delay and --priority",
            usage=True,
        )

    async def work() -> Run:
        async with of(context).workspace(organization) as (_, view):
            if here:
                return await view.pipelines.run(pipeline, document, input=given, unique_key=key)
            return await view.pipelines.start(
                pipeline, document, input=given, priority=priority, delay_seconds=delay, unique_key=key
            )

    started = run(work)
    if as_json:
        print_json(started.as_dict())
    else:
        console.print(_line(started))
    if here and started.state == "dead":
        raise typer.Exit(1)


@group.command("list")
def list_(
    context: typer.Context,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help=f"Only these: {', '.join(STATES)}; may be repeated."),
    ] = None,
    pipeline: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this pipeline.")] = None,
    document: Annotated[str | None, typer.Option(metavar="ID", help="Only about this document.")] = None,
    before: Annotated[str | None, typer.Option(metavar="RUN", help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(help="Runs at most.", min=1)] = 50,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List runs, newest first.

    Example: [dim]octavo run list --state dead --pipeline summarize[/]
    """

    async def work() -> RunPage:
        async with of(context).workspace(organization) as (_, view):
            wanted: Any = state
            return await view.runs.list(
                state=wanted, pipeline=pipeline, document=document, before=before, limit=limit
            )

    page = run(work)
    if as_json:
        print_json(
            {
                "runs": [one.as_dict() for one in page.runs],
                "before": str(page.before) if page.before else None,
            }
        )
        return
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("run", no_wrap=True, min_width=36, style="dim")
    for heading in ("pipeline", "state", "attempt", "took", "error"):
        table.add_column(heading)
    for one in page.runs:
        table.add_row(
            str(one.id),
            f"{escape(one.pipeline)} v{one.pipeline_version}",
            _state(one),
            f"{one.attempt}/{one.max_attempts}",
            seconds(one.took_seconds),
            escape((one.error or {}).get("code", "") if one.state != "completed" else ""),
        )
    console.print(table)
    if page.before is not None:
        console.print(f"[dim]more: --before {page.before}[/]")


@group.command()
def show(context: typer.Context, id: Id, as_json: Json = False, organization: Organization = None) -> None:
    """Show a run: what it waited for and its steps as a waterfall.

    Example: [dim]octavo run show 01932f…[/]
    """

    async def work() -> Run:
        async with of(context).workspace(organization) as (_, view):
            return await view.runs.get(id)

    found = run(work)
    if as_json:
        print_json(found.as_dict())
    else:
        console.print(_told(found))


@group.command()
def retry(context: typer.Context, id: Id, as_json: Json = False, organization: Organization = None) -> None:
    """Queue a dead run again; it goes on at the step that failed.

    Example: [dim]octavo run retry 01932f…[/]
    """

    async def work() -> Run:
        async with of(context).workspace(organization) as (_, view):
            return await view.runs.retry(id)

    _answer(run(work), as_json)


@group.command()
def cancel(context: typer.Context, id: Id, as_json: Json = False, organization: Organization = None) -> None:
    """Cancel a run: one that waits or is dead now, one that is under way when its worker hears of it.

    Example: [dim]octavo run cancel 01932f…[/]
    """

    async def work() -> Run:
        async with of(context).workspace(organization) as (_, view):
            return await view.runs.cancel(id)

    _answer(run(work), as_json)


@group.command()
def purge(
    context: typer.Context,
    older_than: Annotated[float, typer.Option(metavar="DAYS", help="Dead for so many days.", min=0)] = 0.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Give dead runs up: they end as failed.

    Example: [dim]octavo run purge --older-than 30 --dry-run[/]
    """

    async def work() -> int:
        async with of(context).workspace(organization) as (_, view):
            return await view.runs.purge_dead(older_than=timedelta(days=older_than), dry_run=dry_run)

    runs = run(work)
    if as_json:
        print_json({"runs": runs, "dry_run": dry_run})
    else:
        console.print(f"{runs} dead runs {'would be given' if dry_run else 'given'} up")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="run", rich_help_panel="Pipelines")


def _answer(one: Run, as_json: bool) -> None:
    if as_json:
        print_json(one.as_dict())
    else:
        console.print(_line(one))


def _line(one: Run) -> str:
    there = "" if one.changed else " [dim]was there already[/]"
    return f"{one.id} {escape(one.pipeline)} v{one.pipeline_version} {_state(one)}{there}"


def _state(one: Run) -> str:
    return f"[{_COLOURS.get(one.state, 'default')}]{one.state}[/]"


def _told(one: Run) -> RenderableType:
    head = f"[bold]{escape(one.pipeline)}[/] v{one.pipeline_version} {_state(one)} [dim]{one.id}[/]"
    sums = [
        f"attempt {one.attempt} of {one.max_attempts}",
        f"waited {seconds(one.waited_seconds)}",
        f"took {seconds(one.took_seconds)}",
        *([f"document {one.document_id} v{one.document_version}"] if one.document_id else []),
    ]
    lines: list[RenderableType] = [head, f"[dim]{' · '.join(sums)}[/]"]
    if one.steps:
        lines.append(_waterfall(one))
    if one.error is not None and one.state != "completed":
        where = f" in the step {one.error['step']}" if "step" in one.error else ""
        lines.append(f"[red]{escape(one.error['code'])}[/]{escape(where)}: {escape(one.error['message'])}")
    return Lines(*lines)


def _waterfall(one: Run) -> Table:
    """Each step as a bar from its beginning to its end, all on one scale."""
    begin = min(step.started_at for step in one.steps)
    whole = max((max(step.ended_at for step in one.steps) - begin).total_seconds(), 1e-6)
    table = Table(box=None, show_header=False, pad_edge=False)
    for step in one.steps:
        left = round((step.started_at - begin).total_seconds() / whole * _WATERFALL)
        wide = max(1, round(step.took_seconds / whole * _WATERFALL))
        bar = Text(" " * min(left, _WATERFALL - 1) + "█" * wide, style="cyan", no_wrap=True)
        attempt = f"[dim]attempt {step.attempt}[/]" if step.attempt != one.attempt else ""
        table.add_row(
            escape(step.name), f"[dim]{escape(step.component)}[/]", bar, seconds(step.took_seconds), attempt
        )
    return table
