"""trigger put · list · show · pause · resume · delete · backfill; run start-missing"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.batch_shown import told, watched
from octavo.cli.documents import json_object
from octavo.cli.pipeline import Reference
from octavo.cli.run import group as runs
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.values.batch import MAX_LISTED, Batch
from octavo.values.run import MAX_RUNS, PRIORITY
from octavo.values.trigger import CHANGES, DEPTH, MAX_DEBOUNCE_SECONDS, MAX_DEPTH, Missing, Trigger
from octavo.workspace import Workspace

# What a look for documents without a run gave, and the batch its runs are in.
_Started = tuple[Missing, Batch | None]

group = typer.Typer(
    help="Triggers: when a document of a type arrives or changes, run a pipeline.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The trigger.")]
Environment = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Also where a result is of another model than the one deployed there."),
]
After = Annotated[
    str | None, typer.Option(metavar="ID", help="Go on behind this document: the `next` of before.")
]
Limit = Annotated[
    int | None,
    typer.Option(help=f"Runs at most; {MAX_RUNS:,} unless they are a batch.", min=1, max=MAX_LISTED),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count.")]
AsBatch = Annotated[
    bool,
    typer.Option("--batch", help="Start them as one batch, to be watched, cancelled and retried as one."),
]
Watch = Annotated[bool, typer.Option("--watch", help="A batch, and show how far it is until it is over.")]


@group.command()
def put(
    context: typer.Context,
    name: Name,
    pipeline: Reference,
    type: Annotated[str, typer.Option("--type", "-t", metavar="TYPE", help="Documents of this type.")],
    on: Annotated[
        list[str] | None,
        typer.Option(metavar="CHANGE", help="created or updated; may be repeated. Default: both."),
    ] = None,
    where: Annotated[
        str | None, typer.Option(metavar="JSON", help="""Filter on the document, as '{"status": "final"}'.""")
    ] = None,
    priority: Annotated[int, typer.Option(help="0 to 9, 9 is the most urgent.", min=0, max=9)] = PRIORITY,
    debounce: Annotated[
        float,
        typer.Option(
            metavar="SECONDS",
            help="How long a document must be left alone first.",
            min=0,
            max=MAX_DEBOUNCE_SECONDS,
        ),
    ] = 0.0,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Let what its runs write start it again.")
    ] = False,
    max_depth: Annotated[
        int, typer.Option(help="Runs that may cause each other.", min=1, max=MAX_DEPTH)
    ] = DEPTH,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Keep a trigger, or change it: from now on each change starts a run in its own transaction.

    Example: [dim]octavo trigger put read-invoices extract@production --type invoice --where '{"status": "final"}'[/]
    """
    condition = None if where is None else json_object(where, "filter")
    changes: Any = on or CHANGES

    async def work() -> Trigger:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.triggers.put(
                name,
                pipeline,
                type=type,
                on=changes,
                where=condition,
                priority=priority,
                debounce_seconds=debounce,
                recursive=recursive,
                max_depth=max_depth,
            )

    _answer(run(work), as_json)


