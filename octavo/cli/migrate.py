"""migrate up · status"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from octavo.cli.session import Json, console, of, print_json, run
from octavo.errors import InvalidSetting
from octavo.postgres import migrator

group = typer.Typer(help="Bring the schema of a PostgreSQL of your own up to date.", no_args_is_help=True)
Admin = Annotated[
    str | None,
    typer.Option(
        "--admin", metavar="URL", help="postgresql://… of a role that may create roles and schemas."
    ),
]
_LOGINS = """Give the application two logins of its own, in psql:
  CREATE ROLE my_app LOGIN PASSWORD '…' IN ROLE octavo_app;
  CREATE ROLE my_system LOGIN PASSWORD '…' IN ROLE octavo_system;
then set OCTAVO_RECORD and OCTAVO_RECORD_SYSTEM to their URLs."""


@group.command()
def up(
    context: typer.Context,
    admin: Admin = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Apply what is missing. An embedded record does this by itself when it is opened.

    Example: [dim]octavo migrate up --admin postgresql://postgres@db.example.org/octavo[/]
    """
    arguments = _admin(context, admin)

    async def work() -> Any:
        return await (migrator.plan(arguments) if dry_run else migrator.migrate(arguments))

    steps = run(work)
    if as_json:
        print_json(steps)
        return
    for step in steps:
        console.print(f"[green]{step.number:04}[/] {step.name}")
        if dry_run:
            console.print(step.sql, markup=False)
    if not steps:
        console.print("[dim]nothing to do[/]")
    elif not dry_run:
        console.print(_LOGINS, markup=False)


@group.command()
def status(context: typer.Context, admin: Admin = None, as_json: Json = False) -> None:
    """Show which migrations are applied, failed or missing.

    Example: [dim]octavo migrate status --admin postgresql://postgres@db.example.org/octavo[/]
    """
    arguments = _admin(context, admin)

    async def work() -> Any:
        return await migrator.status(arguments)

    steps = run(work)
    if as_json:
        print_json(steps)
        return
    for step in steps:
        colour = {"completed": "green", "failed": "red"}.get(step.state, "yellow")
        console.print(f"[{colour}]{step.number:04} {step.state}[/] {step.name} [red]{step.error or ''}[/]")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="migrate", rich_help_panel="Administration")


def _admin(context: typer.Context, admin: str | None) -> dict[str, Any]:
    url = admin or of(context).settings.record_admin
    if not url:
        raise InvalidSetting(
            "no administrator's URL is given", remedy="pass --admin postgresql://… or set OCTAVO_RECORD_ADMIN"
        )
    return {"dsn": url}
