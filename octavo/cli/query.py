"""query allow · consents · list · similar · erase"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.values.query import RememberedQuery

group = typer.Typer(
    help="What was looked for with --remember, of those who allowed it.", no_args_is_help=True
)

Actor = Annotated[str, typer.Argument(metavar="KIND:ID", help="Whose queries, as user:ann.")]
Limit = Annotated[int, typer.Option(help="So many at most.", min=1)]


@group.command()
def allow(
    context: typer.Context,
    actor: Actor,
    days: Annotated[int, typer.Option(help="Days each query is kept.", min=1, max=3650)] = 30,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Note that somebody allows their queries to be kept.

    Example: [dim]octavo query allow user:ann --days 90[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.queries.allow(actor, days=days)

    given = run(work)
    if as_json:
        print_json(given.as_dict())
    else:
        console.print(f"queries of {escape(str(given.actor))} are kept for {given.days} days")


@group.command()
def consents(
    context: typer.Context, limit: Limit = 100, as_json: Json = False, organization: Organization = None
) -> None:
    """List who allowed it.

    Example: [dim]octavo query consents[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.queries.consents(limit=limit)

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    for one in found:
        console.print(f"{escape(str(one.actor))} [dim]{one.days} days, since {moment(one.given_at)}[/]")


@group.command("list")
def list_(
    context: typer.Context,
    actor: Annotated[
        str | None, typer.Option("--actor", metavar="KIND:ID", help="Only theirs, as user:ann.")
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="ID", help="Those before this one.")] = None,
    limit: Limit = 100,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List queries that are kept, the newest first.

    Example: [dim]octavo query list --actor user:ann[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.queries.list(actor=actor, before=before, limit=limit)

    _show(run(work), as_json=as_json)


@group.command()
def similar(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="Any text.")],
    least_similarity: Annotated[
        float, typer.Option(metavar="NUMBER", help="Nothing below it, -1 to 1.")
    ] = -1.0,
    limit: Limit = 10,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List what was looked for that means nearly the same.

    Example: [dim]octavo query similar 'money back' --limit 5[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.queries.similar(text, least_similarity=least_similarity, limit=limit)

    _show(run(work), as_json=as_json)


@group.command()
def erase(
    context: typer.Context,
    actor: Actor,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Forget everything somebody looked for, and that they allowed it.

    Example: [dim]octavo query erase user:ann --yes[/]
    """
    if not yes:
        typer.confirm(f"Forget everything {actor} looked for?", abort=True)

    async def work() -> int:
        async with of(context).workspace(organization) as (_, view):
            return await view.queries.erase(actor)

    gone = run(work)
    if as_json:
        print_json({"actor": actor, "erased": gone})
    else:
        console.print(f"{gone} queries of {escape(actor)} are forgotten")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="query", rich_help_panel="Documents")


def _show(found: list[RememberedQuery], *, as_json: bool) -> None:
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    table = Table("query", "found", "actor", "asked", "", box=None, header_style="dim", pad_edge=False)
    for one in found:
        likeness = "" if one.similarity is None else f"{one.similarity:.2f}"
        table.add_row(
            escape(one.text), str(one.found), escape(str(one.actor)), moment(one.asked_at), likeness
        )
    console.print(table if found else "[dim]nothing is kept[/]")
