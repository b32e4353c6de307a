"""ingest"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from octavo.cli.render import bytes_of
from octavo.cli.session import Json, Namespace, Organization, console, errors, of, print_json, run
from octavo.errors import InvalidInput, UnreadableFile
from octavo.ingest.summary import Progress as Reached
from octavo.ingest.summary import Summary
from octavo.workspace import Workspace

_SHOWN_FAILURES = 20


def ingest(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH…", help="Files and folders; - reads standard input.")
    ],
    sync: Annotated[
        bool, typer.Option("--sync", help="Also delete the documents of vanished files.")
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
    """Make documents of files: PDF, Word, HTML, Markdown, e-mail, text. Unchanged files are skipped.

    Example: [dim]octavo ingest ~/Documents --sync[/]
    """

    async def work() -> Summary:
        async with of(context).workspace(organization, namespace) as (db, view):
            if paths == ["-"]:
                summary = await view.ingest_bytes(sys.stdin.buffer.read(), name=name or "stdin")
            else:
                summary = await read_with_progress(
                    view, _paths(paths), sync=sync, include=include or (), exclude=exclude or ()
                )
            await db.drain()
            return summary

    summary = run(work)
    if as_json:
        print_json(summary.as_dict())
    else:
        show_summary(summary)
    if summary.failures and summary.done == len(summary.failures):
        # Nothing at all could be read: the command did not do what it was asked.
        first = summary.failures[0]
        raise UnreadableFile(f"none of {summary.files} files could be read; {first.path}: {first.message}")


async def read_with_progress(view: Workspace, paths: list[Path], **options: Any) -> Summary:
    """Ingest with a progress bar on standard error."""
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

        return await view.ingest(*paths, progress=tell, **options)


def show_summary(summary: Summary) -> None:
    """Print the sums, and a line for each file that could not be read."""
    for failure in summary.failures[:_SHOWN_FAILURES]:
        console.print(
            f"[red]✗[/] {escape(str(failure.path))} [dim]{escape(failure.message)}[/]", soft_wrap=True
        )
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


def _paths(texts: list[str]) -> list[Path]:
    if "-" in texts:
        raise InvalidInput("- cannot be mixed with paths", remedy="ingest standard input alone")
    return [Path(text).expanduser() for text in texts]
