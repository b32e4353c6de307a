"""type list · show · diff · check · apply · strict"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import msgspec
import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import differences, moment
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.database import Octavo
from octavo.errors import NotFound
from octavo.operations.indexes import IndexState
from octavo.values.type import DocumentType, imported

group = typer.Typer(
    help="Document types: what bodies look like, what of them is indexed.", no_args_is_help=True
)

Models = Annotated[
    str, typer.Option("--types", metavar="MODULE:CLASS,…", help="Models; default: the setting types.")
]
_COLOURS = {"ready": "green", "failed": "red", "dropped": "dim"}


@group.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List registered types with their indexes and how far these are built.

    Example: [dim]octavo type list[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return await db.types.list(), await db.types.indexes()

    found, states = run(work)
    if as_json:
        print_json([{**one.as_dict(), "states": _of(states, one.declaration.name)} for one in found])
        return
    table = Table("type", "version", "registered", "by", box=None, header_style="dim", pad_edge=False)
    for one in found:
        known = one.declaration
        table.add_row(known.name, str(known.version), moment(one.registered_at), escape(one.registered_by))
    console.print(table)
    _print_states(states)


@group.command()
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The type.")],
    as_json: Json = False,
) -> None:
    """Show every version of a type: its JSON Schema and its indexes.

    Example: [dim]octavo type show article --json[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return await db.types.show(name)

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    for one in found:
        known = one.declaration
        console.print(f"[bold]{known.name}[/] version {known.version} [dim]{moment(one.registered_at)}[/]")
        for index in known.indexes:
            console.print(f"  {index}", markup=False)
        console.print_json(data=known.schema)


@group.command()
def diff(context: typer.Context, types: Models = "", as_json: Json = False) -> None:
    """Compare models with what is registered; changes nothing.

    Example: [dim]octavo type diff --types shop.types:Article[/]
    """

    async def work() -> Any:
        async with _unregistered(context) as db:
            return [(model, await db.types.diff(model)) for model in _models(context, types)]

    found = run(work)
    if as_json:
        print_json({model.declaration.name: msgspec.to_builtins(changes) for model, changes in found})
        return
    for model, changes in found:
        console.print(f"[bold]{model.declaration.name}[/] {'' if changes else '[green]as registered[/]'}")
        if changes:
            console.print(differences(changes))


@group.command()
def check(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this type.")] = None,
    types: Models = "",
    limit: Annotated[int, typer.Option(help="Documents looked at, at most.", min=1)] = 1_000_000,
    shown: Annotated[int, typer.Option(help="Misfits told one by one.", min=0)] = 20,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """See which stored documents would not fit the models. Exit 1 if any.

    Example: [dim]octavo type check article --types shop.types:Article[/]
    """
    models = [model for model in _models(context, types) if name in {None, model.declaration.name}]
    if name is not None and not models:
        raise NotFound(f"no model is of the type {name!r}", remedy="pass it: --types module:Class")

    async def work() -> Any:
        async with _unregistered(context) as db:
            return {
                model.declaration.name: await db.types.check(
                    model, organization=organization, most=limit, shown=shown
                )
                for model in models
            }

    checked = run(work)
    if as_json:
        print_json({kind: told.as_dict() for kind, told in checked.items()})
    else:
        for kind, told in checked.items():
            console.print(
                f"[bold]{kind}[/] {told.checked} documents, [{'red' if told.misfits else 'green'}]"
                f"{told.misfits} do not fit[/]{'' if told.complete else ', and there are more documents'}"
            )
            for misfit in told.shown:
                for problem in misfit.problems:
                    line = f"  {misfit.id} {problem['path']}: {problem['problem']}"
                    console.print(line, markup=False, soft_wrap=True)
    if any(told.misfits for told in checked.values()):
        raise typer.Exit(1)


@group.command()
def apply(
    context: typer.Context,
    types: Models = "",
    keep: Annotated[bool, typer.Option("--keep", help="Leave indexes alone that nobody declares.")] = False,
    as_json: Json = False,
) -> None:
    """Register models, build the indexes they declare beside all writers, and drop those nobody declares any more.

    Exit 1 if an index could not be built.

    Example: [dim]octavo type apply --types shop.types:Article,shop.types:Order[/]
    """

    async def work() -> Any:
        async with _unregistered(context) as db:
            await db.types.register(*_models(context, types))
            return await db.types.apply(drop=not keep)

    states = run(work)
    if as_json:
        print_json([state.as_dict() for state in states])
    else:
        _print_states(states)
    if any(state.state == "failed" for state in states):
        raise typer.Exit(1)


@group.command()
def strict(
    context: typer.Context,
    off: Annotated[bool, typer.Option("--off", help="Take documents of any type again.")] = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Let a namespace take documents of registered types only.

    Example: [dim]octavo type strict --namespace billing --org acme[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return await db.types.strict(
                namespace or db.settings.namespace, not off, organization=organization
            )

    namespaces = run(work)
    if as_json:
        print_json(namespaces)
    else:
        console.print(f"strict namespaces: {', '.join(namespaces) or 'none'}")


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="type", rich_help_panel="Administration")


def _unregistered(context: typer.Context) -> Octavo:
    """The database, opened without registering what the setting names: the command itself decides about that."""
    return Octavo(msgspec.structs.replace(of(context).settings, types=""), background=False)


def _models(context: typer.Context, given: str) -> Sequence[type[DocumentType]]:
    models = imported(given or of(context).settings.types)
    if not models:
        raise NotFound("no document types are given", remedy="pass --types module:Class, or set OCTAVO_TYPES")
    return models


def _of(states: Sequence[IndexState], kind: str) -> list[dict[str, Any]]:
    return [state.as_dict() for state in states if state.type == kind]


def _print_states(states: Sequence[IndexState]) -> None:
    for state in states:
        colour = _COLOURS.get(state.state, "yellow")
        share = "" if state.progress is None else f" {state.progress:.0%}"
        told = f"{state.type} {state.index}" if state.index else state.name
        console.print(f"[{colour}]{state.state}{share}[/] {escape(told)} [red]{escape(state.problem)}[/]")
        for ids in state.documents:
            console.print(f"  {' '.join(ids)}", markup=False, soft_wrap=True)
