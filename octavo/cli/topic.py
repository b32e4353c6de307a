"""topic make · put · sets · list · show · nearest · of · documents · similar · embed · erase"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from octavo.cli.render import moment
from octavo.cli.search import show_hit
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.errors import InvalidInput
from octavo.values.json import parse_text
from octavo.values.topic import Topic, TopicDocument
from octavo.workspace import Workspace

group = typer.Typer(
    help="What the documents are about: topics, their words and vectors, and their documents.",
    no_args_is_help=True,
)

Model = Annotated[
    str, typer.Argument(metavar="MODEL", help="As press-topics@2, press-topics@production, or press-topics.")
]
Number = Annotated[int, typer.Argument(metavar="TOPIC", help="The topic's number.")]
OnlyModel = Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Only this model's topics.")]
Keyword = Annotated[str | None, typer.Option(metavar="WORD", help="Only with this keyword.")]
Least = Annotated[float, typer.Option(metavar="NUMBER", help="Nothing below it, -1 to 1.")]
Limit = Annotated[int, typer.Option(help="So many at most.", min=1)]


@group.command()
def make(
    context: typer.Context, model: Model, as_json: Json = False, organization: Organization = None
) -> None:
    """Keep the topics of a model that `octavo model train-topics` made, with vectors if those are on.

    Example: [dim]octavo topic make press-topics@production[/]
    """
    _tell_topics(_asked(context, organization, lambda view: view.topics.make(model)), as_json=as_json)


@group.command()
def put(
    context: typer.Context,
    model: Model,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A JSON list of topics; - for stdin.")],
    embedder: Annotated[
        str | None, typer.Option(metavar="NAME@VERSION", help="Of the vectors in the file.")
    ] = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Keep topics that something else found, in the place of those the version of the model had.

    Each has topic_id and a name, keywords or both, and if wanted coherence_score and vector.

    Example: [dim]octavo topic put press-topics@2 topics.json[/]
    """
    try:
        text = typer.get_text_stream("stdin").read() if str(file) == "-" else file.read_text("utf-8")
    except OSError as error:
        raise InvalidInput(f"{file} cannot be read: {error.strerror}") from error
    told = parse_text(text, what="topics")
    if not isinstance(told, list):
        raise InvalidInput("topics are a list", remedy='write [{"topic_id": 0, "keywords": […]}]')
    found = _asked(context, organization, lambda view: view.topics.put(model, told, embedder=embedder))
    _tell_topics(found, as_json=as_json)


@group.command()
def sets(context: typer.Context, as_json: Json = False, organization: Organization = None) -> None:
    """List the versions of models whose topics are kept.

    Example: [dim]octavo topic sets[/]
    """
    found = _asked(context, organization, lambda view: view.topics.sets())
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    table = _table("model", "topics", "vectors", "kept", "by")
    for one in found:
        vectors = f"{one.embedder}, {one.dimensions} numbers" if one.embedder else "none"
        kept = (moment(one.made_at), escape(str(one.made_by)))
        table.add_row(escape(one.reference), str(one.topics), escape(vectors), *kept)
    console.print(table if found else "[dim]no topics are kept[/]")


