"""events"""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import typer
from rich.markup import escape

from octavo.cli.render import moment
from octavo.cli.session import Json, Namespace, Organization, console, of, print_line, run
from octavo.values import position
from octavo.values.event import Event


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
                print_line(event.as_dict()) if as_json else _show(event)
                shown += 1
                if shown == limit:
                    return

    try:
        run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(0) from None


def _show(event: Event) -> None:
    data: dict[str, Any] = {
        key: value for key, value in event.data.items() if key not in {"hash", "previousHash"}
    }
    told = " ".join(f"[dim]{escape(key)}[/]={escape(_short(value))}" for key, value in data.items())
    console.print(
        f"[dim]{event.position}[/] {moment(event.recorded_at)} [bold]{event.type}[/] "
        f"[cyan]{event.stream}[/] [dim]#{event.sequence}[/] {told} [dim]{escape(str(event.actor))}[/]",
        soft_wrap=True,
    )


def _short(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Documents")(events)
