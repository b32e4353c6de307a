"""backup · verify-backup · restore · export · import"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from octavo.cli.render import bytes_of
from octavo.cli.session import Json, Namespace, Organization, console, errors, of, print_json, run
from octavo.engines.blobs.files import FileBlobs
from octavo.opening import blob_directory
from octavo.operations import backup as backups
from octavo.operations import restore as restoring
from octavo.operations import verify as verifying
from octavo.operations.problems import Problem

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the backup.")]


def backup(context: typer.Context, directory: Directory, as_json: Json = False) -> None:
    """Back up the whole database, record and original files, while it is in use.

    Example: [dim]octavo backup /backups/monday[/]
    """

    async def work() -> Any:
        with _bar("backing up") as progress:
            async with of(context).open() as db:
                url = db.settings.record_backup
                connect = {"dsn": url} if url else None
                return await backups.backup(
                    db.record, db.blobs, directory, connect=connect, progress=progress
                )

    made = run(work)
    if as_json:
        print_json(made.as_dict())
    else:
        console.print(
            f"[green]{made.directory}[/]: {made.documents} documents, {made.versions} versions, {made.events} events, "
            f"{made.blobs} files, {bytes_of(made.bytes)} in {made.seconds:.1f} s"
        )


def verify_backup(directory: Directory, as_json: Json = False) -> None:
    """Check every file of a backup against its checksum.

    Example: [dim]octavo verify-backup /backups/monday[/]
    """

    async def work() -> Any:
        with _bar("verifying") as progress:
            return await verifying.verify(directory, progress=progress)

    found = run(work)
    if as_json:
        print_json(found.as_dict())
    else:
        console.print(f"[green]whole[/] {found.files} files, {bytes_of(found.bytes)}")


def restore(context: typer.Context, directory: Directory, as_json: Json = False) -> None:
    """Restore a backup into a new data directory, or an empty database by URL as a superuser; then compare.

    Example: [dim]octavo --data ./restored restore /backups/monday[/]
    """
    session = of(context)
    target: Path | str = session.directory if session.embedded else session.settings.record
    blobs = None if session.embedded else FileBlobs(blob_directory(session.settings))

    async def work() -> Any:
        with _bar("restoring") as progress:
            return await restoring.restore(directory, target, blobs=blobs, progress=progress)

    restored = run(work)
    if as_json:
        print_json(restored.as_dict())
    else:
        place = target if session.embedded else "the database"
        console.print(f"[green]restored[/] to {place}: {restored.documents} documents, digests equal")


def export(
    context: typer.Context,
    directory: Directory,
    type: Annotated[str | None, typer.Option("--type", help="Only this type.")] = None,
    history: Annotated[bool, typer.Option("--history", help="With every version's body.")] = False,
    as_json: Json = False,
    organization: Organization = None,
) -> None:
    """Write an organization's documents as JSON lines, with their original files.

    Example: [dim]octavo export ./out --history[/]
    """

    async def work() -> Any:
        with _bar("exporting", bytes_told=False) as progress:
            async with of(context).workspace(organization) as (_, view):
                return await view.export(directory, type=type, history=history, progress=progress)

    made = run(work)
    if as_json:
        print_json(made.as_dict())
    else:
        console.print(
            f"[green]{made.directory}[/]: {made.documents} documents, {made.files} files in {made.seconds:.1f} s"
        )
        _show_problems(made.problems)


def import_(
    context: typer.Context,
    source: Annotated[Path, typer.Argument(metavar="DIR|FILE", help="What export wrote, or JSON lines.")],
    new_ids: Annotated[bool, typer.Option("--new-ids", help="Do not keep the documents' ids.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything and roll it back.")] = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Put exported documents, or JSON lines, into an organization; a second run changes nothing.

    Example: [dim]octavo import ./out --org acme --dry-run[/]
    """

    async def work() -> Any:
        with _bar("importing") as progress:
            async with of(context).workspace(organization, namespace) as (db, view):
                done = await view.import_from(
                    source, keep_ids=not new_ids, dry_run=dry_run, progress=progress
                )
                await db.drain()
                return done

    done = run(work)
    if as_json:
        print_json(done.as_dict())
        return
    would = "would be " if done.dry_run else ""
    console.print(
        f"{would}{done.created} new · {done.updated} changed · {done.unchanged} unchanged · {done.failed} failed"
    )
    if done.triggers or done.schedules:
        console.print(f"{done.triggers} triggers and {done.schedules} schedules new or changed")
    _show_problems(done.problems)


def _show_problems(problems: Sequence[Problem]) -> None:
    for problem in problems[:20]:
        console.print(f"[red]✗[/] {escape(str(problem))}", soft_wrap=True)


@contextmanager
def _bar(title: str, *, bytes_told: bool = True) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, fed with bytes, or documents, done of those to do."""
    counts = DownloadColumn() if bytes_told else MofNCompleteColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), counts, TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (backup, verify_backup, restore, export):
        app.command(rich_help_panel="Administration")(command)
    app.command("import", rich_help_panel="Administration")(import_)
