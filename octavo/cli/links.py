"""link · unlink · links · neighbours · define-link · link-types · delete-link-type"""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.errors import InvalidInput
from octavo.values.json import parse_text
from octavo.values.link import Link, LinkType, Neighbour, direction_of

Source = Annotated[str, typer.Argument(metavar="FROM", help="Id of the document it begins at.")]
Type = Annotated[str, typer.Argument(metavar="TYPE", help="What kind of link it is, as references.")]
Target = Annotated[str, typer.Argument(metavar="TO", help="Id of the document it leads to.")]
Direction = Annotated[str, typer.Option(help="out, in or both.")]


def link(
    context: typer.Context,
    source: Source,
    type: Type,
    target: Target,
    confidence: Annotated[float | None, typer.Option(help="How sure a model is, 0 to 1.")] = None,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="Free attributes.")] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Link a document to another one; the same again changes confidence and metadata.

    Example: [dim]octavo link 01932f… references 01932e… --confidence 0.8[/]
    """
    attributes = _object(metadata) if metadata else None

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.link(source, type, target, confidence=confidence, metadata=attributes)

    made = run(work)
    if as_json:
        print_json(made.as_dict())
    else:
        console.print(
            f"{made.source} [green]{_arrow(made)}[/] {made.target} [dim]{_sure(made.confidence)}[/]"
        )


def unlink(
    context: typer.Context,
    source: Source,
    type: Type,
    target: Target,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Take a link away.

    Example: [dim]octavo unlink 01932f… references 01932e…[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.unlink(source, type, target)

    position = run(work)
    if as_json:
        print_json({"source": source, "type": type, "target": target, "position": str(position)})
    else:
        console.print(f"{escape(type)} removed")


def links(
    context: typer.Context,
    id: Annotated[str | None, typer.Argument(metavar="[ID]", help="Only those of this document.")] = None,
    type: Annotated[str | None, typer.Option(help="Only this type; without an id it must be given.")] = None,
    direction: Direction = "both",
    limit: Annotated[int, typer.Option(help="Links at most.", min=1)] = 50,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """List the links of a document, or of a type.

    Example: [dim]octavo links 01932f… --direction out[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            if id is not None:
                return await view.documents.links(
                    id, type=type, direction=direction_of(direction), limit=limit, cursor=cursor
                )
            return await view.links.list(_given(type), limit=limit, cursor=cursor)

    page = run(work)
    if as_json:
        print_json([one.as_dict() for one in page.links])
        return
    console.print(_links(page.links, id))
    if page.cursor:
        console.print(f"[dim]more: --cursor {page.cursor}[/]", soft_wrap=True)


def neighbours(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the document to begin at.")],
    type: Annotated[list[str] | None, typer.Option(help="Along links of these types only.")] = None,
    direction: Direction = "both",
    depth: Annotated[int, typer.Option(help="How many links away, at most 10.", min=1)] = 1,
    limit: Annotated[int, typer.Option(help="Documents at most.", min=1)] = 50,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """List the documents that links lead to, the nearest first.

    Example: [dim]octavo neighbours 01932f… --type references --depth 2[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.neighbours(
                id, types=type or None, direction=direction_of(direction), depth=depth, limit=limit
            )

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print(_neighbours(found))


def define_link(
    context: typer.Context,
    type: Type,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="Its links have no direction.")] = False,
    description: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Make a type of links.

    Example: [dim]octavo define-link similar --symmetric[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.links.define(type, symmetric=symmetric, description=description)

    made = run(work)
    if as_json:
        print_json(made.as_dict())
    else:
        console.print(
            f"[green]{_sign(made.symmetric)} {made.name}[/] [dim]{escape(made.description or '')}[/]"
        )


def link_types(
    context: typer.Context,
    after: Annotated[str, typer.Option(metavar="TYPE", help="Those behind this one.")] = "",
    limit: Annotated[int, typer.Option(help="Types at most.", min=1)] = 100,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List the types of links.

    Example: [dim]octavo link-types[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.links.types(after=after, limit=limit)

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print(_types(found))


def delete_link_type(
    context: typer.Context, type: Type, as_json: Json = False, organization: Organization = None
) -> None:
    """Delete a type of which there are no links.

    Example: [dim]octavo delete-link-type similar[/]
    """

    async def work() -> None:
        async with of(context).workspace(organization) as (_, view):
            await view.links.delete(type)

    run(work)
    if as_json:
        print_json({"type": type})
    else:
        console.print(f"{escape(type)} deleted")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (link, unlink, links, neighbours, define_link, link_types, delete_link_type):
        app.command(rich_help_panel="Labels and links")(command)


def _links(found: list[Link], id: str | None) -> Table:
    """A link a line; of one document's the other end only. 80 columns hold it."""
    if id is None:
        ends = _table("from", "to", "sure")
        for one in found:
            ends.add_row(str(one.source), str(one.target), _sure(one.confidence))
        return ends
    table = _table("type", "document", "sure", "made")
    for one in found:
        table.add_row(*_from_here(one, id.lower()), _sure(one.confidence), moment(one.created_at))
    return table


def _from_here(one: Link, id: str) -> list[str]:
    if one.symmetric:
        return [f"↔ {one.type}", str(one.target if str(one.source) == id else one.source)]
    return [f"→ {one.type}", str(one.target)] if str(one.source) == id else [f"← {one.type}", str(one.source)]


def _neighbours(found: list[Neighbour]) -> Table:
    table = _table("away", "by", "document", "type", "name")
    for one in found:
        table.add_row(str(one.distance), one.link, str(one.id), one.type, escape(one.name or ""))
    return table


def _types(found: list[LinkType]) -> Table:
    table = _table("", "type", "description", "made", "by")
    for one in found:
        description, by = escape(one.description or ""), escape(str(one.created_by))
        table.add_row(_sign(one.symmetric), one.name, description, moment(one.created_at), by)
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in columns:
        table.add_column(
            column, no_wrap=column in {"from", "to", "document", "type", "made"}, overflow="fold"
        )
    return table


def _arrow(one: Link) -> str:
    return f"{_sign(one.symmetric)} {one.type}"


def _sign(symmetric: bool) -> str:
    return "↔" if symmetric else "→"


def _sure(confidence: float | None) -> str:
    return "" if confidence is None else f"{confidence:.0%}"


def _given(type: str | None) -> str:
    if type is None:
        raise InvalidInput(
            "neither an id nor a type is given", remedy="octavo links ID, or --type TYPE", usage=True
        )
    return type


def _object(text: str) -> dict[str, Any]:
    value = parse_text(text, what="metadata")
    if not isinstance(value, dict):
        raise InvalidInput("the metadata is not a JSON object", remedy='write {"field": …}')
    return value
