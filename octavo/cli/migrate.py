"""migrate up · status · verify · check"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from octavo.cli.session import Json, console, errors, of, print_json, run
from octavo.errors import InvalidInput
from octavo.operations import migrations
from octavo.operations.migrations import Source
from octavo.postgres.backfill import Progress, Report
from octavo.postgres.ledger import MigrationStatus
from octavo.postgres.lock_levels import Step
from octavo.postgres.migration import PHASES, Phase

group = typer.Typer(
    help="Bring the schema up to date: Octavo's, or an application's own.", no_args_is_help=True
)
Admin = Annotated[
    str | None,
    typer.Option(
        "--admin", metavar="URL", help="postgresql://… of a role that may create roles and schemas."
    ),
]
Folder = Annotated[
    str | None, typer.Option("--migrations", metavar="DIR", help="Folder of an application's own .sql files.")
]
Name = Annotated[
    str | None, typer.Option("--name", metavar="NAME", help="The application, and the schema it has.")
]
_LOGINS = """Give the application two logins of its own, in psql:
  CREATE ROLE my_app LOGIN PASSWORD '…' IN ROLE octavo_app;
  CREATE ROLE my_system LOGIN PASSWORD '…' IN ROLE octavo_system;
then set OCTAVO_RECORD and OCTAVO_RECORD_SYSTEM to their URLs."""
_COLOURS = {"completed": "green", "failed": "red", "changed": "red"}


@group.command()
def up(
    context: typer.Context,
    admin: Admin = None,
    folder: Folder = None,
    name: Name = None,
    until: Annotated[
        str, typer.Option(metavar="PHASE", help="No later phase: expand, backfill or contract.")
    ] = "contract",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the SQL; change nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Apply what is missing. An embedded record applies Octavo's own by itself when it is opened.

    Example: [dim]octavo migrate up --admin postgresql://postgres@db.example.org/octavo --until expand[/]

    Example: [dim]octavo migrate up --migrations ./migrations --name shop[/]
    """
    source, settings, phase = Source(folder, name), of(context).settings, _phase(until)

    async def work() -> Sequence[Any]:
        if dry_run:
            return await migrations.plan(settings, source, admin=admin, until=phase)
        with _bar() as report:
            return await migrations.up(settings, source, admin=admin, until=phase, report=report)

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
    elif not dry_run and folder is None and not of(context).embedded:
        console.print(_LOGINS, markup=False)


@group.command()
def status(
    context: typer.Context,
    admin: Admin = None,
    folder: Folder = None,
    name: Name = None,
    as_json: Json = False,
) -> None:
    """Show which migrations are applied, failed or missing, and how far backfills came.

    Example: [dim]octavo migrate status --admin postgresql://postgres@db.example.org/octavo[/]
    """
    source, settings = Source(folder, name), of(context).settings
    steps = run(lambda: migrations.status(settings, source, admin=admin))
    if as_json:
        print_json(steps)
        return
    for step in steps:
        console.print(_line(step))


@group.command()
def verify(context: typer.Context, admin: Admin = None, as_json: Json = False) -> None:
    """Compare the schema with what the migrations make, and show what was changed by hand. Exit 1 if anything.

    Example: [dim]octavo migrate verify --admin postgresql://postgres@db.example.org/octavo[/]
    """
    settings = of(context).settings
    told = run(lambda: migrations.verify(settings, admin=admin))
    if as_json:
        print_json(told)
    else:
        for title in told.pending:
            console.print(f"[yellow]pending[/] {title}")
        for one in told.drift:
            console.print(f"[red]{one.kind}[/] {escape(one.object)}", soft_wrap=True)
            for mark, text in (("-", one.expected), ("+", one.found)):
                if text and text != one.object:
                    console.print(f"  {mark} {text}", markup=False, soft_wrap=True)
        if told.is_as_made:
            console.print("[green]the schema is what its migrations make[/]")
    if not told.is_as_made:
        raise typer.Exit(1)


@group.command()
def check(folder: Folder = None, name: Name = None, as_json: Json = False) -> None:
    """Try migrations out on a scratch server: what each locks, rewrites, reads or breaks. Exit 1 if anything does.

    Example: [dim]octavo migrate check --migrations ./migrations --name shop[/]
    """
    source = Source(folder, name)
    steps = run(lambda: migrations.check(source))
    refused = [found for step in steps for found in step.findings if not found.accepted]
    if as_json:
        print_json(steps)
    else:
        _show_findings(steps)
        console.print(
            f"{len(steps)} statements, [red]{len(refused)} to mend[/]"
            if refused
            else f"[green]{len(steps)} statements, none keeps others waiting[/]"
        )
    if refused:
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="migrate", rich_help_panel="Administration")


def _phase(until: str) -> Phase:
    if until not in PHASES:
        raise InvalidInput(f"{until!r} is no phase", remedy=f"use one of {', '.join(PHASES)}", usage=True)
    return until


def _line(step: MigrationStatus) -> str:
    colour = _COLOURS.get(step.state, "yellow")
    whose = "" if step.application == "octavo" else f"{step.application} "
    rows = "" if step.rows_done is None else f" {step.rows_done} of about {step.rows_estimated or '?'} rows"
    return f"[{colour}]{whose}{step.number:04} {step.state}[/] {step.name}{rows} [red]{escape(step.error or '')}[/]"


def _show_findings(steps: Sequence[Step]) -> None:
    for step in steps:
        for found in step.findings:
            mark = "[yellow]accepted[/]" if found.accepted else "[red]✗[/]"
            console.print(f"{mark} [bold]{step.migration}[/] {escape(step.statement)}", soft_wrap=True)
            console.print(f"  {found.kind}: {escape(found.message)} — {escape(found.remedy)}", soft_wrap=True)


@contextmanager
def _bar() -> Iterator[Report]:
    """A progress bar on standard error, one line a backfill."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def report(progress: Progress) -> None:
            if progress.migration not in tasks:
                tasks[progress.migration] = bar.add_task(progress.migration, total=None)
            bar.update(tasks[progress.migration], completed=progress.rows_done, total=progress.rows_estimated)

        yield report
