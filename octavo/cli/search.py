"""search · similar · synonyms · define-synonyms · delete-synonyms"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, cast

import typer
from rich.markup import escape
from rich.padding import Padding
from rich.text import Text

from octavo.cli.render import marked
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.database import Octavo
from octavo.errors import InvalidInput, Unavailable
from octavo.values.json import parse_text

if TYPE_CHECKING:
    from octavo.search.hybrid import Mode
    from octavo.search.reading import Fallback

Weight = Annotated[
    list[str] | None,
    typer.Option(
        "--weight",
        metavar="PART=NUMBER",
        help="How much words count in title (10), preview (4), description (2), text (1); repeatable.",
    ),
]
Boost = Annotated[
    list[str] | None,
    typer.Option(
        "--boost", metavar="TYPE=FACTOR", help="Rank documents of a type higher or lower; repeatable."
    ),
]
Ways = Annotated[
    str, typer.Option(help="keyword, semantic (what is near in meaning) or hybrid (both together).")
]
Facets = Annotated[
    list[str] | None,
    typer.Option("--facet", metavar="NAME", help="Count values: @type, @labels, a field; repeatable."),
]
Fuzzy = Annotated[
    bool, typer.Option("--fuzzy", help="When nothing is found, search for what was probably meant.")
]
Alike = Annotated[bool, typer.Option("--synonyms", help="Also find what the organization calls the same.")]
LeastSimilarity = Annotated[
    float | None, typer.Option(metavar="NUMBER", help="By meaning: nothing below it, -1 to 1.")
]
Languages = Annotated[
    list[str] | None,
    typer.Option("--language", metavar="TAG", help="By meaning alone: only this, as en; repeatable."),
]
Remember = Annotated[
    bool, typer.Option("--remember", help="Keep the query, if its actor allowed it: octavo query.")
]
Instead = Annotated[
    str, typer.Option(help="When an engine does not answer: error, or stale for what others know.")
]

_SMALL = 0.1


def search(
    context: typer.Context,
    words: Annotated[str, typer.Argument(help='Words, "a phrase", -without, begin*, one OR other.')],
    mode: Ways = "keyword",
    limit: Annotated[int, typer.Option(help="Hits at most.", min=1)] = 10,
    type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    where: Annotated[str | None, typer.Option(metavar="JSON", help="Filter, as in find.")] = None,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    after: Annotated[
        str | None, typer.Option(metavar="POSITION", help="Wait until this write is found.")
    ] = None,
    facet: Facets = None,
    fuzzy: Fuzzy = False,
    synonyms: Alike = False,
    weight: Weight = None,
    boost: Boost = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell of each hit why it is where it is.")
    ] = False,
    least_similarity: LeastSimilarity = None,
    language: Languages = None,
    remember: Remember = False,
    fallback: Instead = "error",
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Search the documents' words, or their meaning, best first.

    Example: [dim]octavo search '"refund policy" -draft' --limit 5 --facet @type[/]

    Example: [dim]octavo search 'get my money back' --mode hybrid --explain[/]

    Example: [dim]octavo search 'get my money back' --mode semantic --language en --least-similarity 0.4[/]
    """
    condition = parse_text(where, what="filter") if where else None

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (db, view):
            await _bring_up_to_date(db, fallback)
            found = await view.search(
                words,
                mode=cast("Mode", mode),  # what it may be says the search
                type=type,
                where=condition,
                limit=limit,
                cursor=cursor,
                after=after,
                facets=facet or (),
                fuzzy=fuzzy,
                synonyms=synonyms,
                weights=_numbers("--weight", weight),
                boost={"@type": factors} if (factors := _numbers("--boost", boost)) else None,
                explain=explain,
                least_similarity=least_similarity,
                language=language or None,
                fallback=cast("Fallback", fallback),
                remember=remember,
            )
            may_mean = mode == "keyword" and not found.hits and not fuzzy
            meant = await view.suggest(words, type=type, where=condition) if may_mean else None
            return found, meant

    found, meant = run(work)
    if as_json:
        # A list of hits, unless more was asked for.
        whole = facet or fuzzy or mode != "keyword"
        print_json(found.as_dict() if whole else [hit.as_dict() for hit in found.hits])
    else:
        _show(found, meant)
        if explain and found.capped:
            console.print("[dim]more documents match than were ranked; the others follow behind these[/]")


