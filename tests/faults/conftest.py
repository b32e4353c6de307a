"""Places for servers with real durability: each test its own, and nothing of it left afterwards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from octavo.postgres.server import destroy, open_server, stop
from tests.faults.servers import keepers

# What only root can bring about: other users, mounts. Not silently: `pytest_report_header` says so.
collect_ignore = [] if os.geteuid() == 0 else ["test_server_as_root.py"]


def pytest_report_header() -> str | None:
    """Say what is left out."""
    return f"not root, so left out: {', '.join(collect_ignore)}" if collect_ignore else None


@pytest.fixture
def place() -> Iterator[Path]:
    """A short directory that every user may pass, as /srv is; servers below it are destroyed in the end."""
    folder = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    for marker in [
        *folder.glob("octavo.json"),
        *folder.glob("*/octavo.json"),
        *folder.glob("*/*/octavo.json"),
    ]:
        destroy(marker.parent, force=True)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def made_once() -> Iterator[Path]:
    """A data directory whose server does not run."""
    folder = Path(tempfile.mkdtemp(prefix="oct-", dir="/tmp"))
    folder.chmod(0o755)
    open_server(folder / "data").close()
    stop(folder / "data")
    yield folder / "data"
    destroy(folder / "data")
    folder.rmdir()


@pytest.fixture
def data(made_once: Path) -> Iterator[Path]:
    """A data directory whose server does not run; tests may do with the server what they like."""
    yield made_once
    stop(made_once, force=True)
    for keeper in keepers(made_once):
        os.kill(keeper, signal.SIGKILL)


@pytest.fixture
def own_data(place: Path, made_once: Path) -> Path:
    """A data directory whose files a test may change."""
    subprocess.run(["cp", "--archive", made_once, place / "data"], check=True)
    return place / "data"
