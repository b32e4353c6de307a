"""put · get · find · count · history · diff · revert · tag · untag · delete · restore · purge"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from octavo.cli import listing, render
from octavo.cli.session import Json, Namespace, Organization, console, of, print_json, run
from octavo.errors import InvalidInput
from octavo.values.json import parse_text
from octavo.values.page import Page
from octavo.values.plan import Plan

Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the document.")]
Expect = Annotated[int | None, typer.Option(help="Only if this is the current version.")]
Where = Annotated[
    str | None,
    typer.Option(metavar="JSON", help="""Filter, as '{"status": "draft", "@created_by": "ann"}'."""),
]


def put(
    context: typer.Context,
    type: Annotated[str, typer.Argument(metavar="TYPE", help="What kind of document it is.")],
    body: Annotated[
        str, typer.Option(metavar="FILE|-", help="File with the JSON body; - reads standard input.")
    ],
    name: Annotated[
        str | None, typer.Option(help="Name; the same name again makes the next version.")
    ] = None,
    id: Annotated[str | None, typer.Option("--id", help="Id to create or to change.")] = None,
    metadata: Annotated[str | None, typer.Option(metavar="JSON", help="Free attributes.")] = None,
    expect: Annotated[int | None, typer.Option(help="0: create only; n: replace version n only.")] = None,
    ttl: Annotated[
        float | None, typer.Option("--ttl", metavar="SECONDS", help="Delete it, softly, after so long.")
    ] = None,
    expires_at: Annotated[
        str | None, typer.Option(metavar="MOMENT", help="Delete it then, as 2027-01-31T12:00:00Z.")
    ] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Store a document, or its next version.

    Example: [dim]echo '{"title": "Hello"}' | octavo put article --name hello --body -[/]

    Example: [dim]octavo put session --body session.json --ttl 3600[/]
    """
    content = json_object(_read(body), "body")
    attributes = json_object(metadata, "metadata") if metadata else None

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.put(
                type,
                content,
                name=name,
                id=id,
                metadata=attributes,
                expect=expect,
                expires_at=_moment(expires_at) if expires_at else None,
                ttl_seconds=ttl,
            )

    doc = run(work)
    if as_json:
        print_json(doc.as_dict())
    else:
        console.print(render.document(doc))


