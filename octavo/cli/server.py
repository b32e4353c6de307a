"""up · down · status · doctor · destroy"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import bytes_of, moment
from octavo.cli.session import Json, console, of, print_json, run
from octavo.errors import InvalidInput, RecordFault
from octavo.operations import health, upkeep
from octavo.postgres import server
from octavo.workspace.engines import EngineStatus


def up(context: typer.Context, as_json: Json = False) -> None:
    """Start the embedded PostgreSQL and keep it until `octavo down`.

    Example: [dim]octavo --data ./octavo-data up[/]
    """
    session = of(context)

    async def work() -> None:
        # Opening once makes the record and brings its schema up to date.
        async with session.open():
            server.keep(session.directory)

    run(work)
    _show(server.status(session.directory), as_json)


def down(
    context: typer.Context,
    force: Annotated[bool, typer.Option("--force", help="Also when other processes use it.")] = False,
    as_json: Json = False,
) -> None:
    """Stop the embedded PostgreSQL.

    Example: [dim]octavo down[/]
    """
    session = of(context)
    server.stop(session.directory, force=force)
    _show(server.status(session.directory), as_json)


def status(context: typer.Context, as_json: Json = False) -> None:
    """Show the server, what the record holds and how far its projections are.

    Example: [dim]octavo status[/]
    """
    session = of(context)

    async def work() -> tuple[health.Report, list[upkeep.LastRun]]:
        async with session.open() as db:
            return await health.report(db.record, list(db.projections.values())), await upkeep.last_runs(
                db.record.system
            )

    told, runs = run(work)
    if as_json:
        print_json({**told.as_dict(), "upkeep": [one.as_dict() for one in runs]})
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in [*_lines(told), *map(_last_run, runs)]:
        table.add_row(f"[dim]{name}[/]", value)
    console.print(table)


def doctor(context: typer.Context, as_json: Json = False) -> None:
    """Check the installation, the data directory and the record; exit code 1 if something is wrong.

    Example: [dim]octavo doctor[/]
    """
    session = of(context)
    checks = server.checks(session.directory) if session.embedded else []

    async def work() -> Any:
        async with session.open() as db:
            found = await health.checks(db.record, list(db.projections.values()))
            return found + [_as_set(one) for one in await db.engines.list() if one.state == "live"]

    # What others left behind on the machine is worth a word, but does not keep this record from being opened.
    if all(check.ok or check.name == "leftovers" for check in checks):
        checks = [*checks, *run(work)]
    if as_json:
        print_json(checks)
    else:
        for check in checks:
            mark = "[green]✓[/]" if check.ok else "[red]✗[/]"
            remedy = f"  [yellow]{check.remedy}[/]" if check.remedy and not check.ok else ""
            console.print(f"{mark} {check.name} [dim]{escape(check.detail)}[/]{remedy}", soft_wrap=True)
    if wrong := [check for check in checks if not check.ok]:
        raise RecordFault(
            f"not well: {', '.join(check.name for check in wrong)}", remedy=wrong[0].remedy or ""
        )


def destroy(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the embedded PostgreSQL and delete its data directory, with every document and file in it.

    Example: [dim]octavo --data ./scratch destroy --yes[/]
    """
    session = of(context)
    if not session.embedded:
        raise InvalidInput(
            "only an embedded record can be destroyed", remedy="drop an external database with its own tools"
        )
    if not yes:
        typer.confirm(f"Delete {session.directory.resolve()} and everything in it?", abort=True)
    server.destroy(session.directory)
    console.print(f"deleted {session.directory}")


def _lines(told: health.Report) -> Iterator[tuple[str, str]]:
    yield (
        "record",
        f"PostgreSQL {told.postgresql}, {bytes_of(told.size_bytes)}, {told.round_trip_ms:.1f} ms away",
    )
    yield "organizations", f"{told.organizations:,}"
    yield (
        "documents",
        f"{told.documents:,} in {told.versions:,} versions"
        + (f", {told.deleted:,} deleted" if told.deleted else ""),
    )
    yield "files", f"{told.files:,}"
    yield "events", f"{told.events:,}"
    for status in told.projections:
        yield escape(status.name), _standing(status)
    if told.gate:
        yield "gate", f"[yellow]{told.gate}[/]"


def _as_set(engine: EngineStatus) -> health.Check:
    return health.Check(
        f"the setting names the engine of {engine.role}",
        engine.setting is None,
        f"{engine.url} serves" + (f", and the setting names {engine.setting}" if engine.setting else ""),
        f"octavo engines promote {engine.role} {engine.setting}, or set OCTAVO_{engine.role.upper()}={engine.url}"
        if engine.setting
        else "",
    )


def _standing(status: health.Lag) -> str:
    if status.last_error:
        return f"[red]{escape(status.last_error)}[/]"
    told = "being filled" if status.filling else f"at {status.position}"
    if status.events:
        told += f", {status.events:,} events and {status.seconds:.1f} s behind"
    return told + (f", [yellow]{status.parked:,} parked[/]" if status.parked else "")


def _last_run(last: upkeep.LastRun) -> tuple[str, str]:
    if last.ended_at is None:
        return f"upkeep: {last.task}", f"[dim]due {moment(last.due_at)}[/]"
    outcome = f"[red]{escape(last.error)}[/]" if last.error else f"{last.changed:,} of {last.examined:,}"
    waits = f" [yellow]{escape(last.waits)}[/]" if last.waits else ""
    return f"upkeep: {last.task}", f"{outcome}{waits} [dim]{moment(last.ended_at)}[/]"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (up, down, status, doctor, destroy):
        app.command(rich_help_panel="Server")(command)


def _show(found: server.ServerStatus, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    console.print(f"[bold]{found.state}[/]" + (" [dim](kept until `octavo down`)[/]" if found.kept else ""))
    if found.state == "running":
        console.print(
            f"[dim]PostgreSQL {found.major}, pid {found.pid}, {bytes_of(found.size_bytes)}, socket {found.socket}[/]"
        )
