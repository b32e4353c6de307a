"""template list · show · put · tag · render"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, Organization, console, errors, of, print_json, run
from octavo.components.template import Filled
from octavo.errors import InvalidInput
from octavo.values.document import Document
from octavo.values.json import parse_text
from octavo.values.template import parse_template

group = typer.Typer(
    help="Templates: reusable structures of texts, with versions and tags.", no_args_is_help=True
)

Reference = Annotated[
    str, typer.Argument(metavar="TEMPLATE", help="NAME, NAME@TAG or NAME@VERSION, as article@production.")
]


@group.command("list")
def list_(context: typer.Context, as_json: Json = False, organization: Organization = None) -> None:
    """List the templates at their newest versions.

    Example: [dim]octavo template list[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.templates.list()

    found: list[Document] = run(work)
    if as_json:
        print_json([document.as_dict() for document in found])
        return
    table = Table("template", "version", "sections", "updated", box=None, header_style="dim", pad_edge=False)
    for document in found:
        sections = ", ".join(section.id for section in parse_template(document.body).structure.sections)
        table.add_row(
            escape(document.name or ""), f"v{document.version}", escape(sections), moment(document.updated_at)
        )
    console.print(table)


@group.command()
def show(
    context: typer.Context, template: Reference, as_json: Json = False, organization: Organization = None
) -> None:
    """Show a template: its sections, and how long each shall be.

    Example: [dim]octavo template show article@production[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.templates.get(template)

    document: Document = run(work)
    if as_json:
        print_json(document.as_dict())
        return
    definition = parse_template(document.body)
    console.print(
        f"[bold]{escape(document.name or '')}[/] v{document.version} [dim]{escape(definition.description)}[/]"
    )
    table = Table("section", "heading", "words", "made of", box=None, header_style="dim", pad_edge=False)
    for section in definition.structure.sections:
        pattern = section.section_template
        wanted = section.word_range or (pattern.word_range if pattern else None)
        shown = (
            section.text or section.instructions or (pattern.text or pattern.instructions if pattern else "")
        )
        table.add_row(
            escape(section.id),
            escape(section.name),
            f"{wanted[0]}–{wanted[1]}" if wanted else "",
            escape(" ".join(shown.split())[:80]),
        )
    console.print(table)


@group.command()
def put(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The template.")],
    file: Annotated[
        str, typer.Argument(metavar="FILE|-", help="File with its JSON; - reads standard input.")
    ],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Create a template, or make its next version.

    Example: [dim]octavo template put article article.json[/]
    """
    definition = parse_text(_read(file), what="template")

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.templates.put(name, definition)

    document: Document = run(work)
    if as_json:
        print_json(document.as_dict())
    else:
        console.print(f"{escape(name)} v{document.version}{'' if document.changed else ' [dim]unchanged[/]'}")


@group.command()
def tag(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The template.")],
    tag: Annotated[str, typer.Argument(metavar="TAG", help="As production, or 1.3.0.")],
    version: Annotated[int | None, typer.Option(help="The version; default: the newest.", min=1)] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Point a tag to a version of a template.

    Example: [dim]octavo template tag article production --version 1[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.templates.tag(name, tag, version=version)

    moved = run(work)
    if as_json:
        print_json(
            {"template": name, "tag": moved.name, "version": moved.version, "previous": moved.previous}
        )
    else:
        console.print(f"{escape(name)}@{escape(moved.name)} is v{moved.version}")


@group.command()
def render(
    context: typer.Context,
    template: Reference,
    data: Annotated[
        str, typer.Option(metavar="JSON|FILE|-", help="The variables: an object, or a file of one.")
    ] = "{}",
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Fill a template and print it as Markdown; nothing is stored.

    Example: [dim]octavo template render article --data '{"title": "Refunds"}'[/]
    """
    variables = parse_text(data if data.lstrip().startswith("{") else _read(data), what="data")
    if not isinstance(variables, dict):
        raise InvalidInput("the variables are no object", remedy='write them as {"title": "Refunds"}')

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.templates.render(template, variables)

    made: Filled = run(work)
    if as_json:
        print_json(made.model_dump())
        return
    typer.echo(made.text)
    for told in made.warnings:
        errors.print(f"[yellow]{escape(told)}[/]")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="template", rich_help_panel="Pipelines")


def _read(source: str) -> str:
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{source} cannot be read: {error}", remedy="give a file of JSON") from error
