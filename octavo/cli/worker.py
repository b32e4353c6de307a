"""worker"""

from __future__ import annotations

import asyncio
import signal
from contextlib import AsyncExitStack
from typing import Annotated

import typer

from octavo.cli.session import Json, console, errors, of, print_line, run
from octavo.database import Octavo
from octavo.errors import InvalidInput

_RUNS, _UPKEEP = "runs", "upkeep"


def worker(
    context: typer.Context,
    role: Annotated[
        list[str] | None,
        typer.Option(
            "--role", metavar="NAME", help="Only this: search, vectors …, runs, upkeep; repeatable."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Work beside the calls until SIGTERM or Ctrl-C: keep the engines up to date, execute runs, do what upkeep is due.

    Any number of workers may run, on any machine: of each engine one has the lease, and another takes over within
    seconds when it dies. Told to stop, a worker ends what it has begun, gives its leases up and exits with 0.

    Examples: [dim]octavo worker[/]

    [dim]octavo worker --role search --role upkeep[/]
    """
    run(lambda: _work(of(context).open(), frozenset(role or ()), as_json=as_json))


async def _work(database: Octavo, roles: frozenset[str], *, as_json: bool) -> None:
    stop = _told_to_stop()
    async with database as db, AsyncExitStack() as working:
        known = {name.partition(" ")[0] for name in db.projections} | {_RUNS, _UPKEEP}
        if unknown := sorted(roles - known):
            raise InvalidInput(
                f"there is no role {unknown[0]!r}", remedy=f"give some of {', '.join(sorted(known))}"
            )
        db.record.system  # noqa: B018 - a worker serves all organizations, or says why it cannot
        chosen = roles or known
        db.projections.start(chosen)
        if _UPKEEP in chosen:
            db.upkeep.start()
        if _RUNS in chosen:
            await working.enter_async_context(db.worker())
        _say(
            f"working for {', '.join(sorted(chosen))}", {"state": "working", "roles": sorted(chosen)}, as_json
        )
        await stop.wait()
        if not as_json:
            errors.print("[dim]ending what has begun[/]")
    _say("stopped", {"state": "stopped"}, as_json)


def _say(text: str, told: dict[str, object], as_json: bool) -> None:
    if as_json:
        print_line(told)
    else:
        console.print(text)


def _told_to_stop() -> asyncio.Event:
    """Set by the first signal; the second one ends the program as ever."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def tell(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, tell, number)
    return stop


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(rich_help_panel="Server")(worker)
