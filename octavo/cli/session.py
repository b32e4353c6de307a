"""What the commands share: the options of every command, the open database, and the answer's form."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from os import fspath
from pathlib import Path
from typing import Annotated, Any, TypeVar

import msgspec
import typer
from rich.console import Console

import octavo
from octavo.database import Octavo
from octavo.settings import Settings
from octavo.workspace import Workspace

Answer = TypeVar("Answer")

Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Organization = Annotated[
    str | None, typer.Option("--org", metavar="NAME", help="Organization; default: default.")
]
Namespace = Annotated[
    str | None, typer.Option("--namespace", "-n", metavar="NAME", help="Namespace; default: default.")
]

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


class Session(msgspec.Struct, frozen=True):
    """The options given before the command."""

    data: str | None
    actor: str | None
    session: str | None

    @property
    def settings(self) -> Settings:
        """What these options, the environment and the file say together."""
        return octavo.load_settings({"record": self.data, "actor": self.actor})

    @property
    def embedded(self) -> bool:
        """Whether the record is an embedded one."""
        return "://" not in self.settings.record

    @property
    def directory(self) -> Path:
        """The data directory of an embedded record."""
        return Path(self.settings.record.removeprefix("embedded:")).expanduser()

    def open(self, *, background: bool = False) -> Octavo:
        """The database these options name, not opened yet."""
        return octavo.open(self.data, actor=self.actor, background=background)

    @asynccontextmanager
    async def workspace(
        self, organization: str | None = None, namespace: str | None = None
    ) -> AsyncIterator[tuple[Octavo, Workspace]]:
        """The open database and one organization's view of it."""
        async with self.open() as db:
            view = db.organization(organization) if organization else db.default
            if namespace:
                view = view.namespace(namespace)
            if self.session:
                view = view.acting(session=self.session)
            yield db, view


def of(context: typer.Context) -> Session:
    """The session of a running command."""
    session: Session = context.obj
    return session


def run(work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Run a command's asynchronous part to its end."""

    async def whole() -> Answer:
        return await work()

    return asyncio.run(whole())


def print_json(value: Any) -> None:
    """Print a value as JSON, readable on a terminal and one line in a pipe."""
    indent = 2 if console.is_terminal else None
    typer.echo(json.dumps(msgspec.to_builtins(value, enc_hook=fspath), ensure_ascii=False, indent=indent))


def print_line(value: Any) -> None:
    """Print a value as one line of JSON."""
    typer.echo(json.dumps(msgspec.to_builtins(value, enc_hook=fspath), ensure_ascii=False))
