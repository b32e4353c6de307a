"""model register · list · show · stage · promote · rollback · withdraw · deprecate · compare · artifact · check"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from octavo.cli import model_tables, train
from octavo.cli.documents import json_object
from octavo.cli.render import bytes_of
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.errors import InvalidInput
from octavo.values.comparison import Comparison
from octavo.values.model import PRODUCTION, STAGES, Health, ModelVersion
from octavo.values.result import RESULT_TYPES

group = typer.Typer(help="Models: versions, stages, artifacts, and where they serve.", no_args_is_help=True)
train.register(group)

Name = Annotated[str, typer.Argument(metavar="MODEL", help="Name of the model.")]
Reference = Annotated[
    str,
    typer.Argument(
        metavar="MODEL", help="NAME (the newest), NAME@VERSION or NAME@ENVIRONMENT, as topic@production."
    ),
]
Version = Annotated[int, typer.Argument(metavar="VERSION", help="Its version.", min=1)]
Environment = Annotated[
    str, typer.Option("--environment", "-e", metavar="NAME", help="production, staging, or any word.")
]


@group.command("register")
def register_model(
    context: typer.Context,
    name: Name,
    type: Annotated[str, typer.Option(help=f"What it is for: {', '.join(RESULT_TYPES)}.")],
    artifacts: Annotated[
        list[str] | None,
        typer.Option("--artifact", metavar="NAME=FILE", help="A file of it; may be repeated."),
    ] = None,
    card: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="More about it: algorithm, description, parameters, training_data, performance, deployment …",
        ),
    ] = None,
    stage: Annotated[str, typer.Option(help="validation, or training.")] = "validation",
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Make a model, or its next version.

    Example: [dim]octavo model register topic --type classification --artifact weights=topic.safetensors[/]
    """
    files = dict(_named(one) for one in artifacts or ())
    fields = {} if card is None else json_object(card, "card")
    if unknown := {"type", "artifacts", "stage", "name"} & fields.keys():
        raise InvalidInput(
            f"the card has {min(unknown)!r}, which is an option of its own", remedy=f"give --{min(unknown)}"
        )

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            known: Any = (type, stage)
            return await view.models.register(
                name, type=known[0], stage=known[1], artifacts=files, **_fields(fields)
            )

    _tell(run(work), as_json)


