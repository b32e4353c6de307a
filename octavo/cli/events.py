"""events · trace · stream append · show · retain · retentions · drop-snapshots"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.markup import escape

from octavo.cli.render import moment
from octavo.cli.session import (
    Json,
    Namespace,
    Organization,
    console,
    of,
    print_json,
    print_line,
    run,
)
from octavo.errors import InvalidInput
from octavo.store.retention import Retention
from octavo.values import position
from octavo.values.event import Event
from octavo.values.json import parse_text
from octavo.values.trace import Trace

streams = typer.Typer(help="Streams of your own: events of one thing, in order.", no_args_is_help=True)


def events(
    context: typer.Context,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what happens; Ctrl-C ends it.")
    ] = False,
    after: Annotated[
        str | None, typer.Option(metavar="POSITION", help="Only what is behind this position.")
    ] = None,
    type: Annotated[list[str] | None, typer.Option("--type", help="Only these types, as tag.moved.")] = None,
    document: Annotated[str | None, typer.Option(metavar="ID", help="Only this document's.")] = None,
    limit: Annotated[int | None, typer.Option(help="Events at most.", min=1)] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Show what happened, in commit order; with --json a CloudEvent a line.

    Example: [dim]octavo events --follow --type document.created[/]
    """
    begin = position.parse(after) if after else position.START

    async def work() -> None:
        async with of(context).workspace(organization, namespace) as (_, view):
            shown = 0
            async for event in view.events.read(after=begin, types=type, document=document, follow=follow):
                print_line(event.as_cloudevent()) if as_json else _show(event)
                shown += 1
                if shown == limit:
                    return

    try:
        run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(0) from None


def trace(
    context: typer.Context,
    correlation: Annotated[str, typer.Argument(metavar="ID", help="A correlation id.")],
    limit: Annotated[int, typer.Option(help="Events at most.", min=1)] = 1_000,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show everything that belongs to one correlation id, each event below the one that caused it.

    Example: [dim]octavo trace order-7:1[/]
    """

    async def work() -> Trace:
        async with of(context).workspace(organization) as (_, view):
            return await view.events.trace(correlation, limit=limit)

    found = run(work)
    if as_json:
        print_json([traced.as_dict() for traced in found.tree()])
        return
    for traced in found.tree():
        _show(traced.event, "  " * traced.depth)


@streams.command()
def append(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="STREAM", help="A stream of your own.")],
    events: Annotated[
        list[str], typer.Argument(metavar="TYPE DATA …", help="Types with their data, as JSON objects.")
    ],
    expect: Annotated[
        int | None, typer.Option(help="Sequence of the stream's last event, 0: a new stream.", min=0)
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", metavar="KEY", help="Idempotency key: sent twice, there once.")
    ] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Append events to a stream, all of them or none.

    Example: [dim]octavo stream append order-7 order.placed '{"total": 5}' order.paid '{}'[/]
    """
    if len(events) % 2:
        raise InvalidInput(f"{events[-1]!r} has no data", remedy="give each type its data, {} for none")
    given = [
        {"type": type, "data": parse_text(data, what="data")}
        for type, data in zip(events[::2], events[1::2], strict=True)
    ]

    async def work() -> list[Event]:
        async with of(context).workspace(organization) as (_, view):
            return await view.events.append_many(name, given, expect=expect, idempotency_key=key)

    _tell(run(work), as_json)


@streams.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="STREAM", help="Its name; document-ID for a document's.")],
    after: Annotated[int, typer.Option(metavar="SEQUENCE", help="Only what is behind it.", min=0)] = 0,
    limit: Annotated[int, typer.Option(help="Events at most.", min=1)] = 100,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show the events of one stream in order.

    Example: [dim]octavo stream show order-7[/]
    """

    async def work() -> list[Event]:
        async with of(context).workspace(organization) as (_, view):
            return await view.events.stream(name, after=after, limit=limit)

    _tell(run(work), as_json)


@streams.command()
def retain(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(metavar="PREFIX", help="Of the streams' names, as ops-.")],
    days: Annotated[
        float | None, typer.Option(help="How long their events are kept; without, for good again.")
    ] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Keep events of streams with a prefix for so many days; never those of documents.

    Example: [dim]octavo stream retain ops- --days 7[/]
    """

    async def work() -> Retention | None:
        async with of(context).workspace(organization) as (_, view):
            return await view.events.retain(prefix, days=days)

    kept = run(work)
    if as_json:
        print_json(kept)
    elif kept is None:
        console.print(f"events of [cyan]{escape(prefix)}[/] streams are kept for good")
    else:
        console.print(f"events of [cyan]{escape(prefix)}[/] streams are kept for {kept.days:g} days")


@streams.command()
def retentions(context: typer.Context, as_json: Json = False, organization: Organization = None) -> None:
    """List what is kept how long.

    Example: [dim]octavo stream retentions[/]
    """

    async def work() -> list[Retention]:
        async with of(context).workspace(organization) as (_, view):
            return await view.events.retentions()

    found = run(work)
    if as_json:
        print_json(found)
        return
    for one in found:
        console.print(
            f"[cyan]{escape(one.prefix)}[/] {one.days:g} days [dim]{moment(one.set_at)} {escape(str(one.set_by))}[/]"
        )


@streams.command("drop-snapshots")
def drop_snapshots(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="STREAM", help="Only those of this stream.")] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Drop snapshots of aggregates; nothing is lost, since they are made of the events again.

    Example: [dim]octavo stream drop-snapshots account-7[/]
    """

    async def work() -> int:
        async with of(context).workspace(organization) as (_, view):
            return await view.events.drop_snapshots(name)

    dropped = run(work)
    print_json({"dropped": dropped}) if as_json else console.print(f"{dropped} dropped")


def _tell(events: list[Event], as_json: bool) -> None:
    for event in events:
        print_line(event.as_cloudevent()) if as_json else _show(event)


def _show(event: Event, indent: str = "") -> None:
    data: dict[str, Any] = {
        key: value for key, value in event.data.items() if key not in {"hash", "previousHash"}
    }
    told = " ".join(f"[dim]{escape(key)}[/]={escape(_short(value))}" for key, value in data.items())
    console.print(
        f"{indent}[dim]{event.position}[/] {moment(event.recorded_at)} [bold]{event.type}[/] "
        f"[cyan]{event.stream}[/] [dim]#{event.sequence}[/] {told} [dim]{escape(str(event.actor))}[/]",
        soft_wrap=True,
    )


def _short(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Documents")(events)
    app.command(rich_help_panel="Documents")(trace)
    app.add_typer(streams, name="stream", rich_help_panel="Documents")
