"""PostgreSQL's own programs, run beside us: whom they connect to, and what they say when they fail."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from octavo.errors import BackupFault
from octavo.postgres.server import binaries

_STOP_SECONDS = 10.0


async def run(program: str, *arguments: str | Path, connect: Mapping[str, Any] | None = None) -> str:
    """Run `pg_dump`, `pg_restore` … to its end; cancelled, it is ended too.

    Args:
        connect: what the driver's `connect` takes; the password goes through the environment, since anybody
            on the machine may read a command line.

    Returns:
        What it wrote to its standard output.

    Raises:
        BackupFault: it failed, with its first word of an error.
        ServerFault: there is no such program.
    """
    found = binaries.find()
    target, environment = _connection(connect or {})
    process = await asyncio.create_subprocess_exec(
        found.program(program),
        *arguments,
        *target,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        umask=0o077,
    )
    try:
        output, errors = await process.communicate()
    except BaseException:
        await _end(process)
        raise
    if process.returncode != 0:
        raise _failure(program, found.version, errors.decode(errors="replace"))
    return output.decode(errors="replace")


def version() -> str:
    """The version of PostgreSQL's programs: `18.6`."""
    return binaries.find().version


def _connection(connect: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """The argument and the environment that make libpq connect where the driver would."""
    environment = {
        variable: str(connect[name])
        for name, variable in (
            ("host", "PGHOST"),
            ("port", "PGPORT"),
            ("user", "PGUSER"),
            ("database", "PGDATABASE"),
            ("password", "PGPASSWORD"),
        )
        if connect.get(name)
    }
    if "dsn" in connect:
        url, password = _without_password(connect["dsn"])
        return ["--dbname", url], environment | ({"PGPASSWORD": password} if password else {})
    return (["--dbname", connect["database"]] if "database" in connect else []), environment


def _without_password(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    query = parse_qsl(parts.query, keep_blank_values=True)
    password = unquote(parts.password or "") or dict(query).get("password", "")
    user, at, place = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}{at}{place}"
    rest = urlencode([(name, value) for name, value in query if name != "password"], safe="/")
    return urlunsplit(parts._replace(netloc=netloc, query=rest)), password


async def _end(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.communicate()
    except TimeoutError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _failure(program: str, version: str, errors: str) -> BackupFault:
    lines: Sequence[str] = [line.strip() for line in errors.splitlines() if "error:" in line] or [
        errors.strip()
    ]
    reason = lines[0].partition("error:")[2].strip() or lines[0]
    return BackupFault(
        f"{program} {version} failed: {reason[:300]}",
        remedy=f"mend what it says; other programs of PostgreSQL can be named in {binaries.SETTING}",
        program=program,
    )
