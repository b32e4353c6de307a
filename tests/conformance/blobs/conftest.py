"""The blob stores the suite runs on; a new engine is one more entry."""

from __future__ import annotations

from pathlib import Path

import pytest

from octavo.engines.blobs import open_blobs
from octavo.roles.blobs import Blobs


@pytest.fixture(params=["file"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return {"file": lambda: open_blobs(f"file:{tmp_path / 'blobs'}")}[request.param]()
