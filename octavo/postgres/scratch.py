"""A PostgreSQL for a moment: in a temporary place, without durability, gone with the block."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from octavo.postgres.server import Server, destroy, open_server


@contextmanager
def scratch_server() -> Iterator[Server]:
    """An empty server for trying out what must not be tried out on the record. Blocks while it starts."""
    folder = Path(tempfile.mkdtemp(prefix="octavo-scratch-"))
    folder.chmod(0o755)
    server = open_server(folder / "data", settings={"fsync": "off", "shared_buffers": "32MB"})
    try:
        yield server
    finally:
        server.close()
        destroy(folder / "data", force=True)
        shutil.rmtree(folder, ignore_errors=True)
