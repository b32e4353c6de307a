"""schedule put · list · show · pause · resume · delete · next"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from octavo.cli.documents import json_object
from octavo.cli.pipeline import Reference
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.values.run import PRIORITY
from octavo.values.schedule import CATCH_UPS, MAX_NEXT, PROBLEMS, Firing, Schedule

group = typer.Typer(help="Schedules: run a pipeline by the clock.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The schedule.")]


@group.command()
def put(
    context: typer.Context,
    name: Name,
    pipeline: Reference,
    cron: Annotated[
        str, typer.Option(metavar="CRON", help="Minute, hour, day of month, month, day of week.")
    ],
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="As Europe/Berlin.")] = "UTC",
    document: Annotated[str | None, typer.Option(metavar="ID", help="Document its runs are about.")] = None,
    input: Annotated[
        str | None, typer.Option(metavar="JSON", help="Input for the steps, a JSON object.")
    ] = None,
    priority: Annotated[int, typer.Option(help="0 to 9, 9 is the most urgent.", min=0, max=9)] = PRIORITY,
    catch_up: Annotated[
        str,
        typer.Option(
            metavar="WHICH", help=f"What of times at which no worker was there: {', '.join(CATCH_UPS)}."
        ),
    ] = "last",
    no_overlap: Annotated[
        bool, typer.Option("--no-overlap", help="Start none while the run before has not ended.")
    ] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Make a schedule, or change the one of this name.

    Example: [dim]octavo schedule put digest summarize@production --cron "0 6 * * mon-fri" --timezone Europe/Berlin[/]
    """
    given: Any = {
        "cron": cron,
        "timezone": timezone,
        "document": document,
        "input": {} if input is None else json_object(input, "input"),
        "priority": priority,
        "catch_up": catch_up,
        "overlap": not no_overlap,
    }

    async def work() -> Schedule:
        async with of(context).workspace(organization) as (_, view):
            return await view.schedules.put(name, pipeline, **given)

    _answer(run(work), as_json)


@group.command("list")
def list_(
    context: typer.Context,
    after: Annotated[str, typer.Option(metavar="NAME", help="Where the page before ended.")] = "",
    limit: Annotated[int, typer.Option(help="Schedules at most.", min=1)] = 100,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List schedules by name.

    Example: [dim]octavo schedule list[/]
    """

    async def work() -> list[Schedule]:
        async with of(context).workspace(organization) as (_, view):
            return await view.schedules.list(after=after, limit=limit)

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    table = Table("name", "pipeline", "cron", "next", "last", box=None, header_style="dim", pad_edge=False)
    for one in found:
        table.add_row(
            escape(one.name), escape(one.pipeline), one.cron, _next(one), _local(one.last_at, one.timezone)
        )
    console.print(table)


@group.command()
def show(
    context: typer.Context,
    name: Name,
    limit: Annotated[int, typer.Option(help="Times it was due, at most.", min=1)] = 20,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show a schedule and the times it was due.

    Example: [dim]octavo schedule show digest[/]
    """

    async def work() -> tuple[Schedule, list[Firing]]:
        async with of(context).workspace(organization) as (_, view):
            return await view.schedules.get(name), await view.schedules.history(name, limit=limit)

    found, history = run(work)
    if as_json:
        print_json({**found.as_dict(), "history": [one.as_dict() for one in history]})
    else:
        console.print(_told(found, history))


@group.command()
def pause(
    context: typer.Context, name: Name, as_json: Json = False, organization: Organization = None
) -> None:
    """Let a schedule be due no more, until it is resumed.

    Example: [dim]octavo schedule pause digest[/]
    """

    async def work() -> Schedule:
        async with of(context).workspace(organization) as (_, view):
            return await view.schedules.pause(name)

    _answer(run(work), as_json)


@group.command()
def resume(
    context: typer.Context, name: Name, as_json: Json = False, organization: Organization = None
) -> None:
    """Let a paused schedule be due again, from now on.

    Example: [dim]octavo schedule resume digest[/]
    """

    async def work() -> Schedule:
        async with of(context).workspace(organization) as (_, view):
            return await view.schedules.resume(name)

    _answer(run(work), as_json)


@group.command()
def delete(
    context: typer.Context, name: Name, as_json: Json = False, organization: Organization = None
) -> None:
    """Delete a schedule; its runs stay.

    Example: [dim]octavo schedule delete digest[/]
    """

    async def work() -> None:
        async with of(context).workspace(organization) as (_, view):
            await view.schedules.delete(name)

    run(work)
    if as_json:
        print_json({"deleted": name})
    else:
        console.print(f"deleted [bold]{escape(name)}[/]")


@group.command("next")
def next_(
    context: typer.Context,
    name: Name,
    n: Annotated[int, typer.Option("-n", help="How many times.", min=1, max=MAX_NEXT)] = 5,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Tell when a schedule is due next.

    Example: [dim]octavo schedule next digest -n 10[/]
    """

    async def work() -> tuple[Schedule, list[datetime]]:
        async with of(context).workspace(organization) as (_, view):
            return await view.schedules.get(name), await view.schedules.next(name, n)

    found, times = run(work)
    if as_json:
        print_json([one.isoformat() for one in times])
        return
    for one in times:
        console.print(_local(one, found.timezone))


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="schedule", rich_help_panel="Pipelines")


def _answer(one: Schedule, as_json: bool) -> None:
    if as_json:
        print_json(one.as_dict())
    else:
        console.print(f"[bold]{escape(one.name)}[/] {escape(one.pipeline)} [dim]{one.cron}[/] {_next(one)}")


def _next(one: Schedule) -> str:
    return "[yellow]paused[/]" if one.paused else f"{_local(one.next_at, one.timezone)}"


def _local(moment: datetime | None, timezone: str) -> str:
    """A moment as the schedule's own clock shows it."""
    if moment is None:
        return "–"
    return f"{moment.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M %Z}"


def _told(one: Schedule, history: list[Firing]) -> RenderableType:
    sums = [
        f"[dim]{one.cron} {one.timezone}[/]",
        f"catches up with {one.catch_up}",
        *([] if one.overlap else ["no overlap"]),
        f"priority {one.priority}",
        *([f"document {one.document_id}"] if one.document_id else []),
    ]
    lines: list[RenderableType] = [
        f"[bold]{escape(one.name)}[/] {escape(one.pipeline)} next {_next(one)}",
        " · ".join(sums),
    ]
    if one.problem is not None:
        lines.append(f"[red]{one.problem}[/]: {PROBLEMS.get(one.problem, '')}")
    table = Table("due", "run", "problem", box=None, header_style="dim", pad_edge=False)
    for firing in history:
        table.add_row(
            _local(firing.due_at, one.timezone), str(firing.run_id or "–"), escape(firing.problem or "")
        )
    return Lines(*lines, table)
