"""batch start · list · show · runs · retry · cancel · wait · purge"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.batch_shown import coloured, title, told, watched
from octavo.cli.documents import json_object
from octavo.cli.pipeline import Reference
from octavo.cli.render import moment
from octavo.cli.session import (
    Json,
    Namespace,
    Organization,
    console,
    of,
    print_json,
    run,
)
from octavo.cli.waterfall import seconds
from octavo.errors import InvalidInput
from octavo.values.batch import Batch, BatchPage
from octavo.values.run import PRIORITY, STATES, RunPage

group = typer.Typer(help="Batches: runs started together, counted together.", no_args_is_help=True)

Id = Annotated[str, typer.Argument(metavar="BATCH", help="Id of the batch.")]


@group.command()
def start(
    context: typer.Context,
    pipeline: Reference,
    documents: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID…]", help="Documents; - reads their ids from standard input."),
    ] = None,
    type: Annotated[
        str | None, typer.Option(metavar="NAME", help="Instead: all documents of a type.")
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="JSON", help="Instead: those that a filter holds for.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="What it is called.")] = None,
    key: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="Start it once: given again, that batch is gone on with."),
    ] = None,
    input: Annotated[
        str | None, typer.Option(metavar="JSON", help="Input for each run, a JSON object.")
    ] = None,
    priority: Annotated[int, typer.Option(help="0 to 9, 9 is the most urgent.", min=0, max=9)] = PRIORITY,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then show how far it is, until it is over.")
    ] = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Start a run for each of many documents, for workers to execute.

    Examples: [dim]octavo batch start summarize@production --type invoice --where '{"entities": {"$exists": false}}'[/]

    [dim]cat ids.txt | octavo batch start classify - --name import --key import-7 --watch[/]
    """
    listed = _listed(documents or [])
    condition = None if where is None else json_object(where, "filter")
    given = {} if input is None else json_object(input, "input")

    async def work() -> Batch:
        async with of(context).workspace(organization, namespace) as (_, view):
            started = await view.batches.start(
                pipeline,
                listed,
                type=type,
                where=condition,
                name=name,
                key=key,
                input=given,
                priority=priority,
            )
            return await watched(view, str(started.id), None, as_json) if watch else started

    _answer(run(work), as_json)


