"""What components load: files read once, libraries when they are needed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from octavo.components.extra import library
from octavo.components.loaded import Loaded
from octavo.errors import MissingExtra


def test_a_model_is_read_once_and_the_first_of_many_is_let_go(tmp_path):
    read: list[bytes] = []
    models = Loaded(lambda data: read.append(data) or data)
    files = [tmp_path / str(number) for number in range(5)]
    for file in files:
        file.write_bytes(file.name.encode())

    found = [models.of(str(files[number])) for number in (0, 0, 1, 2, 3, 4, 4, 0)]

    assert found == [b"0", b"0", b"1", b"2", b"3", b"4", b"4", b"0"]
    assert read == [b"0", b"1", b"2", b"3", b"4", b"0"]


def test_a_library_that_is_not_installed_names_the_extra_that_has_it():
    with pytest.raises(MissingExtra, match=r"need nosuchlibrary — pip install 'octavo\[ml\]'"):
        library("nosuchlibrary.inside")


def test_the_components_are_there_without_what_they_compute_with():
    """Whoever judges no text does not load what that takes."""
    code = "import sys, octavo.components; sys.exit(bool({'numpy', 'sklearn', 'scipy'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
