"""The commands, gathered; errors become one line and an exit code."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from octavo.cli import (
    analytics,
    backup,
    batch,
    component,
    demo,
    documents,
    engines,
    events,
    ingest,
    labels,
    links,
    maintain,
    migrate,
    model,
    organizations,
    pipeline,
    queries,
    query,
    result,
    run,
    schedule,
    search,
    server,
    template,
    topic,
    trigger,
    types,
    worker,
)
from octavo.cli.narrow import narrowed
from octavo.cli.session import Session
from octavo.errors import InvalidInput, OctavoError

app = typer.Typer(
    name="octavo",
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A document database that starts as one folder: real PostgreSQL, versions, search, events.",
)


@app.callback()
def options(
    context: typer.Context,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            "-d",
            metavar="DIR|URL",
            help="Data directory, or postgresql://…; default ./octavo-data.",
        ),
    ] = None,
    actor: Annotated[
        str | None,
        typer.Option(metavar="KIND:ID", help="On whose behalf, as user:ann; recorded with each change."),
    ] = None,
    session: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Session that groups what one conversation or job touched."),
    ] = None,
) -> None:
    """Options that go before the command."""
    context.obj = Session(data=data, actor=actor, session=session)


for group in (
    server,
    documents,
    queries,
    labels,
    links,
    search,
    query,
    events,
    analytics,
    ingest,
    backup,
    engines,
    worker,
    maintain,
    organizations,
    types,
    template,
    pipeline,
    component,
    run,
    result,
    model,
    topic,
    batch,
    schedule,
    trigger,
    migrate,
    demo,
):
    group.register(app)


def main() -> None:
    """Run the command line. Exit codes: 0 done, 1 failed with one line on stderr, 2 wrong usage."""
    sys.path.insert(0, "")  # the models of --types and OCTAVO_TYPES lie where the command is given
    try:
        narrowed(app, sys.argv[1:])()
    except OctavoError as error:
        typer.echo(f"octavo: {_one_line(str(error))}", err=True)
        sys.exit(2 if type(error) is InvalidInput and error.fields.get("usage") else 1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        # The reader of a pipe, `head` say, has had enough.
        sys.stderr.close()
        sys.exit(0)


def _one_line(text: str) -> str:
    return " ".join(text.split())