def similar(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the document.")],
    limit: Annotated[int, typer.Option(help="Hits at most.", min=1)] = 10,
    type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    where: Annotated[str | None, typer.Option(metavar="JSON", help="Filter, as in find.")] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """List the documents that mean nearly the same as one.

    Example: [dim]octavo similar 01932f… --limit 5[/]
    """
    condition = parse_text(where, what="filter") if where else None

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (db, view):
            await db.drain(roles=("search", "vectors"))
            return await view.documents.similar(id, type=type, where=condition, limit=limit)

    found = run(work)
    if as_json:
        print_json(found.as_dict())
    else:
        _show(found, None)


async def _bring_up_to_date(db: Octavo, fallback: str) -> None:
    """What is committed already shall be found, also when no other process follows the log."""
    for role in ("search", "vectors"):
        try:
            await db.drain(roles=(role,))
        except Unavailable:
            if fallback != "stale":
                raise


def _numbers(option: str, given: list[str] | None) -> dict[str, float]:
    """The numbers of `NAME=NUMBER`."""
    numbers: dict[str, float] = {}
    for pair in given or ():
        name, _, number = pair.partition("=")
        try:
            numbers[name] = float(number)
        except ValueError as error:
            raise InvalidInput(
                f"{option} {pair!r} is no name with a number", remedy=f"write {option} title=20"
            ) from error
    return numbers


def _show(found: Any, meant: str | None) -> None:
    if found.corrected:
        console.print(f"[dim]nothing found as written; this is[/] {escape(found.corrected)}")
    for hit in found.hits:
        show_hit(hit)
    for facet in found.facets:
        console.print(_facet(facet))
    if not found.hits:
        console.print("[dim]nothing found[/]" + (f"; did you mean {escape(meant)}?" if meant else ""))
    elif found.cursor:
        console.print(f"[dim]more: --cursor {found.cursor}[/]", soft_wrap=True)
    for leg in found.legs:
        if leg.missing:
            console.print(f"[yellow]the search by {leg.name} is missing:[/] {escape(leg.missing)}")
        if leg.instead:
            console.print(f"[yellow]a kept engine answered by {leg.name}:[/] {escape(leg.instead)}")
    if found.degraded and not any(leg.missing or leg.instead for leg in found.legs):
        console.print("[yellow]the engine that serves does not answer; one that is kept up to date did[/]")


def _facet(facet: Any) -> Text:
    line = Text(facet.name, style="bold")
    for count in facet.values:
        line.append(f"  {count.value}", style="not bold").append(f" {count.documents}", style="dim not bold")
    if facet.others:
        line.append(f"  and {facet.others} others", style="dim not bold")
    if facet.capped:
        line.append("  (of a part of the hits)", style="dim not bold")
    return line


def synonyms(
    context: typer.Context,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Those behind this one.")] = None,
    limit: Annotated[int, typer.Option(help="Sets at most.", min=1)] = 100,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List what the organization calls the same when it searches with --synonyms.

    Example: [dim]octavo synonyms[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.synonyms.list(after=after, limit=limit)

    found = run(work)
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    for one in found:
        console.print(_set(one))


def define_synonyms(
    context: typer.Context,
    words: Annotated[list[str], typer.Argument(metavar="WORD…", help="Words and phrases, two or more.")],
    language: Annotated[str | None, typer.Option(metavar="TAG", help="Their language, as de.")] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Make words stand for each other in searches with --synonyms.

    Example: [dim]octavo define-synonyms refund reimbursement 'money back'[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization) as (_, view):
            return await view.synonyms.define(words, language=language)

    made = run(work)
    if as_json:
        print_json(made.as_dict())
    else:
        console.print(_set(made))


def delete_synonyms(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the set.")],
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Delete a set of synonyms.

    Example: [dim]octavo delete-synonyms 01932f…[/]
    """

    async def work() -> None:
        async with of(context).workspace(organization) as (_, view):
            await view.synonyms.delete(id)

    run(work)
    if as_json:
        print_json({"id": id, "deleted": True})
    else:
        console.print(f"{id} deleted")


def _set(one: Any) -> Text:
    line = Text(" = ".join(one.words))
    line.append(f"  {one.language or 'every language'} · {one.id}", style="dim")
    return line


def show_hit(hit: Any) -> None:
    """Print one hit: title, highlight, name and id."""
    title = Text(hit.title or hit.name or str(hit.id), style="bold")
    title.append(f"  {hit.type} v{hit.version} · {_score(hit.score)}", style="dim")
    console.print(title)
    console.print(Padding(marked(hit.highlight), (0, 0, 0, 2)))
    if hit.why:
        console.print(Padding(f"[dim]{escape(hit.why.text)}[/]", (0, 0, 0, 2)))
    console.print(Padding(f"[dim]{escape(hit.name or '')}  {hit.id}[/]", (0, 0, 1, 2)))


def _score(score: float) -> str:
    """With two digits that say something: joined orders have scores far below 1."""
    return f"{score:.2f}" if abs(score) >= _SMALL else f"{score:.4f}"


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (search, similar, synonyms, define_synonyms, delete_synonyms):
        app.command(rich_help_panel="Documents")(command)
