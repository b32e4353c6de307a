"""backup · verify-backup · restore"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from octavo.cli.render import bytes_of
from octavo.cli.session import Json, console, errors, of, print_json, run
from octavo.operations import backup as backups
from octavo.operations import restore as restoring
from octavo.operations import verify as verifying

Directory = Annotated[Path, typer.Argument(metavar="DIR", help="Directory of the backup.")]


def backup(context: typer.Context, directory: Directory, as_json: Json = False) -> None:
    """Back up the whole database, record and original files, while it is in use.

    Example: [dim]octavo backup /backups/monday[/]
    """

    async def work() -> Any:
        with _bar("backing up") as progress:
            async with of(context).open() as db:
                return await backups.backup(db.record, db.blobs, directory, progress=progress)

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
    """Restore a backup into a new data directory, and compare what came out with what went in.

    Example: [dim]octavo --data ./restored restore /backups/monday[/]
    """
    session = of(context)
    target: Path | str = session.directory if session.embedded else session.settings.record

    async def work() -> Any:
        with _bar("restoring") as progress:
            return await restoring.restore(directory, target, progress=progress)

    restored = run(work)
    if as_json:
        print_json(restored.as_dict())
    else:
        console.print(f"[green]restored[/] to {target}: {restored.documents} documents, digests equal")


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on standard error, fed with bytes done of bytes to do."""
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=errors, transient=True) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (backup, verify_backup, restore):
        app.command(rich_help_panel="Administration")(command)
