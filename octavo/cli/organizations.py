"""org create · list"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, console, of, print_json, run

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


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="org", rich_help_panel="Administration")
