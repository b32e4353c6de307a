"""maintain · expire · hold · audit-reads"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.errors import InvalidInput
from octavo.operations.task import Done


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
    console.print(_table(done, "would change" if dry_run else "changed"))


def _table(done: Sequence[Done], changed: str) -> Table:
    table = Table("task", "looked at", changed, "", box=None, header_style="dim", pad_edge=False)
    for one in done:
        left = one.waits or ("more to do" if one.after else "")
        table.add_row(f"[bold]{one.task}[/]", str(one.examined), str(one.changed), f"[dim]{escape(left)}[/]")
    return table


def expire(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="A document.")],
    ttl: Annotated[
        float | None, typer.Option("--ttl", metavar="SECONDS", help="Delete it, softly, after so long.")
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="MOMENT", help="Delete it then, as 2027-01-31T12:00:00Z.")
    ] = None,
    never: Annotated[bool, typer.Option("--never", help="Keep it for good again.")] = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Show when a document expires, or set it.

    Example: [dim]octavo expire 0198… --ttl 3600[/]
    """

    async def work() -> datetime | None:
        async with of(context).workspace(organization, namespace) as (_, view):
            if never or ttl is not None or at is not None:
                await view.documents.set_expiry(id, None if at is None else _moment(at), ttl_seconds=ttl)
            return await view.documents.expiry(id)

    if never and (ttl is not None or at is not None):
        raise InvalidInput("--never excludes --ttl and --at", remedy="give one of them")
    expires_at = run(work)
    if as_json:
        print_json({"id": id, "expires_at": expires_at})
    else:
        told = "does not expire" if expires_at is None else f"expires {moment(expires_at)}"
        console.print(f"{escape(id)} {told}")


def hold(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="An organization.")],
    lift: Annotated[bool, typer.Option("--lift", help="Lift the hold.")] = False,
    as_json: Json = False,
) -> None:
    """Put an organization under legal hold: nothing of it is deleted by itself any more.

    Example: [dim]octavo hold acme[/]
    """

    async def work() -> None:
        async with of(context).open() as db:
            await db.organizations.hold(name, not lift)

    run(work)
    if as_json:
        print_json({"organization": name, "held": not lift})
    else:
        console.print(f"{escape(name)} is {'free again' if lift else 'under legal hold'}")


def audit_reads(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="An organization.")],
    fraction: Annotated[float, typer.Option(help="Which part of all reads; 0: none.", min=0, max=1)] = 1.0,
    as_json: Json = False,
) -> None:
    """Record what an organization's documents are read by: events document.accessed, in streams access-DATE.

    Example: [dim]octavo audit-reads acme --fraction 0.1[/]
    """

    async def work() -> None:
        async with of(context).open() as db:
            await db.organizations.audit_reads(name, fraction)

    run(work)
    if as_json:
        print_json({"organization": name, "fraction": fraction})
    else:
        console.print(f"{fraction:.0%} of the reads of {escape(name)} are recorded")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(rich_help_panel="Administration")(maintain)
    app.command(rich_help_panel="Documents")(expire)
    app.command(rich_help_panel="Administration")(hold)
    app.command("audit-reads", rich_help_panel="Administration")(audit_reads)


def _moment(text: str) -> datetime:
    try:
        given = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a moment", remedy="write it as 2027-01-31T12:00:00Z") from error
    return given if given.tzinfo else given.replace(tzinfo=UTC)
