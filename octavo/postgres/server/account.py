"""The operating system's account a server runs under, and processes run as it.

PostgreSQL refuses to run as root. An ordinary user runs it as themselves; root as the owner of an existing
cluster, else as OCTAVO_SERVER_USER, else as the owner of the data directory, else as `octavo`, which is made
if missing.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from octavo.errors import ServerFault

DEFAULT_NAME = "octavo"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the operating system."""

    name: str
    uid: int
    gid: int

    @property
    def is_ours(self) -> bool:
        """Whether this process runs under it."""
        return self.uid == os.geteuid()

    def run(
        self, *command: str | Path, text: str = "", folder: Path = Path("/")
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this account in `folder`, with `text` to read, and wait; any exit code will do.

        Raises:
            ServerFault: this process may not switch to the account.
            OSError: the program cannot be executed by it.
        """
        return subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, **self._process(folder),
        )  # fmt: skip

    def detach(self, command: Sequence[str | Path], *, log: int, keep: Sequence[int] = ()) -> int:
        """Start a program nobody waits for: own session, output to `log`, not our child; returns its number.

        A shell in between starts it and ends, so that the system collects it when it dies: a child of ours
        would stay visible as a zombie, and PostgreSQL takes the zombie of a killed server for a running one.
        """
        shell = subprocess.run(
            ["/bin/sh", "-c", '"$@" >&2 & echo $!', "octavo", *command],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True, check=True,
            start_new_session=True, pass_fds=keep, **self._process(Path("/")),
        )  # fmt: skip
        return int(shell.stdout)

    def reaches(self, directory: Path) -> bool:
        """Whether this account can enter `directory`, through every parent, access lists included."""
        return self.run("/bin/sh", "-c", 'cd -- "$1"', "octavo", directory).returncode == 0

    def _process(self, folder: Path) -> dict[str, Any]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        arguments: dict[str, Any] = {"cwd": folder, "env": environment | {"LC_ALL": "C"}}
        if not self.is_ours:
            groups = os.getgrouplist(self.name, self.gid)
            arguments |= {"user": self.uid, "group": self.gid, "extra_groups": groups, "umask": 0o077}
        return arguments


def named(uid: int) -> Account | None:
    """The account with number `uid`, if it has a name."""
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return None
    return Account(entry.pw_name, uid, entry.pw_gid)


def ourselves() -> Account:
    """The account of this process; raises ServerFault if it has no name, which PostgreSQL needs."""
    account = named(os.geteuid())
    if account is None:
        raise ServerFault(
            f"user number {os.geteuid()} has no name, and PostgreSQL refuses to run for it",
            remedy="add the user to /etc/passwd, or run as one that is there",
        )
    return account


def server_account(
    data: Path, *, environment: Mapping[str, str] = os.environ, may_create: bool = True
) -> Account:
    """The account the server of a data directory runs under.

    Args:
        data: the data directory; need not exist.
        environment: where OCTAVO_SERVER_USER is looked up.
        may_create: whether a missing `octavo` is made.

    Raises:
        ServerFault: there is no such account, or it cannot be made.
    """
    if os.geteuid() != 0:
        return ourselves()
    if owner := _owner(data / "cluster"):
        return owner
    if name := environment.get("OCTAVO_SERVER_USER"):
        return _chosen(name)
    return _owner(data) or _by_name(DEFAULT_NAME) or _make(may_create)


def _owner(path: Path) -> Account | None:
    """The owner of `path`, unless it is root or nobody known."""
    uid = path.stat().st_uid if path.exists() else 0
    return named(uid) if uid else None


def _by_name(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _chosen(name: str) -> Account:
    account = _by_name(name)
    if account is None or account.uid == 0:
        reason = "is root" if account else "does not exist"
        raise ServerFault(
            f"OCTAVO_SERVER_USER={name}: this user {reason}", remedy="name an existing ordinary user"
        )
    return account


def _make(may_create: bool) -> Account:
    """Create the system user `octavo`: no home, no shell, no password."""
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    output = "useradd was not found" if may_create else "it is made at the first start"
    if useradd and may_create:
        output = ourselves().run(
            useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
            "--shell", "/usr/sbin/nologin", DEFAULT_NAME,
        ).stderr.strip()  # fmt: skip
    account = _by_name(DEFAULT_NAME)  # also when another process made it at the same time
    if account is None:
        raise ServerFault(
            f"PostgreSQL does not run as root, and there is no system user {DEFAULT_NAME!r}: {output}",
            remedy="create it, or name an ordinary user in OCTAVO_SERVER_USER, or run as an ordinary user",
        )
    return account
