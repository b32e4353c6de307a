"""engines list · verify · repair · rebuild · promote · demote · retire · parked · retry"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, console, errors, of, print_json, run
from octavo.database import Octavo
from octavo.projections.verify import Verification
from octavo.workspace.engines import EngineStatus

Answer = TypeVar("Answer")

group = typer.Typer(
    help="Engines: which serve, whether they equal the record, moving a role.", no_args_is_help=True
)

Role = Annotated[str, typer.Argument(metavar="ROLE", help="search, vectors or analytics.")]
Url = Annotated[
    str, typer.Argument(metavar="URL", help="As the role's setting would name it: tantivy:./index")
]
OneUrl = Annotated[
    str | None,
    typer.Argument(metavar="[URL]", help="Which engine of the role; default: the one that serves."),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", help="How long the engine may lag behind writers.")
]
Keep = Annotated[
    float,
    typer.Option(
        "--keep", metavar="HOURS", help="How long the engine that served is kept up to date.", min=0
    ),
]
KeepForGood = Annotated[bool, typer.Option("--keep-for-good", help="Keep it up to date until it is retired.")]
_SHOWN = 20


@group.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List the engines of every role: where they stand, what they cannot take, when they were found equal.

    Example: [dim]octavo engines list[/]
    """
    found = run(lambda: _with(context, lambda db, _: db.engines.list()))
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    table = Table(
        "role", "engine", "state", "stands", "parked", "equal", box=None, header_style="dim", pad_edge=False
    )
    for one in found:
        table.add_row(
            f"[bold]{one.role}[/]",
            escape(one.url) + (f" [yellow]setting: {escape(one.setting)}[/]" if one.setting else ""),
            one.state + (f" [dim]until {moment(one.kept_until)}[/]" if one.kept_until else ""),
            _stands(one),
            str(one.status.parked) if one.status else "",
            f"{one.equal_documents:,} [dim]{moment(one.equal_at)}[/]"
            if one.equal_at
            else "[dim]never verified[/]",
        )
    console.print(table)


@group.command()
def verify(
    context: typer.Context, role: Role, url: OneUrl = None, timeout: Timeout = 600.0, as_json: Json = False
) -> None:
    """Compare an engine with the record, in both directions, beside writers; exit code 1 if anything differs.

    Examples: [dim]octavo engines verify search[/]

    [dim]octavo engines verify search tantivy:./index --json[/]
    """
    found = run(
        lambda: _with(
            context, lambda db, told: db.engines.verify(role, url, timeout_seconds=timeout, progress=told)
        )
    )
    _show_verification(found, found.as_dict(), as_json=as_json)


@group.command()
def repair(
    context: typer.Context, role: Role, url: OneUrl = None, timeout: Timeout = 600.0, as_json: Json = False
) -> None:
    """Tell an engine of what differs, and verify; exit code 1 if anything differs still.

    Example: [dim]octavo engines repair search[/]
    """
    done = run(
        lambda: _with(
            context, lambda db, told: db.engines.repair(role, url, timeout_seconds=timeout, progress=told)
        )
    )
    if not as_json:
        console.print(f"{done.documents:,} {_things(role)} told anew")
    _show_verification(done.verification, done.as_dict(), as_json=as_json)


@group.command()
def rebuild(
    context: typer.Context,
    role: Role,
    url: OneUrl = None,
    keep: Annotated[
        float,
        typer.Option("--keep", metavar="HOURS", help="How long the engine before is kept up to date.", min=0),
    ] = 1.0,
    keep_for_good: KeepForGood = False,
    as_json: Json = False,
) -> None:
    """Make an engine anew while it serves, and verify: beside the one that serves, where there is room, then switch.

    May be broken off at any point and given again: it goes on where it was.

    Examples: [dim]octavo engines rebuild search[/]

    [dim]octavo engines rebuild vectors --keep 24[/]
    """
    done = run(
        lambda: _with(
            context,
            lambda db, told: db.engines.rebuild(
                role, url, keep_seconds=None if keep_for_good else keep * 3600, progress=told
            ),
        )
    )
    if not as_json:
        console.print(f"{done.documents:,} {_things(role)} told anew")
        if done.before is not None:
            console.print(
                f"{escape(role)} is served by {escape(done.verification.url)} [dim]and {escape(done.before)} is kept:"
                f" octavo engines demote {escape(role)}[/]",
                soft_wrap=True,
            )
    _show_verification(done.verification, done.as_dict(), as_json=as_json)


