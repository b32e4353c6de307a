"""result list · show · find · group"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Group as Lines
from rich.console import RenderableType
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table

from octavo.cli.documents import json_object
from octavo.cli.render import moment
from octavo.cli.session import Json, Organization, console, of, print_json, run
from octavo.values.result import RESULT_TYPES
from octavo.values.stored_result import Result, ResultGroup

group = typer.Typer(help="Results: what processing gave of documents.", no_args_is_help=True)

_TYPES = ", ".join(RESULT_TYPES)
Type = Annotated[str, typer.Argument(metavar="TYPE", help=f"One of: {_TYPES}.")]
Model = Annotated[
    str | None, typer.Option(metavar="MODEL", help="Only made by this one: NAME or NAME@VERSION.")
]
Label = Annotated[str | None, typer.Option(help="Only with this category, sentiment or topic.")]
Score = Annotated[
    float | None, typer.Option("--least-score", help="Only where the model was at least so sure.")
]


@group.command("list")
def list_(
    context: typer.Context,
    document: Annotated[
        str | None, typer.Option(metavar="ID", help="Only of this document, its newest version first.")
    ] = None,
    type: Annotated[str | None, typer.Option(help=f"Only of one: {_TYPES}.")] = None,
    model: Model = None,
    label: Label = None,
    status: Annotated[str | None, typer.Option(help="completed or failed.")] = None,
    error: Annotated[
        str | None, typer.Option(metavar="WORDS", help="Only failed ones with these words.")
    ] = None,
    before: Annotated[str | None, typer.Option(metavar="RESULT", help="Where the page before ended.")] = None,
    limit: Annotated[int, typer.Option(help="Results at most.", min=1)] = 50,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List results, newest first, and whether they still hold.

    Examples: [dim]octavo result list --type sentiment --status failed[/]

    [dim]octavo result list --document 01932f…[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            wanted: Any = {"type": type}
            if document is not None:
                return await view.results.of(document, model=model, limit=limit, **wanted), None
            wanted["status"] = status
            page = await view.results.list(
                model=model, label=label, error=error, before=before, limit=limit, **wanted
            )
            return page.results, page.before

    found, following = run(work)
    if as_json:
        print_json(
            {
                "results": [one.as_dict() for one in found],
                "before": None if following is None else str(following),
            }
        )
        return
    console.print(_results(found))
    if following is not None and len(found) == limit:
        console.print(f"[dim]more: --before {following}[/]")


@group.command()
def show(
    context: typer.Context,
    result: Annotated[str, typer.Argument(metavar="RESULT", help="Id of the result.")],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show a result: its value, what made it, and what that took.

    Example: [dim]octavo result show 01932f…[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.results.get(result)

    found: Result = run(work)
    if as_json:
        print_json(found.as_dict())
    else:
        console.print(_shown(found))


@group.command()
def find(
    context: typer.Context,
    type: Type,
    label: Label = None,
    least_score: Score = None,
    where: Annotated[
        str | None,
        typer.Option(metavar="JSON", help='Filter on the value, as {"confidence": {"$gte": 0.8}}.'),
    ] = None,
    model: Model = None,
    stale: Annotated[bool, typer.Option("--stale", help="Also those that hold no more.")] = False,
    limit: Annotated[int, typer.Option(help="Results at most.", min=1)] = 50,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Find documents by what processing gave of them.

    Example: [dim]octavo result find classification --label billing --least-score 0.8[/]
    """
    asked = None if where is None else json_object(where, "filter")

    async def work() -> list[Result]:
        async with of(context).workspace(organization) as (_, view):
            wanted: Any = type
            found = view.results.find(
                wanted,
                label=label,
                least_score=least_score,
                model=model,
                where=asked,
                fresh=not stale,
                limit=limit,
            )
            return [one async for one in found]

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print(_results(found))


@group.command("group")
def group_(
    context: typer.Context,
    type: Type,
    model: Model = None,
    limit: Annotated[int, typer.Option(help="Labels at most.", min=1)] = 50,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Count the documents of each category, sentiment or topic, by what holds of their current versions.

    Example: [dim]octavo result group sentiment[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            wanted: Any = type
            return await view.results.group(wanted, model=model, limit=limit)

    found: list[ResultGroup] = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print(_groups(found))


def register(app: typer.Typer) -> None:
    """Add the command group."""
    app.add_typer(group, name="result", rich_help_panel="Pipelines")


def _results(found: Sequence[Result]) -> Table:
    """Three lines each, so that both ids fit into a narrow terminal whole."""
    table = Table(box=None, header_style="dim", pad_edge=False)
    table.add_column("says", no_wrap=True, overflow="ellipsis")
    table.add_column("made by", no_wrap=True, overflow="ellipsis")
    table.add_column("sure", justify="right")
    for one in found:
        says = "[red]failed[/]" if one.status == "failed" else f"[bold]{escape(one.label or brief(one))}[/]"
        stale = f" [yellow]stale: {' and '.join(one.stale)}[/]" if one.stale else ""
        table.add_row(
            f"{says}{stale}\n[dim]{one.id}\nof {one.document_id} v{one.version}[/]",
            f"{one.type}\n{escape(one.made_by)}\n[dim]{moment(one.updated_at)}[/]",
            "" if one.score is None else f"{one.score:.0%}",
        )
    return table


def brief(result: Result) -> str:
    """What a result without a label says, in a few words."""
    value = result.value
    match result.type:
        case "summarization":
            text = " ".join(value.summary.split())
            return text if len(text) <= 60 else f"{text[:57]}…"
        case "entity_extraction":
            return f"{len(value.entities)} entities"
        case "keyword_extraction":
            return ", ".join(word.word for word in value.keywords[:3])
        case "embedding":
            return f"{value.passages} × {value.dimensions}"
    return ""


def _shown(found: Result) -> RenderableType:
    stale = f" [yellow]stale: {' and '.join(found.stale)}[/]" if found.stale else ""
    head = f"[bold]{found.type}[/] of {found.document_id} v{found.version}{stale}"
    facts = _table("", "")
    facts.show_header = False
    for name, value in (
        ("made by", found.made_by + (f" in {found.component}" if found.component else "")),
        ("run", f"{found.run_id} · {found.step}" if found.run_id else ""),
        ("took", f"{found.processing_time_ms:,.0f} ms"),
        *((name, f"{value:,g}") for name, value in found.metrics.model_dump(exclude_none=True).items()),
        ("options", json.dumps(found.options, ensure_ascii=False) if found.options else ""),
        ("error", found.error_message or ""),
        ("when", f"{moment(found.updated_at)} for {found.actor}"),
    ):
        if value:
            facts.add_row(f"[dim]{name}[/]", escape(value))
    if found.value is None:
        return Lines(head, facts)
    body = json.dumps(found.value.model_dump(mode="json"), indent=2, ensure_ascii=False)
    return Lines(head, facts, Syntax(body, "json", background_color="default", word_wrap=True))


def _groups(found: Sequence[ResultGroup]) -> Table:
    table = _table("", "documents", "", "sure, mean", "least")
    most = max((one.documents for one in found), default=1)
    for one in found:
        table.add_row(
            escape(one.label or "–"),
            f"{one.documents:,}",
            f"[cyan]{'▇' * max(1, round(30 * one.documents / most))}[/]",
            "" if one.score_mean is None else f"{one.score_mean:.1%}",
            "" if one.score_least is None else f"{one.score_least:.1%}",
        )
    return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="dim", pad_edge=False)
