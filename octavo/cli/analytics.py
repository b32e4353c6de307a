"""analytics series · live · facts · verify · rebuild · parked · erase"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, cast

import msgspec
import typer
from rich.bar import Bar
from rich.markup import escape
from rich.table import Table

from octavo.analytics import Series
from octavo.cli.render import moment
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.errors import InvalidInput
from octavo.roles.analytics import Every, Fact, Parked

group = typer.Typer(help="What happened, counted by time and group.", no_args_is_help=True)

ROLES = ("analytics",)
BAR_COLUMNS = 30

Types = Annotated[list[str] | None, typer.Option("--type", help="Only these types, as ticket.sold.")]
By = Annotated[
    list[str] | None,
    typer.Option("--by", help="Group by type, kind, document_type, actor … or data.FIELD; several times."),
]
Where = Annotated[
    list[str] | None, typer.Option("--where", metavar="NAME=VALUE", help="Only facts with it; several times.")
]
Since = Annotated[str | None, typer.Option(metavar="MOMENT", help="From then on, as 2026-05-01T00:00:00Z.")]
Until = Annotated[str | None, typer.Option(metavar="MOMENT", help="Before then.")]


@group.command()
def series(
    context: typer.Context,
    every: Annotated[
        str | None, typer.Option(help="Length of a step: minute, hour, day, week, month or year.")
    ] = None,
    measure: Annotated[
        list[str] | None,
        typer.Option(
            "--measure",
            "-m",
            help="count, sum:FIELD, average:, min:, max:, p95:FIELD, unique:actor; several.",
        ),
    ] = None,
    type: Types = None,
    by: By = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Measure what happened, by time and group; times are UTC.

    Example: [dim]octavo analytics series --type ticket.sold --every day --by data.channel -m count -m sum:amount[/]
    """

    async def work() -> Series:
        async with of(context).workspace(organization) as (db, view):
            await db.drain(roles=ROLES)
            return await view.analytics.series(
                type=type,
                every=cast("Every | None", every),  # what it may be says the call
                since=_moment(since),
                until=_moment(until),
                by=by or (),
                measures={one: one for one in measure or ["count"]},
                where=_conditions(where),
            )

    _tell(run(work), as_json)


