"""run start · list · show · retry · cancel · purge"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Annotated, Any, TypeVar

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from octavo.cli.documents import json_object
from octavo.cli.pipeline import Reference
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.cli.waterfall import seconds, state, told
from octavo.errors import InvalidInput
from octavo.values.account import Progress
from octavo.values.run import PRIORITY, STATES, Run, RunPage

group = typer.Typer(help="Runs: executions of pipelines.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run.")]
_LOOK_SECONDS = 1.0
Found = TypeVar("Found", Run, RunPage)


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
    after: Annotated[
        list[str] | None,
        typer.Option(metavar="RUN", help="A run that must complete before it; may be repeated."),
    ] = None,
    after_any_end: Annotated[
        bool, typer.Option("--after-any-end", help="Those before need only end, however they do.")
    ] = False,
    concurrency: Annotated[
        str | None,
        typer.Option(
            metavar="KEY", help="Of runs with this key, as many as the pipeline says are under way."
        ),
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
    if here and (delay or priority != PRIORITY or after or concurrency):
        raise InvalidInput(
            "a run that is executed here waits for nothing",
            remedy="leave out --delay, --priority, --after and --concurrency",
            usage=True,
        )

    async def work() -> Run:
        async with of(context).workspace(organization) as (_, view):
            if here:
                return await view.pipelines.run(pipeline, document, input=given, unique_key=key)
            return await view.pipelines.start(
                pipeline,
                document,
                input=given,
                priority=priority,
                delay_seconds=delay,
                unique_key=key,
                after=after or (),
                after_any_end=after_any_end,
                concurrency=concurrency,
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
    states: Annotated[
        list[str] | None,
        typer.Option("--state", metavar="STATE", help=f"Only these: {', '.join(STATES)}; may be repeated."),
    ] = None,
    pipeline: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this pipeline.")] = None,
    document: Annotated[str | None, typer.Option(metavar="ID", help="Only about this document.")] = None,
    before: Annotated[str | None, typer.Option(metavar="RUN", help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(help="Runs at most.", min=1)] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing them, once a second, until Ctrl-C.")
    ] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List runs, newest first, and how far those are that are under way.

    Examples: [dim]octavo run list --state dead --pipeline summarize[/]

    [dim]octavo run list --follow[/]
    """
    if follow and as_json:
        raise InvalidInput(
            "--follow shows a table",
            remedy="leave out --json; a program reads the events `run.*`",
            usage=True,
        )

    async def work() -> RunPage:
        async with of(context).workspace(organization) as (_, view):

            async def look() -> RunPage:
                wanted: Any = states
                return await view.runs.list(
                    state=wanted, pipeline=pipeline, document=document, before=before, limit=limit
                )

            if follow:
                await _follow(look, lambda page: _table(page.runs), _never)
            return await look()

    page = run(work)
    if as_json:
        print_json(
            {
                "runs": [one.as_dict() for one in page.runs],
                "before": str(page.before) if page.before else None,
            }
        )
        return
    if not follow:
        console.print(_table(page.runs))
        if page.before is not None:
            console.print(f"[dim]more: --before {page.before}[/]")


@group.command()
def show(
    context: typer.Context,
    id: Id,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on showing it until it has ended or is dead.")
    ] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show a run: what it waited for, its steps as a waterfall, what they used and how far they are.

    Example: [dim]octavo run show 01932f… --follow[/]
    """

    async def work() -> Run:
        async with of(context).workspace(organization) as (_, view):

            async def look() -> Run:
                return await view.runs.get(id)

            if follow and not as_json:
                await _follow(look, told, _is_over)
            elif follow:
                await view.runs.wait(id, timeout_seconds=float("inf"))
            return await look()

    found = run(work)
    if as_json:
        print_json(found.as_dict())
    elif not follow:
        console.print(told(found))


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
def retry_many(
    context: typer.Context,
    pipeline: Annotated[str | None, typer.Option(metavar="NAME", help="Only of this pipeline.")] = None,
    code: Annotated[str | None, typer.Option(metavar="CODE", help="Only those with this error.")] = None,
    older_than: Annotated[
        float | None, typer.Option(metavar="DAYS", help="Only those dead for so many days.", min=0)
    ] = None,
    limit: Annotated[int, typer.Option(help="Runs at most.", min=1)] = 10_000,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Queue dead runs again, those that died first first.

    Example: [dim]octavo run retry-many --pipeline summarize --code timeout[/]
    """

    async def work() -> int:
        async with of(context).workspace(organization) as (_, view):
            age = None if older_than is None else timedelta(days=older_than)
            return await view.runs.retry_many(pipeline=pipeline, code=code, older_than=age, limit=limit)

    retried = run(work)
    if as_json:
        print_json({"runs": retried})
    else:
        console.print(f"{retried} runs queued again")


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
    return f"{one.id} {escape(one.pipeline)} v{one.pipeline_version} {state(one)}{there}"


def _table(runs: Sequence[Run]) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("run", no_wrap=True, min_width=36, style="dim")
    for heading in ("pipeline", "state", "attempt", "took", "progress", "error"):
        table.add_column(heading)
    for one in runs:
        table.add_row(
            str(one.id),
            f"{escape(one.pipeline)} v{one.pipeline_version}",
            state(one),
            f"{one.attempt}/{one.max_attempts}",
            seconds(one.took_seconds),
            escape(", ".join(f"{step} {_share(told)}" for step, told in one.progress.items())),
            escape((one.error or {}).get("code", "") if one.state != "completed" else ""),
        )
    return table


def _share(progress: Progress) -> str:
    return f"{progress.done / progress.total:.0%}" if progress.total else str(progress.done)


def _never(_page: RunPage) -> bool:
    return False


def _is_over(one: Run) -> bool:
    return one.has_ended or one.state == "dead"


async def _follow(
    look: Callable[[], Awaitable[Found]],
    shown: Callable[[Found], RenderableType],
    is_over: Callable[[Found], bool],
) -> None:
    """Show what is found again and again, in place, until it is over or the user has seen enough."""
    found = await look()
    with suppress(asyncio.CancelledError), Live(shown(found), console=console, auto_refresh=False) as live:
        while not is_over(found):
            await asyncio.sleep(_LOOK_SECONDS)
            found = await look()
            live.update(shown(found), refresh=True)
