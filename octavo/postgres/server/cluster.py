"""One cluster of PostgreSQL: made, configured, started."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from octavo.errors import InvalidSetting, ServerFault
from octavo.postgres.server import faults, locks, postmaster
from octavo.postgres.server.account import Account, named
from octavo.postgres.server.binaries import Binaries, of_major
from octavo.postgres.server.directory import DataDirectory, make_private, write_private
from octavo.postgres.server.postmaster import Postmaster
from octavo.postgres.server.sockets import PORT

log = logging.getLogger("octavo.postgres")

ADMIN = "octavo_admin"
DATABASE = "octavo"
LOG_BYTES = 16 * 1024 * 1024
REPORT_SECONDS = 5.0
FILE_SECONDS = 10.0
MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cluster:
    """What is needed to make or start the cluster of one data directory."""

    directory: DataDirectory
    binaries: Binaries
    account: Account

    @property
    def path(self) -> Path:
        """PGDATA, without links."""
        return self.directory.home / "cluster"


def is_whole(directory: DataDirectory) -> bool:
    """Whether the cluster exists; it appears under its name only when complete and on disk."""
    return (directory.cluster / "PG_VERSION").exists()


def create(cluster: Cluster) -> None:
    """Make the cluster with its database `octavo`, whole or not at all.

    Built beside its place, synced once, and renamed: fsync of each file on the way would only cost time.

    Raises:
        ServerFault, StorageFault: PostgreSQL could not make it; nothing is left behind.
    """
    building = cluster.path.with_name(f"cluster.new-{secrets.token_hex(4)}")
    make_private(building)
    try:
        _run(
            cluster, building, "initdb", "--username", ADMIN, "--no-sync", "--no-instructions",
            "--encoding", "UTF8", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
            # The parser of text search asks the C library what a letter is.
            "--locale", "C", "--lc-ctype", "C.UTF-8",
            "--data-checksums", "--auth-local", "peer", "--auth-host", "reject",
        )  # fmt: skip
        _make_database(cluster, building)
        _run(cluster, building, "initdb", "--sync-only", "--sync-method", _sync_method())
        building.rename(cluster.path)
        _sync_directory(cluster.path.parent)
    finally:
        remove_unfinished(cluster)


def remove_unfinished(cluster: Cluster) -> None:
    """Delete clusters that were not completed; an initdb that outlived its caller is ended first."""
    for unfinished in cluster.path.parent.glob("cluster.new-*"):
        postmaster.clear_way(unfinished)
        shutil.rmtree(unfinished)


def _make_database(cluster: Cluster, building: Path) -> None:
    """Create `octavo` before there is a server, so that every cluster under its name has it."""
    _run(
        cluster, building, "postgres", "-c", "log_checkpoints=off", "postgres",
        first=("--single", "-F"), text=f"CREATE DATABASE {DATABASE}\n",
    )  # fmt: skip


def _run(
    cluster: Cluster,
    building: Path,
    program: str,
    *arguments: str,
    first: tuple[str, ...] = (),
    text: str = "",
) -> None:
    path = cluster.binaries.program(program)
    done = cluster.account.run(path, *first, "-D", building, *arguments, text=text, folder=building)
    if done.returncode != 0 or "ERROR:" in done.stderr:
        raise faults.from_output(
            f"{program} could not make the database in {cluster.directory.path}", done.stderr,
            remedy=f"try {path} by hand as user {cluster.account.name}",
        )  # fmt: skip


def _sync_method() -> str:
    return "syncfs" if os.uname().sysname == "Linux" else "fsync"


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_version(cluster: Cluster) -> None:
    """Raise ServerFault if the cluster is of another major version than the programs."""
    major = int((cluster.path / "PG_VERSION").read_text().strip())
    if major == cluster.binaries.major:
        return
    fitting = of_major(major)
    programs = fitting.directory if fitting else f"<bin of PostgreSQL {major}>"
    upgrade = (
        f"{cluster.binaries.program('pg_upgrade')} --old-bindir {programs}"
        f" --old-datadir {cluster.path} --new-datadir <a new cluster>"
    )
    raise ServerFault(
        f"the data in {cluster.directory.path} is of PostgreSQL {major}, the programs in"
        f" {cluster.binaries.directory} are PostgreSQL {cluster.binaries.major}",
        remedy=f"go on with OCTAVO_POSTGRES_BIN={programs}, or upgrade the data: {upgrade}",
        data_major=major,
        programs_major=cluster.binaries.major,
    )


def configure(cluster: Cluster, settings: Mapping[str, str]) -> None:
    """Write the configuration; lines a person adds to postgresql.conf win over ours.

    Only the account of the server and root may connect, over the socket, each as any role: the operating
    system tells the server who they are (peer authentication), so there is no password to keep or to lose.
    """
    names = {cluster.account.name} | {root.name for root in [named(0)] if root}
    lines = [
        f"{name} = {_quoted(value)}" for name, value in (recommended(memory_bytes()) | dict(settings)).items()
    ]
    _replace(
        cluster.path / "octavo.conf", "# Octavo writes this file at every start.\n" + "\n".join(lines) + "\n"
    )
    _replace(
        cluster.path / "pg_hba.conf", "local all all peer map=octavo\nlocal replication all peer map=octavo\n"
    )
    _replace(cluster.path / "pg_ident.conf", "".join(f'octavo "{name}" all\n' for name in sorted(names)))
    configuration = cluster.path / "postgresql.conf"
    if "octavo.conf" not in configuration.read_text():
        _replace(
            configuration,
            "# Your own settings go below this line and win over Octavo's.\ninclude 'octavo.conf'\n",
        )


def recommended(memory: int) -> dict[str, str]:
    """Settings for one machine that also runs the application.

    Args:
        memory: bytes the server and the application have together.
    """
    return {
        "max_connections": "100",
        "max_locks_per_transaction": "256",  # a look at all partitions of the log takes a lock each
        "shared_buffers": f"{_between(32, memory // 8 // MB, 1024)}MB",
        "effective_cache_size": f"{_between(64, memory // 2 // MB, 65536)}MB",
        "maintenance_work_mem": f"{_between(32, memory // 32 // MB, 256)}MB",
        "work_mem": f"{_between(4, memory // 512 // MB, 32)}MB",
        "random_page_cost": "1.1",  # solid state disks
        "jit": "off",  # compiling costs more than our short statements
        "wal_level": "replica",
        "wal_compression": "pglz",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "fsync": "on",
        "full_page_writes": "on",
        "synchronous_commit": "on",
        "autovacuum_naptime": "30s",
        "autovacuum_vacuum_scale_factor": "0.05",
        "autovacuum_vacuum_insert_scale_factor": "0.1",
        "autovacuum_analyze_scale_factor": "0.02",
        "idle_in_transaction_session_timeout": "5min",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",  # we look for its words
        # No value of a user may reach the log: errors quote them, and go to the client anyway.
        "log_min_messages": "log",
        "log_min_error_statement": "panic",
        "log_min_duration_statement": "-1",
        "log_error_verbosity": "terse",
        "log_parameter_max_length": "0",
        "log_parameter_max_length_on_error": "0",
        "log_checkpoints": "off",
        "log_startup_progress_interval": "5s",
    }


def memory_bytes() -> int:
    """Memory of this machine, or the limit of the container if that is less."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
    found = [Path(limit).read_text().strip() for limit in limits if Path(limit).is_file()]
    return min([total, *(int(limit) for limit in found if limit.isdigit())])


