"""`schema.sql`: what all migrations together make, to be read in one place and proven equal by a test.

python -m octavo.postgres.schema > octavo/postgres/schema.sql
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from octavo.errors import RecordFault
from octavo.postgres.migrator import migrate
from octavo.postgres.scratch import scratch_server
from octavo.postgres.server.binaries import Binaries, find

HEADER = """\
-- What the migrations make. Written by `python -m octavo.postgres.schema`, never by hand, and never run:
-- the migrations are the truth, and a test holds this file against them.
"""

# Monthly partitions come and go with time, indexes of many vectors with them; the rest of a dump's noise comes and
# goes with pg_dump's version.
_NOT_SCHEMA = "octavo.(event|run_history|analytics_fact)_[0-9]*"
_NOISE = re.compile(
    r"^(?:--|SET |SELECT pg_catalog\.set_config|\\(?:un)?restrict |CREATE INDEX vector_passage_nearest_\d)"
)


def dump_schema(arguments: Mapping[str, Any], binaries: Binaries | None = None) -> str:
    """The schema `octavo` of a database as normal SQL, the same for equal schemas. Blocks: call it in a thread.

    Args:
        arguments: host, port, user and database, as the embedded server's `dsn` gives them; or a URL as `dsn`,
            and perhaps a database.
        binaries: where `pg_dump` is; by default those of the embedded server.

    Raises:
        RecordFault: pg_dump failed; its words are in the message.
    """
    program = (binaries or find()).program("pg_dump")
    place, environment = _place(arguments)
    done = subprocess.run(
        [
            program, "--schema-only", "--schema=octavo", f"--exclude-table={_NOT_SCHEMA}", "--no-comments", *place,
        ],
        capture_output=True, text=True, check=False, env={**os.environ, **environment},
    )  # fmt: skip
    if done.returncode != 0:
        raise RecordFault(f"pg_dump could not read the schema: {done.stderr.strip()}")
    return HEADER + normalised(done.stdout)


def _place(arguments: Mapping[str, Any]) -> tuple[list[str], dict[str, str]]:
    """Where pg_dump connects to; a password goes into its environment, which only its user can read."""
    if "dsn" not in arguments:
        words = {"host": "host", "port": "port", "user": "username", "database": "dbname"}
        return [f"--{word}={arguments[name]}" for name, word in words.items()], {}
    url = urlsplit(arguments["dsn"])
    login, at, server = url.netloc.rpartition("@")
    user, _, password = login.partition(":")
    path = f"/{quote(arguments['database'])}" if "database" in arguments else url.path
    bare = url._replace(netloc=f"{user}{at}{server}", path=path).geturl()
    return [f"--dbname={bare}"], {"PGPASSWORD": unquote(password)} if password else {}


def normalised(dump: str) -> str:
    """A dump without what differs between equal schemas: comments, session settings, empty lines."""
    lines = [line.rstrip() for line in dump.splitlines()]
    kept = [line for line in lines if not _NOISE.match(line)]
    return re.sub(r"\n{2,}", "\n\n", "\n".join(kept)).strip("\n") + "\n"


def main() -> None:
    """Migrate a database in a temporary place and print its schema."""
    with scratch_server() as server:
        arguments = server.running.dsn("octavo_admin")
        asyncio.run(migrate(arguments))
        sys.stdout.write(dump_schema(arguments))


if __name__ == "__main__":
    main()