@group.command("list")
def list_(
    context: typer.Context,
    after: Annotated[str, typer.Option(metavar="NAME", help="Continue behind this one.")] = "",
    limit: Annotated[int, typer.Option(help="Triggers at most.", min=1)] = 100,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List triggers of all namespaces, with what they warn of.

    Example: [dim]octavo trigger list[/]
    """

    async def work() -> list[Trigger]:
        async with of(context).workspace(organization) as (_, view):
            return await view.triggers.list(after=after, limit=limit)

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    table = Table(
        "trigger", "type", "on", "pipeline", "state", "warning", box=None, header_style="dim", pad_edge=False
    )
    for one in found:
        table.add_row(
            escape(one.name),
            escape(one.type),
            ", ".join(one.on),
            escape(one.pipeline),
            _state(one),
            f"[yellow]{one.warning}[/]" if one.warning else "",
        )
    console.print(table)


@group.command()
def show(
    context: typer.Context, name: Name, as_json: Json = False, organization: Organization = None
) -> None:
    """Show a trigger.

    Example: [dim]octavo trigger show read-invoices[/]
    """

    async def work() -> Trigger:
        async with of(context).workspace(organization) as (_, view):
            return await view.triggers.get(name)

    _answer(run(work), as_json)


@group.command()
def pause(
    context: typer.Context, name: Name, as_json: Json = False, organization: Organization = None
) -> None:
    """Let a trigger start nothing until it is resumed.

    Example: [dim]octavo trigger pause read-invoices[/]
    """

    async def work() -> Trigger:
        async with of(context).workspace(organization) as (_, view):
            return await view.triggers.pause(name)

    _answer(run(work), as_json)


@group.command()
def resume(
    context: typer.Context, name: Name, as_json: Json = False, organization: Organization = None
) -> None:
    """Let a trigger start runs again; what changed meanwhile is for `octavo trigger backfill`.

    Example: [dim]octavo trigger resume read-invoices[/]
    """

    async def work() -> Trigger:
        async with of(context).workspace(organization) as (_, view):
            return await view.triggers.resume(name)

    _answer(run(work), as_json)


@group.command()
def delete(
    context: typer.Context, name: Name, as_json: Json = False, organization: Organization = None
) -> None:
    """Delete a trigger; runs it has started go on.

    Example: [dim]octavo trigger delete read-invoices[/]
    """

    async def work() -> None:
        async with of(context).workspace(organization) as (_, view):
            await view.triggers.delete(name)

    run(work)
    if as_json:
        print_json({"trigger": name, "deleted": True})
    else:
        console.print(f"{escape(name)} deleted")


@group.command()
def backfill(
    context: typer.Context,
    name: Name,
    environment: Environment = None,
    after: After = None,
    limit: Limit = None,
    dry_run: DryRun = False,
    batch: AsBatch = False,
    watch: Watch = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Start the runs of a trigger for documents that are there already and have none.

    Examples: [dim]octavo trigger backfill read-invoices --dry-run[/]

    [dim]octavo trigger backfill read-invoices --watch[/]
    """

    async def work() -> _Started:
        async with of(context).workspace(organization) as (_, view):
            found = await view.triggers.backfill(
                name,
                environment=environment,
                after=after,
                limit=limit,
                dry_run=dry_run,
                batch=batch or watch,
            )
            return found, await _watched(view, found, watch, as_json)

    _tell(*run(work), as_json)


@runs.command("start-missing")
def start_missing(
    context: typer.Context,
    pipeline: Reference,
    type: Annotated[str, typer.Argument(metavar="TYPE", help="Documents of this type.")],
    where: Annotated[str | None, typer.Option(metavar="JSON", help="Filter on the documents.")] = None,
    priority: Annotated[int, typer.Option(help="0 to 9, 9 is the most urgent.", min=0, max=9)] = PRIORITY,
    environment: Environment = None,
    after: After = None,
    limit: Limit = None,
    dry_run: DryRun = False,
    batch: AsBatch = False,
    watch: Watch = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Start runs for documents of which no run of the pipeline's present version tells as they are now.

    Examples: [dim]octavo run start-missing summarize@production article --dry-run[/]

    [dim]octavo run start-missing summarize@production article --batch[/]
    """
    condition = None if where is None else json_object(where, "filter")

    async def work() -> _Started:
        async with of(context).workspace(organization, namespace) as (_, view):
            found = await view.pipelines.start_missing(
                pipeline,
                type=type,
                where=condition,
                environment=environment,
                priority=priority,
                after=after,
                limit=limit,
                dry_run=dry_run,
                batch=batch or watch,
            )
            return found, await _watched(view, found, watch, as_json)

    _tell(*run(work), as_json)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="trigger", rich_help_panel="Pipelines")


def _answer(one: Trigger, as_json: bool) -> None:
    if as_json:
        print_json(one.as_dict())
        return
    console.print(
        f"[bold]{escape(one.name)}[/] {' and '.join(one.on)} {escape(one.namespace)}/{escape(one.type)} "
        f"→ {escape(one.pipeline)} {_state(one)}"
    )
    if one.warning:
        console.print(f"[yellow]{one.warning}[/]")


def _state(one: Trigger) -> str:
    return "[yellow]paused[/]" if one.is_paused else "[green]active[/]"


async def _watched(view: Workspace, found: Missing, watch: bool, as_json: bool) -> Batch | None:
    """The batch, at its end if it is to be watched."""
    if found.batch is None:
        return None
    return await (watched(view, str(found.batch), None, as_json) if watch else view.batches.get(found.batch))


def _tell(found: Missing, batch: Batch | None, as_json: bool) -> None:
    if as_json:
        print_json(found.as_dict())
        return
    console.print(
        f"{found.missing} of {found.examined} documents have no run, {found.started} runs were started"
    )
    if batch is not None:
        console.print(told(batch))
    if found.next is not None:
        console.print(f"[dim]more: --after {found.next}[/]")
