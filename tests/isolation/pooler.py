"""A real PgBouncer in transaction mode before a server of the tests."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from octavo.postgres.server import Server

CONFIGURATION = """\
[databases]
* = host={socket} port={server_port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {pool_size}
max_client_conn = 200
logfile = {folder}/log
pidfile = {folder}/pid
"""
ROLES = ("octavo_app", "octavo_system", "octavo_admin")


@dataclass(frozen=True)
class Pooler:
    """Where a running PgBouncer listens."""

    port: int

    def url(self, role: str, database: str) -> str:
        """The URL under which a role reaches a database through it."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}?sslmode=disable"


@contextmanager
def pgbouncer(server: Server, *, pool_size: int) -> Iterator[Pooler]:
    """Run PgBouncer with so many server connections a role and database."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
    assert program, "the tests need pgbouncer: tools/install-pgbouncer"
    folder = Path(tempfile.mkdtemp(prefix="octavo-pgbouncer-"))
    pooler = Pooler(_free_port())
    (folder / "users").write_text("".join(f'"{role}" ""\n' for role in ROLES), encoding="ascii")
    (folder / "pgbouncer.ini").write_text(
        CONFIGURATION.format(
            socket=server.running.socket, server_port=server.running.port, port=pooler.port, folder=folder,
            pool_size=pool_size,
        ),
        encoding="utf-8",
    )  # fmt: skip
    process = subprocess.Popen(
        [program, folder / "pgbouncer.ini"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        **_as_who_may_connect(server, folder),
    )  # fmt: skip
    try:
        _wait_until_it_listens(process, pooler.port, folder)
        yield pooler
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _as_who_may_connect(server: Server, folder: Path) -> dict[str, int]:
    """PgBouncer refuses root, and the server lets in only the account it runs under."""
    if os.geteuid() != 0:
        return {}
    owner = server.running.socket.stat()
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid)
    return {"user": owner.st_uid, "group": owner.st_gid}


def _wait_until_it_listens(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    while process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
    raise AssertionError(
        (folder / "log").read_text("utf-8") if (folder / "log").exists() else "it ended at once"
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
