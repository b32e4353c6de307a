"""demo"""

from __future__ import annotations

import sysconfig
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

import octavo
from octavo.cli import demo_pipelines, render
from octavo.cli.ingest import read_with_progress, show_summary
from octavo.cli.search import show_hit
from octavo.cli.session import console, of, run
from octavo.errors import NotFound
from octavo.values.document import Document

_DATA = "./octavo-demo"
_QUESTION = "refund"
_ASKED = "how do I get my money back"
_PATIENCE_SECONDS = 300


def demo(
    context: typer.Context,
    folder: Annotated[Path | None, typer.Argument(metavar="[FOLDER]", help="Your own files.")] = None,
    words: Annotated[str, typer.Option(help="What to search for.")] = _QUESTION,
) -> None:
    """Show it all on real files: ingest, search, versions, a diff, events, search by meaning, a move, pipelines.

    Example: [dim]octavo demo ~/Documents --words "travel expenses"[/]
    """
    data = of(context).data or _DATA
    run(lambda: demonstrate(data, folder or _documents_at_hand(), words))


def _documents_at_hand() -> Path:
    """The example files of a checkout, else the documentation that came with the installed packages."""
    examples = Path("examples/documents")
    return examples if examples.is_dir() else Path(sysconfig.get_path("purelib"))


async def demonstrate(data: str, folder: Path, words: str) -> None:
    """Print the whole demonstration."""
    _chapter(f"A database in a folder: {data}")
    begun = time.perf_counter()
    vectors: dict[str, Any] = {"vectors": "postgres"} if _can_embed() else {}
    async with octavo.open(data, **vectors) as db:
        health = await db.record.health()
        console.print(f"PostgreSQL {health.version} is up after {time.perf_counter() - begun:.1f} s.\n")
        _chapter(f"Ingest {folder}")
        show_summary(await read_with_progress(db.default, [folder], sync=False))
        _chapter(f"Search: {words}")
        doc = await _search(db, words)
        _chapter(f"Versions of {doc.name}")
        doc = await _change(db, doc)
        _chapter("The events behind it")
        await _events(db, doc)
        _chapter("Again: nothing changed, nothing is read")
        show_summary(await read_with_progress(db.default, [folder], sync=False))
        if vectors:
            await _ask(db, words)
        if find_spec("tantivy") is not None:
            await _move(db, Path(data), words)
        if _can_judge():
            _chapter("A pipeline reads every document: language, keywords, a summary")
            await demo_pipelines.read_all(db, doc)
            _chapter("A model learns, is rolled forward, and back")
            await demo_pipelines.sort_tickets(db)
    _go_on(data, words, doc)


async def _search(db: octavo.Octavo, words: str) -> Document:
    await db.drain()
    found = await db.search(words, limit=3)
    for hit in found.hits:
        show_hit(hit)
    if found.hits:
        return await db.documents.get(found.hits[0].id)
    console.print(f"[dim]No file speaks of {escape(words)}; the newest one goes on.[/]\n")
    page = await db.documents.find(limit=1).page()
    if not page.documents:
        raise NotFound(
            "the folder holds no file that can be read", remedy="try another: make demo DOCS=/some/folder"
        )
    return page.documents[0]


async def _ask(db: octavo.Octavo, words: str) -> None:
    """A question in other words than the files have, by words and meaning together."""
    question = _ASKED if words == _QUESTION else words
    _chapter(f"By words and meaning together: {question}")
    await db.drain(timeout_seconds=_PATIENCE_SECONDS)
    for hit in (await db.search(question, mode="hybrid", limit=2, explain=True)).hits:
        show_hit(hit)


async def _move(db: octavo.Octavo, data: Path, words: str) -> None:
    """The search engine compared with the record, and moved to another engine and back, while it serves."""
    _chapter("Search moves to another engine, and back")
    found = await db.engines.verify("search")
    total = found.total
    console.print(
        f"{found.url}: {total.documents} documents as in the record; "
        f"{total.missing} missing, {total.stale} stale, {total.ghosts} ghosts"
    )
    elsewhere = f"tantivy:{(data / 'search-index').absolute()}"
    for url in (elsewhere, found.url):
        moved = await db.engines.promote("search", url)
        hits = await db.search(words, limit=1)
        console.print(
            f"{moved.url.partition(':')[0]}: shown equal, then it served; "
            f"{escape(words)} finds {escape(str(hits.hits[0].title)) if hits.hits else 'nothing'}"
        )
    await db.engines.retire("search", elsewhere)
    console.print()


def _can_embed() -> bool:
    """Whether the offline model is installed: the extra `vectors`."""
    return find_spec("wordllama") is not None


def _can_judge() -> bool:
    """Whether what components need is installed: the extra `ml`."""
    return find_spec("sklearn") is not None and find_spec("wordllama") is not None


async def _change(db: octavo.Octavo, doc: Document) -> Document:
    docs = db.documents
    await docs.tag(doc.id, "production")
    changed = await docs.patch(
        doc.id, {"reviewed": True, "reviews": doc.body.get("reviews", 0) + 1}, expect=doc.version
    )
    console.print(render.history(await docs.history(doc.id)))
    console.print(f"\n[dim]diff {doc.version} → {changed.version}[/]")
    console.print(render.differences(await docs.diff(doc.id, doc.version, changed.version)))
    moved = await docs.tag(doc.id, "production")
    console.print(f"\ntag [green]production[/] moved from version {moved.previous} to {moved.version}\n")
    return changed


async def _events(db: octavo.Octavo, doc: Document) -> None:
    async for event in db.default.events.read(document=doc.id):
        told = {
            key: value for key, value in event.data.items() if key in {"version", "previous", "tag", "fields"}
        }
        console.print(f"  [dim]#{event.sequence}[/] [bold]{event.type}[/] {_words(told)}")
    console.print()


def _words(data: dict[str, Any]) -> str:
    return escape(" ".join(f"{key}={value}" for key, value in data.items()))


def _chapter(title: str) -> None:
    console.rule(f"[bold]{escape(title)}[/]", align="left", style="dim")


def _go_on(data: str, words: str, doc: Document) -> None:
    console.rule("[bold]Go on[/]", align="left", style="dim")
    commands = (
        f'search "{escape(words)}"',
        f"history {doc.id}",
        f"get {doc.id} --tag production",
        "events --follow",
        "status",
        "destroy   [dim]# removes all of it[/]",
    )
    for command in commands:
        console.print(f"  octavo --data {escape(data)} {command}", soft_wrap=True)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Start here")(demo)
