"""component list · show · put · tag · delete"""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.pipeline import read_source
from octavo.cli.render import moment
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.values.configured import Configured, parse_configured
from octavo.values.document import Document
from octavo.values.json import parse_text

group = typer.Typer(
    help="Components with a configuration, under names of their own, with versions and tags.",
    no_args_is_help=True,
)

Reference = Annotated[
    str, typer.Argument(metavar="COMPONENT", help="NAME, NAME@TAG or NAME@VERSION, as writer@production.")
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The component.")]


@group.command("list")
def list_(context: typer.Context, as_json: Json = False, organization: Organization = None) -> None:
    """List the components that were put, at their newest versions; `octavo pipeline components` lists those in code.

    Example: [dim]octavo component list[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.components.list()

    found: list[Document] = run(work)
    if as_json:
        print_json([document.as_dict() for document in found])
        return
    table = Table(
        "component", "version", "of", "active", "updated", box=None, header_style="dim", pad_edge=False
    )
    for document in found:
        configured = parse_configured(document.body)
        table.add_row(
            escape(document.name or ""),
            f"v{document.version}",
            f"{configured.component} {configured.version or ''}",
            "yes" if configured.is_active else "[yellow]no[/]",
            moment(document.updated_at),
        )
    console.print(table)


@group.command()
def show(
    context: typer.Context, component: Reference, as_json: Json = False, organization: Organization = None
) -> None:
    """Show a component: what it is of, its configuration, and the pipelines that use it.

    Example: [dim]octavo component show writer@production[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.components.get(component), await view.components.used_by(component)

    document, using = run(work)
    names = [one.name for one in using]
    if as_json:
        print_json({**document.as_dict(), "used_by": names})
        return
    configured = parse_configured(document.body)
    console.print(
        f"[bold]{escape(document.name or '')}[/] v{document.version} [dim]{escape(configured.description)}[/]"
    )
    for name, value in _fields(configured).items():
        console.print(f"[dim]{name:14}[/] {escape(value)}")
    console.print(f"[dim]{'used by':14}[/] {escape(', '.join(filter(None, names)) or '–')}")


@group.command()
def put(
    context: typer.Context,
    name: Name,
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="File with its JSON; - reads standard input.")
    ],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Create a component, or make its next version; pipelines that were put keep what they have.

    Example: [dim]echo '{"component": "count", "config": {"field": "text"}}' | octavo component put texts -[/]
    """
    definition = parse_text(read_source(file), what="component")

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.components.put(name, definition)

    document: Document = run(work)
    if as_json:
        print_json(document.as_dict())
    else:
        console.print(f"{escape(name)} v{document.version}{'' if document.changed else ' [dim]unchanged[/]'}")


@group.command()
def tag(
    context: typer.Context,
    name: Name,
    tag: Annotated[str, typer.Argument(metavar="TAG", help="As production.")],
    version: Annotated[int | None, typer.Option(help="The version; default: the newest.", min=1)] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Point a tag to a version of a component: what pipelines take from it when they are put.

    Example: [dim]octavo component tag writer production --version 1[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.components.tag(name, tag, version=version)

    moved = run(work)
    if as_json:
        print_json(
            {"component": name, "tag": moved.name, "version": moved.version, "previous": moved.previous}
        )
    else:
        console.print(f"{escape(name)}@{escape(moved.name)} is v{moved.version}")


@group.command()
def delete(
    context: typer.Context, name: Name, as_json: Json = False, organization: Organization = None
) -> None:
    """Delete a component; one that a pipeline uses is kept.

    Example: [dim]octavo component delete writer[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.components.delete(name)

    document: Document = run(work)
    if as_json:
        print_json(document.as_dict())
    else:
        console.print(f"{escape(name)} is deleted")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="component", rich_help_panel="Pipelines")


def _fields(configured: Configured) -> dict[str, str]:
    price = configured.price
    told = {
        "component": f"{configured.component} {configured.version or ''}",
        "configuration": json.dumps(configured.config) if configured.config else "",
        "reads": configured.input_format or "",
        "gives": configured.output_format or "",
        "price": ""
        if price is None
        else f"${price.per_1k_in} / ${price.per_1k_out} a thousand tokens in / out",
        "active": "" if configured.is_active else "no",
    }
    return {name: value for name, value in told.items() if value}
