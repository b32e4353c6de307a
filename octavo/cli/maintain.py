"""maintain"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from octavo.cli.session import Json, console, of, print_json, run
from octavo.operations import maintenance


def maintain(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, tell what would be.")] = False,
    as_json: Json = False,
) -> None:
    """Sweep what crashes and purges left behind, and make the log's next partitions; bounded, safe beside writers.

    Example: [dim]octavo maintain --dry-run[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return await maintenance.maintain(db.record.system, db.blobs, dry_run=dry_run)

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
