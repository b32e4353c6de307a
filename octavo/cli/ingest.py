"""ingest"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from octavo.cli.render import bytes_of
from octavo.cli.session import (
    Json,
    Namespace,
    Organization,
    Session,
    console,
    errors,
    of,
    print_json,
    print_line,
    run,
)
from octavo.database import Octavo
from octavo.errors import InvalidInput, UnreadableFile
from octavo.ingest.summary import Progress as Reached
from octavo.ingest.summary import Summary
from octavo.workspace import Workspace

_SHOWN_FAILURES = 20


def ingest(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH…", help="Files, folders and URLs; - reads standard input."),
    ] = None,
    sync: Annotated[
        bool, typer.Option("--sync", help="Also delete the documents of vanished files.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Then go on with every change, until Ctrl-C.")
    ] = False,
    urls: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Also the URLs in this file, one a line.")
    ] = None,
    allow_private: Annotated[
        bool, typer.Option("--allow-private", help="Also fetch from this machine and its networks.")
    ] = False,
    name: Annotated[str | None, typer.Option(help="With -: the name of what comes in.")] = None,
    include: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Only these below a folder.")
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="GLOB", help="Not these below a folder.")
    ] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Make documents of files, of what is in archives, and of web pages. What is unchanged is skipped.

    PDF, Word, HTML, Markdown, e-mail, text, spreadsheets, slides, OpenDocument, RTF, EPUB; zip, tar and mbox.

    Examples: [dim]octavo ingest ~/Documents --sync[/]

    [dim]octavo ingest ~/Documents --watch --json[/]

    [dim]octavo ingest mails.mbox backup.tar.gz https://example.org/ --urls more-urls.txt[/]
    """
    chosen = {"sync": sync, "include": include or (), "exclude": exclude or ()}
    texts = _checked(paths or [], urls, watch=watch)

    async def work() -> Summary:
        async with of(context).workspace(organization, namespace) as (db, view):
            if texts == ["-"]:
                summary = await view.ingest_bytes(sys.stdin.buffer.read(), name=name or "stdin")
            else:
                summary = await read_with_progress(
                    view, texts, urls=urls, allow_private=allow_private, **chosen
                )
            await db.drain(roles=("search", "vectors"))
            return summary

    if watch:
        run(lambda: _watch(of(context), organization, namespace, texts, chosen, as_json=as_json))
        return
    summary = run(work)
    if as_json:
        print_json(summary.as_dict())
    else:
        show_summary(summary)
    if summary.failures and summary.done == len(summary.failures):
        # Nothing at all could be read: the command did not do what it was asked.
        first = summary.failures[0]
        raise UnreadableFile(f"none of {summary.files} files could be read; {first.source}: {first.message}")


async def _watch(
    session: Session,
    organization: str | None,
    namespace: str | None,
    texts: list[str],
    chosen: dict[str, Any],
    *,
    as_json: bool,
) -> None:
    """Print a summary of the whole, then one of each batch of changes, until told to stop."""
    stop = _told_to_stop()
    async with session.workspace(organization, namespace) as (db, view):
        with _bar() as tell:
            summaries = view.watch(*texts, stop=stop, progress=tell, **chosen)
            summary = await anext(summaries)
        await _show_batch(db, summary, as_json=as_json)
        if not as_json:
            errors.print("[dim]watching for changes; Ctrl-C stops[/]")
        async for summary in summaries:
            await _show_batch(db, summary, as_json=as_json)


async def _show_batch(db: Octavo, summary: Summary, *, as_json: bool) -> None:
    """What is told can be found."""
    await db.drain(roles=("search", "vectors"))
    if as_json:
        print_line(summary.as_dict())
    else:
        show_summary(summary)


def _told_to_stop() -> asyncio.Event:
    """Set by the first Ctrl-C, which lets what has begun be done; the second one ends the program as ever."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, tell, number)
    return stop


async def read_with_progress(view: Workspace, paths: Sequence[str | Path], **options: Any) -> Summary:
    """Ingest with a progress bar on standard error."""
    with _bar() as tell:
        return await view.ingest(*paths, progress=tell, **options)


@contextmanager
def _bar() -> Iterator[Callable[[Reached], None]]:
    """A progress bar on standard error, if that is a terminal, and what moves it."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("[dim]{task.fields[size]}[/]"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task("ingesting", total=None, size="")

        def tell(reached: Reached) -> None:
            bar.update(
                task, completed=reached.done, total=reached.found or None, size=bytes_of(reached.bytes)
            )

        yield tell


def show_summary(summary: Summary) -> None:
    """Print the sums, and a line for each file that could not be read."""
    for failure in summary.failures[:_SHOWN_FAILURES]:
        console.print(f"[red]✗[/] {escape(failure.source)} [dim]{escape(failure.message)}[/]", soft_wrap=True)
    if len(summary.failures) > _SHOWN_FAILURES:
        codes = Counter(failure.code for failure in summary.failures[_SHOWN_FAILURES:])
        console.print(f"[red]✗[/] and {sum(codes.values())} more: {dict(codes)}")
    counts = {
        "new": summary.created,
        "changed": summary.updated,
        "equal": summary.equal,
        "unchanged": summary.unchanged,
        "vanished": summary.deleted,
        "failed": len(summary.failures),
    }
    told = " · ".join(f"{number} {word}" for word, number in counts.items() if number)
    rate = summary.files / summary.seconds if summary.seconds else 0
    pace = f"[dim]({rate:.0f}/s, {bytes_of(summary.bytes)} read)[/]"
    console.print(f"[bold]{summary.files} files[/] in {summary.seconds:.1f} s {pace}: {told or 'nothing'}\n")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Documents")(ingest)


def _checked(texts: list[str], urls: Path | None, *, watch: bool) -> list[str]:
    """The paths, if they and the options go together."""
    if "-" in texts and (len(texts) > 1 or urls or watch):
        raise InvalidInput(
            "- cannot be mixed with paths, URLs or --watch", remedy="ingest standard input alone"
        )
    if not texts and not urls:
        raise InvalidInput("nothing to ingest", remedy="name files, folders or URLs, or a list with --urls")
    if watch and urls:
        raise InvalidInput("URLs cannot be watched", remedy="ingest them without --watch")
    return texts
