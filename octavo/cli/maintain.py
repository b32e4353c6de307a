"""maintain"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from octavo.cli.session import Json, console, of, print_json, run


def maintain(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, tell what would be.")] = False,
    as_json: Json = False,
) -> None:
    """Do every task of maintenance now: expired documents, old events, orphans, the log's next partitions.

    Whatever process has the database open does them by itself when they are due; `octavo status` shows the last runs.
    Bounded, and safe beside writers.

    Example: [dim]octavo maintain --dry-run[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return await db.maintain(dry_run=dry_run)

    done = run(work)
    if as_json:
        print_json([one.as_dict() for one in done])
        return
    for one in done:
        told = " ".join(f"[dim]{name}[/] {value}" for name, value in one.as_dict().items() if name != "task")
        console.print(f"[bold]{one.task}[/] {told}")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Administration")(maintain)