@group.command("list")
def list_(
    context: typer.Context,
    model: Model,
    keyword: Keyword = None,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List a model's topics: their words, how well these belong together, and how many documents they have.

    Example: [dim]octavo topic list press-topics --keyword refund[/]
    """
    _tell_topics(
        _asked(context, organization, lambda view: view.topics.list(model, keyword=keyword)), as_json=as_json
    )


@group.command()
def show(
    context: typer.Context,
    model: Model,
    topic: Number,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Show one topic.

    Example: [dim]octavo topic show press-topics@2 7[/]
    """
    found: Topic = _asked(context, organization, lambda view: view.topics.get(model, topic))
    if as_json:
        print_json(found.as_dict())
    else:
        console.print(_topics([found]))


@group.command()
def nearest(
    context: typer.Context,
    text: Annotated[str, typer.Argument(help="Any text.")],
    model: OnlyModel = None,
    keyword: Keyword = None,
    least_similarity: Least = -1.0,
    limit: Limit = 10,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List the topics that mean nearly the same as a text.

    Example: [dim]octavo topic nearest 'get my money back' --model press-topics --limit 3[/]
    """
    found = _asked(
        context,
        organization,
        lambda view: view.topics.nearest(
            text, model=model, keyword=keyword, least_similarity=least_similarity, limit=limit
        ),
    )
    _tell_topics(found, as_json=as_json)


@group.command("of")
def of_(
    context: typer.Context,
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the document.")],
    model: OnlyModel = None,
    keyword: Keyword = None,
    least_similarity: Least = -1.0,
    limit: Limit = 10,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List the topics nearest to a document.

    Example: [dim]octavo topic of 01932f… --limit 3[/]
    """
    found = _asked(
        context,
        organization,
        lambda view: view.topics.of(
            id, model=model, keyword=keyword, least_similarity=least_similarity, limit=limit
        ),
        drained=True,
    )
    _tell_topics(found, as_json=as_json)


@group.command()
def documents(
    context: typer.Context,
    model: Model,
    topic: Number,
    least_share: Annotated[float, typer.Option(metavar="NUMBER", help="Of the topic, 0 to 1.")] = 0.0,
    limit: Limit = 100,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """List the documents that belong to a topic, the greatest share first.

    Example: [dim]octavo topic documents press-topics@2 7 --least-share 0.5[/]
    """
    found: list[TopicDocument] = _asked(
        context,
        organization,
        lambda view: view.topics.documents(model, topic, least_share=least_share, limit=limit),
    )
    if as_json:
        print_json([one.as_dict() for one in found])
        return
    table = _table("share", "type", "name", "namespace", "id")
    for one in found:
        shown = (one.type, one.name or "", one.namespace, str(one.id))
        table.add_row(f"{one.share:.2f}", *map(escape, shown))
    console.print(table if found else "[dim]no document belongs to it[/]")


@group.command()
def similar(
    context: typer.Context,
    model: Model,
    topic: Number,
    limit: Limit = 10,
    type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    where: Annotated[str | None, typer.Option(metavar="JSON", help="Filter, as in find.")] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """List the documents that mean nearly the same as a topic, whether they were processed or not.

    Example: [dim]octavo topic similar press-topics@2 7 --limit 5[/]
    """
    condition = parse_text(where, what="filter") if where else None
    found = _asked(
        context,
        organization,
        lambda view: view.topics.similar(model, topic, type=type, where=condition, limit=limit),
        namespace=namespace,
        drained=True,
    )
    if as_json:
        print_json(found.as_dict())
        return
    for hit in found.hits:
        show_hit(hit)
    if not found.hits:
        console.print("[dim]nothing found[/]")


@group.command()
def embed(
    context: typer.Context, model: Model, as_json: Json = False, organization: Organization = None
) -> None:
    """Make the vectors of topics anew, as after another embedder was switched to.

    Example: [dim]octavo topic embed press-topics@2[/]
    """
    _tell_topics(_asked(context, organization, lambda view: view.topics.embed(model)), as_json=as_json)


@group.command()
def erase(
    context: typer.Context,
    model: Model,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Forget the topics of a version of a model, and their vectors; results of documents stay.

    Example: [dim]octavo topic erase press-topics@1 --yes[/]
    """
    if not yes:
        typer.confirm(f"Forget the topics of {model}?", abort=True)
    gone = _asked(context, organization, lambda view: view.topics.erase(model))
    if as_json:
        print_json({"model": model, "erased": gone})
    else:
        console.print(f"{gone} topics of {escape(model)} are forgotten")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.add_typer(group, name="topic", rich_help_panel="Documents")


def _asked(
    context: typer.Context,
    organization: str | None,
    ask: Callable[[Workspace], Awaitable[Any]],
    *,
    namespace: str | None = None,
    drained: bool = False,
) -> Any:
    """What one call of a view answers; `drained`: after everything that is committed was embedded."""

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (db, view):
            if drained:
                await db.drain(roles=("vectors",))
            return await ask(view)

    return run(work)


def _tell_topics(found: Sequence[Topic], *, as_json: bool) -> None:
    if as_json:
        print_json([one.as_dict() for one in found])
    else:
        console.print(_topics(found) if found else "[dim]no topic[/]")


def _topics(found: Sequence[Topic]) -> Table:
    table = _table("topic", "name", "keywords", "coherence", "documents", "")
    for one in found:
        likeness = "" if one.similarity is None else f"{one.similarity:.2f}"
        coherence = "" if one.coherence_score is None else f"{one.coherence_score:.2f}"
        table.add_row(
            f"{escape(one.model)}@{escape(one.model_version)} {one.topic_id}",
            escape(one.name),
            escape(", ".join(one.keywords)),
            coherence,
            "" if one.document_count is None else str(one.document_count),
            likeness,
        )
    return table


def _table(*columns: str) -> Table:
    return Table(*columns, box=None, header_style="dim", pad_edge=False)
