"""search"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from octavo.cli.render import marked
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.values.json import parse_text


def search(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help='Words, "a phrase", -without, begin*, one OR other.')],
    limit: Annotated[int, typer.Option(help="Hits at most.", min=1)] = 10,
    type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    where: Annotated[str | None, typer.Option(metavar="JSON", help="Filter, as in find.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    after: Annotated[
        str | None, typer.Option(metavar="POSITION", help="Wait until this write is found.")
    ] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Search the documents' words, best first.

    Example: [dim]octavo search '"refund policy" -draft' --limit 5[/]
    """
    condition = parse_text(where, what="filter") if where else None

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (db, view):
            # What is committed already shall be found, also when no other process follows the log.
            await db.drain()
            return await view.search(
                words, type=type, where=condition, limit=limit, cursor=cursor, after=after
            )

    found = run(work)
    if as_json:
        print_json([hit.as_dict() for hit in found.hits])
        return
    for hit in found.hits:
        show_hit(hit)
    if not found.hits:
        console.print("[dim]nothing found[/]")
    elif found.cursor:
        console.print(f"[dim]more: --cursor {found.cursor}[/]", soft_wrap=True)


def show_hit(hit: Any) -> None:
    """Print one hit: title, highlight, name and id."""
    title = Text(hit.title or hit.name or str(hit.id), style="bold")
    title.append(f"  {hit.type} v{hit.version} · {hit.score:.2f}", style="dim")
    console.print(title)
    console.print(Padding(marked(hit.highlight), (0, 0, 0, 2)))
    console.print(Padding(f"[dim]{escape(hit.name or '')}  {hit.id}[/]", (0, 0, 1, 2)))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Documents")(search)
