"""label · unlabel · labels · define-label · rename-label · delete-label"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.values.label import AssignedLabel, Label

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the document.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the label; case does not matter.")]
Confidence = Annotated[
    float | None, typer.Option(help="How sure a model is, 0 to 1; leave it out for your own choice.")
]


def label(
    context: typer.Context,
    id: Id,
    name: Name,
    confidence: Confidence = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Put a label on a document; a label that is new is made.

    Example: [dim]octavo label 01932f… legal --confidence 0.93[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.label(id, name, confidence=confidence)

    assigned = run(work)
    if as_json:
        print_json(assigned.as_dict())
    else:
        console.print(
            f"{swatch(assigned.colour)} {escape(assigned.name)} [dim]{_sure(assigned.confidence)}[/]"
        )


def unlabel(
    context: typer.Context,
    id: Id,
    name: Name,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Take a label from a document.

    Example: [dim]octavo unlabel 01932f… legal[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.unlabel(id, name)

    position = run(work)
    if as_json:
        print_json({"id": id, "label": name, "position": str(position)})
    else:
        console.print(f"{escape(name)} removed")


def labels(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only those of this document.")] = None,
    after: Annotated[str, typer.Option(metavar="NAME", help="Those behind this name.")] = "",
    limit: Annotated[int, typer.Option(help="Labels at most.", min=1)] = 100,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """List the labels of the organization, or of one document.

    Example: [dim]octavo labels 01932f…[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            if id is not None:
                return await view.documents.labels(id)
            return await view.labels.list(after=after, limit=limit)

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print(_known(found) if id is None else _assigned(found))


def define_label(
    context: typer.Context,
    name: Name,
    colour: Annotated[str | None, typer.Option(metavar="#RRGGBB", help="As #aa3300.")] = None,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Make a label, or give one a colour or a description.

    Example: [dim]octavo define-label legal --colour '#aa3300' --description 'Contracts and claims'[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.labels.define(name, colour=colour, description=description)

    made = run(work)
    if as_json:
        print_json(made.as_dict())
    else:
        console.print(f"{swatch(made.colour)} {escape(made.name)} [dim]{escape(made.description or '')}[/]")


def rename_label(
    context: typer.Context,
    name: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Give a label another name; documents keep it.

    Example: [dim]octavo rename-label legal law[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.labels.rename(name, new)

    renamed = run(work)
    if as_json:
        print_json(renamed.as_dict())
    else:
        console.print(f"{swatch(renamed.colour)} {escape(renamed.name)}")


def delete_label(
    context: typer.Context,
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Delete a label, and take it from all documents that have it.

    Example: [dim]octavo delete-label legal --dry-run[/]
    """
    if not yes and not dry_run:
        typer.confirm(f"Delete the label {name} and take it from all documents?", abort=True)

    async def work() -> int:
        async with of(context).workspace(organization) as (_, view):
            return await view.labels.delete(name, dry_run=dry_run)

    documents = run(work)
    if as_json:
        print_json({"label": name, "documents": documents, "dry_run": dry_run})
    else:
        done = "would be taken" if dry_run else "taken"
        console.print(f"{escape(name)} {done} from {documents} documents")


def swatch(colour: str | None) -> str:
    """A colour as a terminal shows it; a label without one is hollow."""
    return f"[{colour}]●[/]" if colour else "[dim]○[/]"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (label, unlabel, labels, define_label, rename_label, delete_label):
        app.command(rich_help_panel="Labels and links")(command)


def _known(found: list[Label]) -> Table:
    table = Table("", "label", "description", "made", "by", box=None, header_style="dim", pad_edge=False)
    for one in found:
        by = escape(str(one.created_by))
        description = escape(one.description or "")
        table.add_row(swatch(one.colour), escape(one.name), description, moment(one.created_at), by)
    return table


def _assigned(found: list[AssignedLabel]) -> Table:
    table = Table("", "label", "confidence", "assigned", "by", box=None, header_style="dim", pad_edge=False)
    for one in found:
        by = escape(str(one.assigned_by))
        sure = _sure(one.confidence)
        table.add_row(swatch(one.colour), escape(one.name), sure, moment(one.assigned_at), by)
    return table


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"