@group.command("list")
def list_(
    context: typer.Context,
    type: Annotated[str | None, typer.Option(help=f"Only of one: {', '.join(RESULT_TYPES)}.")] = None,
    stage: Annotated[str | None, typer.Option(help=f"Only of one: {', '.join(STAGES)}.")] = None,
    name: Annotated[str | None, typer.Option(metavar="MODEL", help="Only of this model.")] = None,
    versions: Annotated[
        bool, typer.Option("--versions", help="All versions, not only the newest of each.")
    ] = False,
    limit: Annotated[int, typer.Option(help="Versions at most.", min=1)] = 100,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List the models: of each the newest version that is asked for.

    Example: [dim]octavo model list --stage deployed[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            wanted: Any = {"type": type, "stage": stage}
            return await view.models.list(name=name, versions=versions, limit=limit, **wanted)

    found: list[ModelVersion] = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print(model_tables.models(found))


@group.command()
def show(
    context: typer.Context,
    model: Reference,
    history: Annotated[
        bool, typer.Option("--history", help="Also which version served where, when.")
    ] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show one version: what it is, how good, its files, and where it serves.

    Example: [dim]octavo model show topic@production --history[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            found = await view.models.get(model)
            return found, await view.models.history(found.name) if history else []

    found, moves = run(work)
    if as_json:
        print_json(
            {**found.as_dict(), **({"history": [move.as_dict() for move in moves]} if history else {})}
        )
    else:
        console.print(model_tables.shown(found, moves))


@group.command()
def stage(
    context: typer.Context,
    name: Name,
    version: Version,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="validation, deprecated or failed.")],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Move a version to another stage; `promote` deploys it.

    Example: [dim]octavo model stage topic 3 failed[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            wanted: Any = stage
            return await view.models.stage(name, version, wanted)

    _tell(run(work), as_json)


@group.command()
def promote(
    context: typer.Context,
    name: Name,
    version: Annotated[
        int | None, typer.Argument(metavar="[VERSION]", help="The version; default: the newest.", min=1)
    ] = None,
    environment: Environment = PRODUCTION,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Let a version serve, in the place of the one that does: steps that name the model use it from now on.

    Example: [dim]octavo model promote topic 3 --environment production[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.models.promote(name, version, environment=environment)

    _tell(run(work), as_json)


@group.command()
def rollback(
    context: typer.Context,
    name: Name,
    environment: Environment = PRODUCTION,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Let the version serve again that served before.

    Example: [dim]octavo model rollback topic[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.models.rollback(name, environment=environment)

    _tell(run(work), as_json)


@group.command()
def withdraw(
    context: typer.Context,
    name: Name,
    environment: Environment = PRODUCTION,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Let no version of a model serve in an environment.

    Example: [dim]octavo model withdraw topic --environment staging[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.models.withdraw(name, environment=environment)

    _tell(run(work), as_json)


@group.command()
def deprecate(
    context: typer.Context,
    name: Name,
    version: Version,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Say that a version shall not be used any more; one that serves has to be replaced first.

    Example: [dim]octavo model deprecate topic 1[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.models.deprecate(name, version)

    _tell(run(work), as_json)


@group.command()
def compare(
    context: typer.Context,
    name: Name,
    before: Annotated[int, typer.Argument(metavar="BEFORE", help="The one version.", min=1)],
    after: Annotated[int, typer.Argument(metavar="AFTER", help="The other.", min=1)],
    truth: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Field of the documents with the right answer.")
    ] = None,
    changed: Annotated[int, typer.Option(help="Documents told on which they differ.", min=0)] = 20,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Compare two versions by the results they left on the same documents.

    Example: [dim]octavo model compare topic 2 3 --truth review.topic[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.models.compare(name, before, after, truth=truth, changed=changed)

    found: Comparison = run(work)
    if as_json:
        print_json(found.as_dict())
    else:
        console.print(model_tables.compared(found))


@group.command()
def artifact(
    context: typer.Context,
    model: Reference,
    artifact: Annotated[str, typer.Argument(metavar="ARTIFACT", help="Its name, as weights.")],
    to: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where it is written to; not over another file.")
    ],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Write an artifact to a file, after its bytes were compared with their digest.

    Example: [dim]octavo model artifact topic@production weights ./topic.safetensors[/]
    """

    async def work() -> bytes:
        async with of(context).workspace(organization) as (_, view):
            return await view.models.artifact(model, artifact)

    data = run(work)
    try:
        with to.open("xb") as file:
            file.write(data)
    except OSError as error:
        raise InvalidInput(f"{to} cannot be written: {error.strerror}", remedy="name a new file") from error
    if as_json:
        print_json({"model": model, "artifact": artifact, "file": str(to), "bytes": len(data)})
    else:
        console.print(f"{escape(str(to))} [dim]{bytes_of(len(data))}[/]")


@group.command()
def check(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(metavar="[MODEL]", help="Only this model.")] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Ask the health of the models that serve and have a URL for it; exit code 1 when one is not well.

    Example: [dim]octavo model check[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.models.check(name)

    found: list[Health] = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print(model_tables.checked(found))
    if not all(one.is_healthy for one in found):
        raise typer.Exit(1)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="model", rich_help_panel="Pipelines")


def _named(text: str) -> tuple[str, str]:
    name, separator, path = text.partition("=")
    if not separator:
        raise InvalidInput(
            f"{text[:200]!r} names no artifact", remedy="write NAME=FILE, as weights=model.bin", usage=True
        )
    return name, path


def _fields(card: dict[str, Any]) -> dict[str, Any]:
    known = {
        "framework",
        "algorithm",
        "display_name",
        "description",
        "parameters",
        "training_data",
        "performance",
        "deployment",
        "preprocessing_config",
        "metadata",
    }
    if unknown := card.keys() - known:
        raise InvalidInput(
            f"the card has no field {min(unknown)!r}", remedy=f"its fields are {', '.join(sorted(known))}"
        )
    return card


def _tell(model: ModelVersion, as_json: bool) -> None:
    if as_json:
        print_json(model.as_dict())
        return
    where = f" in {', '.join(model.environments)}" if model.environments else ""
    same = "" if model.changed else " [dim]unchanged[/]"
    console.print(
        f"[bold]{escape(model.name)}[/] v{model.version} {model_tables.stage_of(model)}{where}{same}"
    )