@group.command("list")
def list_(
    context: typer.Context,
    before: Annotated[str | None, typer.Option(metavar="BATCH", help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(help="Batches at most.", min=1)] = 20,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List batches, newest first, with how far they are.

    Example: [dim]octavo batch list[/]
    """

    async def work() -> BatchPage:
        async with of(context).workspace(organization) as (_, view):
            return await view.batches.list(before=before, limit=limit)

    page = run(work)
    if as_json:
        batches = [one.as_dict() for one in page.batches]
        print_json({"batches": batches, "before": str(page.before) if page.before else None})
        return
    table = Table.grid(expand=True, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(no_wrap=True, justify="right")
    for one in page.batches:
        failed = f" [red]{one.failed} failed[/]" if one.failed else ""
        table.add_row(
            f"{title(one)} {coloured(one)}", f"{one.runs - one.counts.left} of {one.runs} done{failed}"
        )
        table.add_row(f"[dim]{one.id}[/]", f"[dim]{moment(one.created_at)} · {seconds(one.took_seconds)}[/]")
    console.print(table)
    if page.before is not None:
        console.print(f"[dim]more: --before {page.before}[/]")


@group.command()
def show(
    context: typer.Context,
    id: Id,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until it is over.")] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show a batch: how many of its runs are in each state.

    Example: [dim]octavo batch show 01932f… --watch[/]
    """

    async def work() -> Batch:
        async with of(context).workspace(organization) as (_, view):
            return await (watched(view, id, None, as_json) if watch else view.batches.get(id))

    _answer(run(work), as_json)


@group.command()
def wait(
    context: typer.Context,
    id: Id,
    timeout: Annotated[float | None, typer.Option(metavar="SECONDS", help="At most so long.", min=0)] = None,
    watch: Annotated[bool, typer.Option("--watch/--quiet", help="Show how far it is while waiting.")] = True,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Wait until a batch is over; the exit code is 1 unless all of its runs completed.

    Example: [dim]octavo batch wait 01932f… --timeout 600[/]
    """

    async def work() -> Batch:
        async with of(context).workspace(organization) as (_, view):
            if watch and not as_json:
                return await watched(view, id, timeout, as_json)
            return await view.batches.wait(id, timeout_seconds=float("inf") if timeout is None else timeout)

    over = run(work)
    _answer(over, as_json)
    if over.state != "completed":
        raise typer.Exit(1)


@group.command()
def runs(
    context: typer.Context,
    id: Id,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help=f"Only these: {', '.join(STATES)}; may be repeated."),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="Only the dead and the failed.")] = False,
    before: Annotated[str | None, typer.Option(metavar="RUN", help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(help="Runs at most.", min=1)] = 50,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List the runs of a batch, newest first; of those that failed with why.

    Example: [dim]octavo batch runs 01932f… --failed[/]
    """
    wanted: Any = [*(state or ()), *(("dead", "failed") if failed else ())] or None

    async def work() -> RunPage:
        async with of(context).workspace(organization) as (_, view):
            return await view.batches.runs(id, state=wanted, before=before, limit=limit)

    page = run(work)
    if as_json:
        found = [one.as_dict() for one in page.runs]
        print_json({"runs": found, "before": str(page.before) if page.before else None})
        return
    table = Table("run", "document", "state", "took", "why", box=None, header_style="dim", pad_edge=False)
    for one in page.runs:
        error = None if one.state == "completed" else one.error
        why = "" if error is None else f"{error['code']}: {error['message']}"
        table.add_row(
            str(one.id), str(one.document_id or ""), one.state, seconds(one.took_seconds), escape(why)
        )
    console.print(table)
    if page.before is not None:
        console.print(f"[dim]more: --before {page.before}[/]")


@group.command()
def retry(context: typer.Context, id: Id, as_json: Json = False, organization: Organization = None) -> None:
    """Queue all dead runs of a batch again; each goes on at the step that failed.

    Example: [dim]octavo batch retry 01932f…[/]
    """

    async def work() -> int:
        async with of(context).workspace(organization) as (_, view):
            return await view.batches.retry(id)

    retried = run(work)
    if as_json:
        print_json({"runs": retried})
    else:
        console.print(f"{retried} runs queued again")


@group.command()
def cancel(context: typer.Context, id: Id, as_json: Json = False, organization: Organization = None) -> None:
    """End a batch: what waits is cancelled now, what is under way when its worker hears of it.

    Example: [dim]octavo batch cancel 01932f…[/]
    """

    async def work() -> Batch:
        async with of(context).workspace(organization) as (_, view):
            return await view.batches.cancel(id)

    _answer(run(work), as_json)


@group.command()
def purge(
    context: typer.Context,
    older_than: Annotated[float, typer.Option(metavar="DAYS", help="Over for so many days.", min=0)] = 90.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Remove the runs of old batches; the batches stay, with their sums.

    Example: [dim]octavo batch purge --older-than 30 --dry-run[/]
    """

    async def work() -> int:
        async with of(context).workspace(organization) as (_, view):
            return await view.batches.purge(older_than=timedelta(days=older_than), dry_run=dry_run)

    purged = run(work)
    if as_json:
        print_json({"batches": purged, "dry_run": dry_run})
    else:
        console.print(f"the runs of {purged} batches {'would be' if dry_run else 'are'} removed")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="batch", rich_help_panel="Pipelines")


def _listed(given: list[str]) -> list[str] | None:
    """The ids of documents; None when none are given."""
    if not given:
        return None
    if given != ["-"]:
        return given
    listed = sys.stdin.read().split()
    if not listed:
        raise InvalidInput(
            "standard input holds no id", remedy="give ids of documents, with spaces or lines between"
        )
    return listed


def _answer(one: Batch, as_json: bool) -> None:
    if as_json:
        print_json(one.as_dict())
    else:
        console.print(told(one))