def _between(least: int, wanted: int, most: int) -> int:
    return max(least, min(wanted, most))


def _quoted(value: str) -> str:
    if "\n" in value:
        raise InvalidSetting(
            f"a setting of the server has more than one line: {value!r}", remedy="use one line"
        )
    return "'" + value.replace("'", "''") + "'"


def _replace(path: Path, text: str) -> None:
    """Write a configuration file whole or not at all, and only if it changed."""
    if path.exists() and path.read_text() == text:
        return
    building = path.with_name(f"{path.name}.new")
    write_private(building, text)
    building.replace(path)


def start(cluster: Cluster, socket: Path, deadline: float) -> Postmaster:
    """Start the server detached from this process and wait until it takes connections.

    Args:
        cluster: whose server.
        socket: directory of the socket, private and empty.
        deadline: monotonic seconds; crash recovery goes on after it, only the waiting ends.

    Raises:
        ServerFault, StorageFault: it ended, with the reason from its log, or is not ready in time.
    """
    if orphans := postmaster.clear_way(cluster.path):
        log.warning("ended processes that outlived their server: %s", orphans)
    quoted = str(socket).replace('"', '""')
    descriptor = open_log(cluster.directory.log)
    try:
        offset = os.fstat(descriptor).st_size
        pid = cluster.account.detach(
            [
                cluster.binaries.program("postgres"), "-D", cluster.path, "-p", str(PORT),
                "-c", "listen_addresses=", "-c", f'unix_socket_directories="{quoted}"',
                "-c", "unix_socket_permissions=0700", "-c", "logging_collector=off",
                "-c", "log_destination=stderr",
            ],
            log=descriptor,
        )  # fmt: skip
    finally:
        os.close(descriptor)
    return wait_until_ready(cluster.directory, deadline, pid=pid, offset=offset)


def wait_until_ready(
    directory: DataDirectory, deadline: float, *, pid: int | None = None, offset: int = 0
) -> Postmaster:
    """Wait for a server that is starting.

    Args:
        directory: whose server.
        deadline: monotonic seconds.
        pid: of the process just started; until it has written its file, only its life tells of it.
        offset: where its part of the log begins, in bytes.
    """
    started = reported = time.monotonic()
    while True:
        found = postmaster.living(directory.cluster)
        if found and found.status == "ready":
            return found
        if not found and not (pid and postmaster.exists(pid)):
            raise faults.from_output(
                f"the server of {directory.path} did not start", read_log(directory, offset),
                remedy=f"see {directory.log}",
            )  # fmt: skip
        now = time.monotonic()
        # Before it has written its file, the next one to open would take it for remains of a dead server.
        if now > deadline and (found or now > deadline + FILE_SECONDS):
            raise ServerFault(
                f"the server of {directory.path} is not ready after {now - started:.0f} s"
                f" ({_last_line(directory, offset)})",
                remedy="it goes on in the background: try again later, or raise start_timeout_seconds",
            )
        if now > reported + REPORT_SECONDS:
            reported = now
            log.info("waiting for the server of %s: %s", directory.path, _last_line(directory, offset))
        time.sleep(locks.POLL_SECONDS)


def read_log(directory: DataDirectory, offset: int) -> str:
    """The server's log from `offset` bytes on, at most its last 64 KiB."""
    with directory.log.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        file.seek(max(offset, end - 65536))
        return file.read().decode(errors="replace")


def _last_line(directory: DataDirectory, offset: int) -> str:
    lines = read_log(directory, offset).strip().splitlines()
    return lines[-1].strip() if lines else "nothing in its log yet"


def open_log(path: Path) -> int:
    """The log, to append to; when it has grown it is put aside, and the one put aside before is gone."""
    make_private(path.parent)
    if path.exists() and path.stat().st_size > LOG_BYTES:
        path.replace(path.with_suffix(".log.1"))
    return locks.open_private(path, os.O_WRONLY | os.O_APPEND)
