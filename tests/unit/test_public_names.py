"""The names of `octavo` are there, although they are loaded when first asked for."""

from __future__ import annotations

import subprocess
import sys

import pytest

import octavo


@pytest.mark.parametrize("name", octavo.__all__)
def test_every_public_name_is_there(name: str):
    assert getattr(octavo, name) is not None


def test_the_public_names_are_sorted():
    assert octavo.__all__ == sorted(octavo.__all__)


def test_another_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        _ = octavo.nothing


def test_a_process_that_reads_files_does_not_load_the_driver():
    loaded = "import sys, octavo.ingest.worker; print('asyncpg' in sys.modules)"

    answer = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)

    assert answer.stdout.strip() == "False"
