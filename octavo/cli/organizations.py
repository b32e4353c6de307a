"""org create · list · show · configure"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from msgspec import UNSET, UnsetType
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, console, of, print_json, run
from octavo.errors import InvalidInput
from octavo.values.limit import RunLimits

group = typer.Typer(help="Organizations: each sees its own documents only.", no_args_is_help=True)


@group.command()
def create(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="a-z, 0-9, _ . and -, at most 63.")],
    as_json: Json = False,
) -> None:
    """Make an organization.

    Example: [dim]octavo org create acme[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return await db.organizations.create(name)

    made = run(work)
    if as_json:
        print_json(made)
    else:
        console.print(f"[green]{made.name}[/] [dim]{made.id}[/]")


@group.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List organizations.

    Example: [dim]octavo org list[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return await db.organizations.list()

    found = run(work)
    if as_json:
        print_json(found)
        return
    table = Table("name", "id", "created", box=None, header_style="dim", pad_edge=False)
    for organization in found:
        table.add_row(organization.name, str(organization.id), moment(organization.created_at))
    console.print(table)


@group.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The organization.")],
    as_json: Json = False,
) -> None:
    """Show how many runs an organization may have, and has.

    Example: [dim]octavo org show acme[/]
    """

    async def work() -> RunLimits:
        async with of(context).open() as db:
            return await db.organizations.run_limits(name)

    _answer(run(work), as_json)


@group.command()
def configure(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The organization.")],
    run_share: Annotated[
        float | None, typer.Option(help="Its weight among those whose runs wait; 1 is usual.")
    ] = None,
    max_running: Annotated[
        str | None, typer.Option(metavar="N|none", help="Runs under way at most; 0 begins none.")
    ] = None,
    runs_per_day: Annotated[
        str | None, typer.Option(metavar="N|none", help="Runs started a day (UTC) at most.")
    ] = None,
    allowed_models: Annotated[
        str | None,
        typer.Option(metavar="NAME,…|none", help="Models its pipelines may use; none: no restriction."),
    ] = None,
    max_batch_size: Annotated[
        str | None, typer.Option(metavar="N|none", help="Documents of a batch at most.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Set how many runs an organization may have, and what of; what is left out stays as it is.

    Examples: [dim]octavo org configure acme --max-running 20 --runs-per-day none[/]

    [dim]octavo org configure acme --allowed-models small,large --max-batch-size 50[/]
    """
    size = _number(max_batch_size, "--max-batch-size")
    models = _names(allowed_models)
    most, quota = _number(max_running, "--max-running"), _number(runs_per_day, "--runs-per-day")

    async def work() -> RunLimits:
        async with of(context).open() as db:
            return await db.organizations.configure(
                name,
                run_share=UNSET if run_share is None else run_share,
                max_running=most,
                runs_per_day=quota,
                allowed_models=models,
                max_batch_size=size,
            )

    _answer(run(work), as_json)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="org", rich_help_panel="Administration")


def _number(given: str | None, option: str) -> int | UnsetType | None:
    """A limit as the command line has it: left out, `none`, or a number."""
    if given is None:
        return UNSET
    if given == "none":
        return None
    if not given.isascii() or not given.isdigit():
        raise InvalidInput(f"{option} {given} is no limit", remedy="give a number, or none", usage=True)
    return int(given)


def _names(given: str | None) -> list[str] | UnsetType | None:
    """Models as the command line has them: left out, `none` for no restriction, or names with commas between."""
    if given is None:
        return UNSET
    return None if given == "none" else [name.strip() for name in given.split(",") if name.strip()]


def _answer(limits: RunLimits, as_json: bool) -> None:
    if as_json:
        print_json(limits.as_dict())
        return
    most = "no limit" if limits.max_running is None else f"of {limits.max_running}"
    quota = (
        "no quota"
        if limits.runs_per_day is None
        else f"{limits.started_today} of {limits.runs_per_day} started today"
    )
    console.print(f"[bold]{escape(limits.organization)}[/] share {limits.run_share:g}")
    console.print(f"runs under way: {limits.running} {most}, {limits.held} held back · {quota}")
    if limits.allowed_models is not None:
        console.print(f"models: {escape(', '.join(limits.allowed_models)) or 'not one is allowed'}")
    if limits.max_batch_size is not None:
        console.print(f"documents of a batch: {limits.max_batch_size} at most")