def get(
    context: typer.Context,
    id: Id,
    version: Annotated[int | None, typer.Option(help="This version.")] = None,
    tag: Annotated[str | None, typer.Option(help="The version this tag points to.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="As it was then, in ISO 8601.")] = None,
    deleted: Annotated[bool, typer.Option("--deleted", help="Show it also when it is deleted.")] = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Show a document: the current version, or an earlier one.

    Example: [dim]octavo get 01932f… --tag production[/]
    """
    moment = _moment(at) if at else None

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.get(id, version=version, tag=tag, at=moment, deleted=deleted)

    doc = run(work)
    if as_json:
        print_json(doc.as_dict())
    else:
        console.print(render.document(doc))


def find(
    context: typer.Context,
    type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Only this type.")] = None,
    where: Where = None,
    order: Annotated[
        str, typer.Option(help="@created_at, @updated_at, @name …; - in front: descending.")
    ] = "-@created_at",
    limit: Annotated[int, typer.Option(help="Documents at most.", min=1)] = 20,
    cursor: Annotated[str | None, typer.Option(help="Where the page before ended.")] = None,
    fields: Annotated[
        str, typer.Option(metavar="FIELD,…", help="Read and show these of the bodies, as title,author.name.")
    ] = "",
    explain: Annotated[
        bool, typer.Option("--explain", help="Tell how they are found: index, rows, blocks, time.")
    ] = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """List documents by filter.

    Example: [dim]octavo find article --where '{"status": "draft"}' --order -@updated_at --fields title,status[/]
    """
    condition = json_object(where, "filter") if where else None
    wanted = [name.strip() for name in fields.split(",") if name.strip()] or None

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            found = view.documents.find(
                type, where=condition, order=order, limit=limit, cursor=cursor, fields=wanted
            )
            return await (found.explain() if explain else found.page())

    answer = run(work)
    if explain:
        _explained(answer, as_json)
    else:
        _listed(answer, wanted, as_json)


def _explained(plan: Plan, as_json: bool) -> None:
    if as_json:
        print_json(plan.as_dict())
    else:
        console.print(listing.plan(plan))


def _listed(page: Page, fields: list[str] | None, as_json: bool) -> None:
    if as_json:
        print_json([doc.as_dict() for doc in page.documents])
        return
    if fields:
        console.print(listing.with_fields(page.documents, fields))
    else:
        console.print(listing.documents(page.documents, console.width))
    if page.cursor:
        console.print(f"[dim]more: --cursor {page.cursor}[/]", soft_wrap=True)


def count(
    context: typer.Context,
    type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="Only this type.")] = None,
    where: Where = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Count documents by filter.

    Example: [dim]octavo count article --where '{"status": "draft"}'[/]
    """
    condition = json_object(where, "filter") if where else None

    async def work() -> int:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.count(type, where=condition)

    total = run(work)
    if as_json:
        print_json({"count": total})
    else:
        console.print(total)


def history(
    context: typer.Context,
    id: Id,
    limit: Annotated[int, typer.Option(help="Versions at most.", min=1)] = 50,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Show a document's versions, newest first.

    Example: [dim]octavo history 01932f…[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.history(id, limit=limit)

    versions = run(work)
    if as_json:
        print_json([version.as_dict() for version in versions])
    else:
        console.print(render.history(versions))


def diff(
    context: typer.Context,
    id: Id,
    before: Annotated[int, typer.Argument(metavar="A", help="The earlier version.")],
    after: Annotated[int, typer.Argument(metavar="B", help="The later version.")],
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Show what changed between two versions.

    Example: [dim]octavo diff 01932f… 1 2[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.diff(id, before, after)

    found = run(work)
    if as_json:
        print_json(found)
    elif found:
        console.print(render.differences(found))
    else:
        console.print("[dim]no difference[/]")


def revert(
    context: typer.Context,
    id: Id,
    version: Annotated[int, typer.Argument(metavar="VERSION", help="The version to go back to.")],
    expect: Expect = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Make a new version that is as an earlier one was.

    Example: [dim]octavo revert 01932f… 1[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.revert(id, version, expect=expect)

    doc = run(work)
    if as_json:
        print_json(doc.as_dict())
    else:
        console.print(render.document(doc))


def tag(
    context: typer.Context,
    id: Id,
    name: Annotated[str, typer.Argument(metavar="TAG", help="Name of the tag, as production.")],
    version: Annotated[int | None, typer.Option(help="The version; default: the current one.")] = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Point a tag at a version.

    Example: [dim]octavo tag 01932f… production --version 3[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.tag(id, name, version=version)

    moved = run(work)
    if as_json:
        print_json(
            {
                "id": str(moved.document_id),
                "tag": moved.name,
                "version": moved.version,
                "previous": moved.previous,
                "position": str(moved.position),
            }
        )
    else:
        before = f" [dim](was {moved.previous})[/]" if moved.previous else ""
        console.print(f"[green]{moved.name}[/] → version {moved.version}{before}")


def untag(
    context: typer.Context,
    id: Id,
    name: Annotated[str, typer.Argument(metavar="TAG", help="Name of the tag.")],
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Take a tag away.

    Example: [dim]octavo untag 01932f… staging[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.untag(id, name)

    position = run(work)
    _report(as_json, {"id": id, "tag": name, "position": str(position)}, f"{name} removed")


def delete(
    context: typer.Context,
    id: Id,
    expect: Expect = None,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Delete a document; restore brings it back.

    Example: [dim]octavo delete 01932f…[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.delete(id, expect=expect)

    doc = run(work)
    _report(
        as_json,
        doc.as_dict(),
        f"deleted {doc.type} {doc.name or doc.id}; `octavo restore-document {doc.id}` undoes it",
    )


def restore_document(
    context: typer.Context,
    id: Id,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Bring a deleted document back.

    Example: [dim]octavo restore-document 01932f…[/]
    """

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.restore(id)

    doc = run(work)
    _report(as_json, doc.as_dict(), f"restored {doc.type} {doc.name or doc.id} as version {doc.version}")


def purge(
    context: typer.Context,
    id: Id,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
    organization: Organization = None,
    namespace: Namespace = None,
) -> None:
    """Remove a document for good, with all its versions.

    Example: [dim]octavo purge 01932f… --yes[/]
    """
    if not yes:
        typer.confirm(f"Remove {id} and all its versions for good?", abort=True)

    async def work() -> Any:
        async with of(context).workspace(organization, namespace) as (_, view):
            return await view.documents.purge(id)

    position = run(work)
    _report(as_json, {"id": id, "position": str(position)}, f"purged {id}")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    panel = "Documents"
    for command in (
        put,
        get,
        find,
        count,
        history,
        diff,
        revert,
        tag,
        untag,
        delete,
        restore_document,
        purge,
    ):
        app.command(rich_help_panel=panel)(command)


def _report(as_json: bool, data: dict[str, Any], line: str) -> None:
    if as_json:
        print_json(data)
    else:
        console.print(line)


def _read(source: str) -> str:
    if source == "-":
        return sys.stdin.read()
    try:
        return Path(source).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(
            f"{source} cannot be read: {error}", remedy="give a JSON file, or - for standard input"
        ) from error


def json_object(text: str, what: str) -> dict[str, Any]:
    """An object that was given as JSON on the command line; raises `InvalidInput` for anything else."""
    value = parse_text(text, what=what)
    if not isinstance(value, dict):
        raise InvalidInput(f"the {what} is not a JSON object", remedy='write {"field": …}')
    return value


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(f"{text!r} is not a time", remedy="write 2026-01-31T12:00:00Z") from error
    return moment if moment.tzinfo else moment.astimezone()
