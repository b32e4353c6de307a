"""pipeline list · show · put · tag · components · default · stats"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.cli.waterfall import money, seconds
from octavo.errors import InvalidInput, NotFound
from octavo.values.component import Component
from octavo.values.document import Document
from octavo.values.json import parse_text
from octavo.values.pipeline import Step, parse_pipeline
from octavo.values.run import PipelineStats
from octavo.values.statistics import StepStats

group = typer.Typer(help="Pipelines: components in an order, with versions and tags.", no_args_is_help=True)

Reference = Annotated[
    str, typer.Argument(metavar="PIPELINE", help="NAME, NAME@TAG or NAME@VERSION, as summarize@production.")
]
_NOTHING = {"0", "–"}


@group.command("list")
def list_(context: typer.Context, as_json: Json = False, organization: Organization = None) -> None:
    """List the pipelines at their newest versions.

    Example: [dim]octavo pipeline list[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.pipelines.list()

    found: list[Document] = run(work)
    if as_json:
        print_json([document.as_dict() for document in found])
        return
    table = Table("pipeline", "version", "steps", "updated", box=None, header_style="dim", pad_edge=False)
    for document in found:
        steps = " → ".join(step.title for step in parse_pipeline(document.body).steps)
        table.add_row(
            escape(document.name or ""), f"v{document.version}", escape(steps), moment(document.updated_at)
        )
    console.print(table)


@group.command()
def show(
    context: typer.Context, pipeline: Reference, as_json: Json = False, organization: Organization = None
) -> None:
    """Show a pipeline: its steps, what each waits for, and what becomes of the output.

    Example: [dim]octavo pipeline show summarize@production[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.pipelines.get(pipeline)

    document: Document = run(work)
    if as_json:
        print_json(document.as_dict())
        return
    definition = parse_pipeline(document.body)
    retry = definition.retry
    console.print(
        f"[bold]{escape(document.name or '')}[/] v{document.version} [dim]{escape(definition.description)}[/]"
    )
    console.print(
        f"[dim]{retry.attempts} attempts, {retry.first_seconds:g} to {retry.most_seconds:g} s between them; "
        f"at most {definition.timeout_seconds:g} s an attempt[/]"
    )
    table = Table(
        *("step", "component", "after", "into", "when", "configuration"),
        box=None,
        header_style="dim",
        pad_edge=False,
    )
    before = definition.before()
    for step in definition.steps:
        table.add_row(
            escape(step.title),
            escape(_component(step)),
            escape(", ".join(before[step.title])),
            escape(step.into or ""),
            escape(_when(step)),
            escape(json.dumps(step.config) if step.config else ""),
        )
    console.print(table)
    if not definition.is_active:
        console.print("[yellow]not active[/] [dim]no run of it is started[/]")


@group.command()
def put(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")],
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE|-", help="File with its JSON: steps, or a list of them; - reads standard input."
        ),
    ],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Create a pipeline, or make its next version; runs that were started keep theirs.

    Example: [dim]echo '[{"component": "count", "into": "counts"}]' | octavo pipeline put counted -[/]
    """
    definition = parse_text(read_source(file), what="pipeline")

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.pipelines.put(name, definition)

    document: Document = run(work)
    if as_json:
        print_json(document.as_dict())
    else:
        console.print(f"{escape(name)} v{document.version}{'' if document.changed else ' [dim]unchanged[/]'}")


@group.command()
def tag(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The pipeline.")],
    tag: Annotated[str, typer.Argument(metavar="TAG", help="As production.")],
    version: Annotated[int | None, typer.Option(help="The version; default: the newest.", min=1)] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Point a tag to a version of a pipeline: what runs from now on is that one.

    Example: [dim]octavo pipeline tag counted production --version 1[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.pipelines.tag(name, tag, version=version)

    moved = run(work)
    if as_json:
        print_json(
            {"pipeline": name, "tag": moved.name, "version": moved.version, "previous": moved.previous}
        )
    else:
        console.print(f"{escape(name)}@{escape(moved.name)} is v{moved.version}")


@group.command()
def components(context: typer.Context, as_json: Json = False) -> None:
    """List the components that pipelines may use: those in the box, and those the setting `components` names.

    Example: [dim]octavo pipeline components --json[/]
    """

    async def work() -> Any:
        async with of(context).open() as db:
            return db.pipelines.components()

    found: list[Component] = run(work)
    if as_json:
        print_json([component.as_dict() for component in found])
        return
    table = Table(
        "component", "version", "runs", "what it does", box=None, header_style="dim", pad_edge=False
    )
    for component in found:
        place = "in the worker" if component.place == "here" else f"in a {component.place}"
        table.add_row(component.name, str(component.version), place, escape(component.description))
    console.print(table)


@group.command()
def default(
    context: typer.Context,
    type: Annotated[str, typer.Argument(metavar="TYPE", help="Type of documents, as invoice.")],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Tell which pipeline is the default of a type of documents: the active one whose `default_for` has it.

    Example: [dim]octavo pipeline default invoice[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            found = await view.pipelines.default(type)
            if found is None:
                raise NotFound(
                    f"{type!r} has no default pipeline", remedy="name it in `default_for` of a pipeline"
                )
            return found

    document: Document = run(work)
    if as_json:
        print_json(document.as_dict())
    else:
        console.print(f"{escape(document.name or '')} v{document.version}")


@group.command()
def stats(
    context: typer.Context,
    pipeline: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Only this pipeline.")] = None,
    by: Annotated[
        str, typer.Option(metavar="WHAT", help="pipeline, component, model, or organization: all together.")
    ] = "pipeline",
    hours: Annotated[
        float, typer.Option(help="Of runs started in so many hours until now.", min=0.01)
    ] = 24.0,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Tell how runs went, what they took and what they cost; durations (p50, p95) within 1 %, all else exactly.

    Examples: [dim]octavo pipeline stats summarize --hours 1[/]

    [dim]octavo pipeline stats --by model[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            wanted: Any = by
            return await view.pipelines.stats(
                pipeline, by=wanted, since=datetime.now(UTC) - timedelta(hours=hours)
            )

    found: list[Any] = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print((steps_table if by in {"component", "model"} else pipelines_table)(found))


def _component(step: Step) -> str:
    used = "" if step.uses is None else f" by {step.uses.name}@{step.uses.version}"
    return f"{step.component} {step.version or ''}{used}"


def _when(step: Step) -> str:
    each = "" if step.each is None else f"each of {step.each}"
    return " · ".join(filter(None, [each, json.dumps(step.when) if step.when else ""]))


def pipelines_table(found: Sequence[PipelineStats]) -> Table:
    """How runs of pipelines went, a line each."""
    return _figures(
        "pipeline",
        (
            "runs",
            "completed",
            "dead",
            "waiting",
            "running",
            "retries",
            "took p50",
            "p95",
            "waited p95",
            "tokens",
            "cost",
        ),
        [
            (
                f"{escape(one.pipeline)} v{one.version}" if one.pipeline else "all",
                str(one.runs),
                str(one.completed),
                str(one.dead + one.failed),
                str(one.queued + one.delayed),
                str(one.running),
                str(one.retries),
                seconds(one.took_p50_seconds),
                seconds(one.took_p95_seconds),
                seconds(one.waited_p95_seconds),
                *_used(one),
            )
            for one in found
        ],
    )


def steps_table(found: Sequence[StepStats]) -> Table:
    """How steps went, by component or by model, a line each."""
    return _figures(
        "name",
        (
            "completed",
            "failed",
            "skipped",
            "items",
            "retries",
            "took p50",
            "p95",
            "processor",
            "tokens",
            "cost",
        ),
        [
            (
                escape(one.name),
                str(one.completed),
                "–" if one.failed is None else str(one.failed),
                str(one.skipped),
                str(one.items),
                str(one.retries),
                seconds(one.took_p50_seconds),
                seconds(one.took_p95_seconds),
                seconds(one.cpu_seconds),
                *_used(one),
            )
            for one in found
        ],
    )


def _used(one: PipelineStats | StepStats) -> tuple[str, str]:
    tokens = one.tokens_in + one.tokens_out
    return f"{tokens:,}" if tokens else "–", money(one.cost_usd) if one.cost_usd else "–"


def _figures(first: str, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table without the columns in which nobody has anything, so that it fits a narrow terminal."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column(first, no_wrap=True)
    told = [at for at in range(1, len(headings) + 1) if any(row[at] not in _NOTHING for row in rows)]
    for at in told:
        table.add_column(headings[at - 1], justify="right", no_wrap=True)
    for row in rows:
        table.add_row(row[0], *(row[at] for at in told))
    return table


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="pipeline", rich_help_panel="Pipelines")


def read_source(source: str) -> str:
    """The text of a file, or of standard input for `-`; raises `InvalidInput`."""
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{source} cannot be read: {error}", remedy="give a file of JSON") from error
