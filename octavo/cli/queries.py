"""update · delete-many · group"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from octavo.cli import listing
from octavo.cli.documents import Where, json_object
from octavo.cli.session import Json, Namespace, Organization, console, errors, of, print_json, run
from octavo.store.bulk import MAX_CHANGED, BulkChange
from octavo.values.group import Groups

Type = Annotated[str, typer.Argument(metavar="TYPE", help="Only this type.")]
Needed = Annotated[
    str,
    typer.Option(
        metavar="JSON", help="""Filter, as '{"status": "done"}'; '{}' for all documents of the type."""
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Change nothing, count.")]
Most = Annotated[int, typer.Option("--max-changed", help="Refuse to change more documents than this.", min=1)]
NoLimit = Annotated[bool, typer.Option("--no-limit", help="Change any number of documents.")]


def _names(of_what: str) -> Any:
    return typer.Option(metavar="FIELD,…", help=of_what)


def update(
    context: typer.Context,
    type: Type,
    patch: Annotated[
        str, typer.Argument(metavar="PATCH", help="""As '{"status": "closed", "$inc": {"round": 1}}'.""")
    ],
    where: Needed,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="Patch of the metadata.")] = None,
    dry_run: DryRun = False,
    max_changed: Most = MAX_CHANGED,
    no_limit: NoLimit = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Patch every document that a filter holds for, in chunks; interrupted, run it again.

    Example: [dim]octavo update ticket '{"status": "closed"}' --where '{"status": "done"}' --dry-run[/]
    """
    changed, condition = json_object(patch, "patch"), json_object(where, "filter")
    attributes = json_object(metadata, "metadata") if metadata else None

    async def work() -> BulkChange:
        async with of(context).workspace(organization, namespace) as (_, view):
            with _progress("updating") as tell:
                return await view.documents.update_many(
                    type,
                    changed,
                    where=condition,
                    metadata=attributes,
                    max_changed=None if no_limit else max_changed,
                    dry_run=dry_run,
                    progress=tell,
                )

    _report(work, as_json, dry_run, "updated")


def delete_many(
    context: typer.Context,
    type: Type,
    where: Needed,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    dry_run: DryRun = False,
    max_changed: Most = MAX_CHANGED,
    no_limit: NoLimit = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Delete every document that a filter holds for, in chunks; restore-document brings each back.

    Example: [dim]octavo delete-many ticket --where '{"status": "spam"}' --yes[/]
    """
    condition = json_object(where, "filter")
    most = None if no_limit else max_changed

    async def work() -> BulkChange:
        async with of(context).workspace(organization, namespace) as (_, view):
            docs = view.documents
            if not yes and not dry_run:
                matched = (
                    await docs.delete_many(type, where=condition, max_changed=most, dry_run=True)
                ).matched
                typer.confirm(f"Delete {matched} documents of type {type}?", abort=True, err=True)
            with _progress("deleting") as tell:
                return await docs.delete_many(
                    type, where=condition, max_changed=most, dry_run=dry_run, progress=tell
                )

    _report(work, as_json, dry_run, "deleted")


def group(
    context: typer.Context,
    type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Only this type.")] = None,
    by: Annotated[str, _names("Fields and attributes, as status,@created_by or @created_at.day.")] = "",
    sum: Annotated[str, _names("Add these up.")] = "",  # noqa: A002  # the option's name
    min: Annotated[str, _names("The least of these.")] = "",  # noqa: A002  # the option's name
    max: Annotated[str, _names("The greatest of these.")] = "",  # noqa: A002  # the option's name
    avg: Annotated[str, _names("The average of these.")] = "",
    where: Where = None,
    order: Annotated[str, typer.Option(help="count or a name of --by; - in front: descending.")] = "-count",
    limit: Annotated[int, typer.Option(help="Groups at most.", min=1)] = 20,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Count documents by what they have in common, and add up their numbers.

    Example: [dim]octavo group ticket --by status,@created_at.month --sum price --avg price[/]
    """
    condition = json_object(where, "filter") if where else None

    async def work() -> Groups:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.group(
                type,
                by=_split(by),
                sum=_split(sum),
                min=_split(min),
                max=_split(max),
                avg=_split(avg),
                where=condition,
                order=order,
                limit=limit,
            )

    found = run(work)
    if as_json:
        _print_exactly({"total": found.total, "groups": [group.as_dict() for group in found]})
        return
    console.print(listing.groups(found))
    if found.total > len(found):
        console.print(f"[dim]{len(found)} of {found.total} groups; more: --limit[/]")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    for command in (update, delete_many, group):
        app.command(rich_help_panel="Documents")(command)


@contextmanager
def _progress(doing: str) -> Iterator[Callable[[int, int], None]]:
    """What tells a progress bar on standard error how far a bulk change is."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as bar:
        task = bar.add_task(doing, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)


def _report(work: Callable[[], Awaitable[BulkChange]], as_json: bool, dry_run: bool, done: str) -> None:
    change = run(work)
    if as_json:
        print_json({**change.as_dict(), "dry_run": dry_run})
    elif dry_run:
        console.print(f"{change.matched} documents would be {done}")
    else:
        equal = change.matched - change.changed
        console.print(
            f"{change.changed} documents {done}" + (f", {equal} were equal already" if equal else "")
        )


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]


def _print_exactly(value: Any) -> None:
    """Print JSON whose numbers have all their digits."""
    text = msgspec.json.Encoder(decimal_format="number").encode(value)
    typer.echo(msgspec.json.format(text, indent=2 if console.is_terminal else 0).decode())