@group.command()
def promote(
    context: typer.Context,
    role: Role,
    url: Url,
    keep: Keep = 24.0,
    keep_for_good: KeepForGood = False,
    accept_parked: Annotated[
        bool, typer.Option("--accept-parked", help="Also when it cannot take documents that are held now.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let another engine serve a role: fill it, show it equal, switch. Nothing is down meanwhile.

    May be broken off at any point and given again: it goes on where it was.

    Examples: [dim]octavo engines promote search tantivy:./index[/]

    [dim]octavo engines promote search postgres --keep 1[/]
    """
    done = run(
        lambda: _with(
            context,
            lambda db, told: db.engines.promote(
                role,
                url,
                keep_seconds=None if keep_for_good else keep * 3600,
                accept_parked=accept_parked,
                progress=told,
            ),
        )
    )
    _show_promotion(done, as_json=as_json)


@group.command()
def demote(
    context: typer.Context,
    role: Role,
    keep: Keep = 24.0,
    keep_for_good: KeepForGood = False,
    as_json: Json = False,
) -> None:
    """Go back to the engine that served before, and is kept.

    Example: [dim]octavo engines demote search[/]
    """
    done = run(
        lambda: _with(
            context,
            lambda db, told: db.engines.demote(
                role, keep_seconds=None if keep_for_good else keep * 3600, progress=told
            ),
        )
    )
    _show_promotion(done, as_json=as_json)


@group.command()
def retire(
    context: typer.Context,
    role: Role,
    url: Url,
    forget: Annotated[
        bool, typer.Option("--forget", help="Leave what is in it, as when it does not answer any more.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Empty an engine that does not serve, and take it out of the list; also one that is being filled.

    Example: [dim]octavo engines retire search tantivy:./index[/]
    """
    run(lambda: _with(context, lambda db, _: db.engines.retire(role, url, forget=forget)))
    if as_json:
        print_json({"role": role, "retired": url, "emptied": not forget})
    else:
        console.print(f"{escape(url)} is no engine of {escape(role)} any more")


@group.command()
def parked(context: typer.Context, role: Role, url: OneUrl = None, as_json: Json = False) -> None:
    """List the documents, or events, an engine cannot take, and why.

    Example: [dim]octavo engines parked search[/]
    """
    found = run(lambda: _with(context, lambda db, _: db.engines.parked(role, url)))
    if as_json:
        print_json([_plain(one) for one in found])
    else:
        _show_parked(found)


@group.command()
def retry(context: typer.Context, role: Role, url: OneUrl = None, as_json: Json = False) -> None:
    """Try the parked documents again; it is also done by itself, now and then.

    Example: [dim]octavo engines retry search[/]
    """
    done = run(lambda: _with(context, lambda db, _: db.engines.retry(role, url)))
    if as_json:
        print_json({"taken": done.taken, "parked": [_plain(one) for one in done.parked]})
        return
    console.print(f"{done.taken:,} taken, {len(done.parked):,} still parked")
    _show_parked(done.parked)


async def _with(
    context: typer.Context, work: Callable[[Octavo, Callable[[str, int, int], None]], Awaitable[Answer]]
) -> Answer:
    """Work on the open database, with a progress bar on standard error."""
    with _bar() as told:
        async with of(context).open() as db:
            return await work(db, told)


@contextmanager
def _bar() -> Iterator[Callable[[str, int, int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("opening", total=None)
        yield lambda what, done, total: bar.update(task, description=what, completed=done, total=total)


def _stands(one: EngineStatus) -> str:
    if one.status is None:
        return ""
    if one.status.last_error:
        return f"[red]{escape(one.status.last_error)}[/]"
    return "being filled" if one.status.filling else f"at {one.status.position}"


def _show_verification(found: Verification, told: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(told)
    else:
        total = found.total
        mark = "[green]✓[/] equal" if found.is_equal else "[red]✗[/] differs"
        console.print(
            f"{mark}: {escape(found.url)} and the record, {total.documents:,} {_things(found.role)}"
            f" at {found.position} [dim]{found.seconds:.1f} s[/]",
            soft_wrap=True,
        )
        if not found.is_equal:
            console.print(f"{total.missing:,} missing, {total.stale:,} stale, {total.ghosts:,} ghosts")
        if total.parked:
            console.print(f"[yellow]{total.parked:,} parked[/] [dim]octavo engines parked {found.role}[/]")
        for one in found.differences[:_SHOWN]:
            console.print(f"  {one.kind} {one.id} [dim]of organization {one.organization}[/]", soft_wrap=True)
        for day in found.days[:_SHOWN]:
            console.print(
                f"  {day.day} {day.log:,} in the log, {day.engine:,} held [dim]of organization {day.organization}[/]",
                soft_wrap=True,
            )
    if not found.is_equal:
        raise typer.Exit(1)


def _show_promotion(done: Any, *, as_json: bool) -> None:
    if as_json:
        print_json(done.as_dict())
        return
    total = done.verification.total
    console.print(
        f"[green]✓[/] {escape(done.role)} is served by {escape(done.url)};"
        f" {total.documents:,} {_things(done.role)} were equal at {done.verification.position}",
        soft_wrap=True,
    )
    console.print(f"[dim]{escape(done.before)} is kept: octavo engines demote {escape(done.role)}[/]")


def _plain(one: Any) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(one)
    return told if "position" not in told else {**told, "position": str(one.position)}


def _things(role: str) -> str:
    return "events" if role == "analytics" else "documents"


def _show_parked(found: Any) -> None:
    table = Table("what", "version", "code", "why", box=None, header_style="dim", pad_edge=False)
    for one in found:
        what, which = (
            (str(one.id), f"v{one.version}") if hasattr(one, "id") else (str(one.position), one.type)
        )
        table.add_row(what, which, one.code, escape(one.message))
    if found:
        console.print(table)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="engines", rich_help_panel="Administration")