@group.command()
def live(
    context: typer.Context,
    minutes: Annotated[int, typer.Option(help="So many minutes back.", min=1)] = 60,
    type: Types = None,
    by: By = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show the last minutes, by the minute: facts, and how many different actors and sessions.

    Example: [dim]octavo analytics live --minutes 15[/]
    """

    async def work() -> Series:
        async with of(context).workspace(organization) as (db, view):
            await db.drain(roles=ROLES)
            return await view.analytics.live(minutes=minutes, type=type, by=by or ["type"])

    _tell(run(work), as_json)


@group.command()
def facts(
    context: typer.Context,
    type: Types = None,
    where: Where = None,
    since: Since = None,
    until: Until = None,
    limit: Annotated[int, typer.Option(help="Facts at most.", min=1)] = 20,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List the facts themselves, newest first.

    Example: [dim]octavo analytics facts --type ticket.sold --where data.channel=web[/]
    """

    async def work() -> list[Fact]:
        async with of(context).workspace(organization) as (db, view):
            await db.drain(roles=ROLES)
            page = await view.analytics.facts(
                type=type, since=_moment(since), until=_moment(until), where=_conditions(where), limit=limit
            )
            return page.facts

    found = run(work)
    if as_json:
        print_json([_plain(fact) for fact in found])
        return
    for fact in found:
        told = " ".join(f"[dim]{escape(name)}[/]={escape(text)}" for name, text in fact.texts.items())
        console.print(
            f"{moment(fact.time)} [bold]{fact.type}[/] [cyan]{escape(fact.stream)}[/] {told} "
            f"[dim]{escape(fact.actor)}[/]",
            soft_wrap=True,
        )


@group.command()
def verify(context: typer.Context, as_json: Json = False) -> None:
    """Compare the engine with the log, by organization and day, both ways; exit code 1 when they differ.

    Example: [dim]octavo analytics verify[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            await db.drain(roles=ROLES)
            return await db.facts.verify()

    found = run(work)
    if as_json:
        print_json(found.as_dict())
    else:
        told = "equal" if found.is_equal else f"[red]{found.different} days differ[/]"
        console.print(f"{found.events} events of {found.days} days: {told}, {found.parked} parked")
        for one in found.differences:
            kept = " [dim]kept beyond the log[/]" if one.kept else ""
            console.print(f"  {one.organization} {one.day} log {one.log}, engine {one.engine}{kept}")
    if not found.is_equal:
        raise typer.Exit(1)


@group.command()
def rebuild(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Fold the log anew while the engine serves; see `octavo engines rebuild`.

    Example: [dim]octavo analytics rebuild --yes[/]
    """
    if not yes:
        typer.confirm("Fold the whole log into the analytics engine again?", abort=True)

    async def work() -> Any:
        async with of(context).open() as db:
            await db.facts.rebuild()
            with console.status("filling"):
                await db.drain(timeout_seconds=86_400, roles=ROLES)
            return await db.facts.verify()

    found = run(work)
    print_json(found.as_dict()) if as_json else console.print(f"{found.events} events counted again")


@group.command()
def parked(context: typer.Context, as_json: Json = False) -> None:
    """List events no fact could be made of.

    Example: [dim]octavo analytics parked[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return await db.facts.parked()

    found = run(work)
    if as_json:
        print_json([_plain(one) for one in found])
        return
    for one in found:
        console.print(
            f"{one.position} {one.organization} [bold]{one.type}[/] {one.code}: {escape(one.message)}"
        )


@group.command()
def erase(
    context: typer.Context,
    actor: Annotated[str, typer.Argument(metavar="KIND:ID", help="Whose name goes, as user:ann.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Forget who an actor was: name, sessions and texts go, numbers stay in the sums. The log is not touched.

    Example: [dim]octavo analytics erase user:ann --yes[/]
    """
    if not yes:
        typer.confirm(f"Forget in analytics who {actor} was?", abort=True)

    async def work() -> None:
        async with of(context).workspace(organization) as (db, _):
            await db.drain(roles=ROLES)
            await db.facts.erase(
                (await db.organizations.get(organization or db.settings.organization)).id, actor
            )

    run(work)
    print_json({"erased": actor}) if as_json else console.print(f"{escape(actor)} is forgotten in analytics")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="analytics", rich_help_panel="Events")


def _tell(found: Series, as_json: bool) -> None:
    if as_json:
        print_json(found.as_dict())
        return
    if not found.points:
        console.print("[dim]nothing happened then[/]")
        return
    console.print(_chart(found))
    console.print(f"[dim]{len(found.points)} points from {found.source}[/]")


def _chart(found: Series) -> Table:
    """A row a point, with a bar for the first measure."""
    first = found.points[0]
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("time", *first.group, *first.values, ""):
        table.add_column(escape(column), justify="right" if column in first.values else "left")
    main = next(iter(first.values))
    most = max((float(point.values[main] or 0) for point in found.points), default=0.0)
    for point in found.points:
        table.add_row(
            "all" if point.begins is None else f"{point.begins:%Y-%m-%d %H:%M}",
            *("[dim]–[/]" if value is None else escape(value) for value in point.group.values()),
            *(_number(value) for value in point.values.values()),
            Bar(most or 1.0, 0, max(0.0, float(point.values[main] or 0)), width=BAR_COLUMNS, color="cyan"),
        )
    return table


def _number(value: Any) -> str:
    if value is None:
        return "[dim]–[/]"
    return f"{value:.6g}" if isinstance(value, float) else f"{value:,}"


def _plain(one: Fact | Parked) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(one)
    return {**told, "position": str(one.position)}


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a moment", remedy="write it as 2027-01-31T12:00:00Z") from error
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _conditions(given: list[str] | None) -> dict[str, list[str]]:
    conditions: dict[str, list[str]] = {}
    for one in given or ():
        name, is_pair, value = one.partition("=")
        if not is_pair:
            raise InvalidInput(f"{one!r} is no condition", remedy="write NAME=VALUE, as data.channel=web")
        conditions.setdefault(name, []).append(value)
    return conditions
