"""The gates of the house, and that they bite."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools import house


def test_no_gate_is_broken():
    assert house.broken_gates(house.sources()) == []


def test_a_long_function_is_found_and_its_docstring_not_counted(tmp_path):
    docstring = '    """' + "words\n" * 100 + '    """\n'
    (tmp_path / "long.py").write_text("def fine():\n" + docstring + "    return 1\n")
    (tmp_path / "longer.py").write_text("def much():\n" + "    print()\n" * house.FUNCTION_LINES)

    broken = house.broken_gates(house.sources(tmp_path))

    assert len(broken) == 1
    assert "much: 71 lines" in broken[0]


def test_a_long_file_is_found(tmp_path):
    (tmp_path / "big.py").write_text("x = 1\n" * (house.FILE_LINES + 1))

    assert house.broken_gates(house.sources(tmp_path)) == [f"{tmp_path / 'big.py'}: 601 lines, at most 600"]


@pytest.mark.parametrize("name", ["utils.py", "core/__init__.py", "_helpers.py"])
def test_a_name_that_says_nothing_is_found(tmp_path, name):
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()

    assert len(house.broken_gates(house.sources(tmp_path))) == 1


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("values/intruder.py", "import octavo.store", "Imports go downwards"),
        ("store/intruder.py", "import asyncpg", "Only octavo.postgres imports the driver"),
        ("values/actor.py", "import octavo.values.document", "No import circle"),
        ("new_top_level.py", "", "Imports go downwards"),
        ("store/intruder.py", "import octavo.testing", "Imports go downwards"),
    ],
)
def test_an_import_contract_bites(tmp_path, file, line, contract):
    shutil.copytree("octavo", tmp_path / "octavo")
    shutil.copy("pyproject.toml", tmp_path)
    (tmp_path / "octavo" / "testing").mkdir(exist_ok=True)
    (tmp_path / "octavo" / "testing" / "__init__.py").touch()
    with (tmp_path / "octavo" / file).open("a") as source:
        source.write(f"\n{line}\n")

    linter = Path(sys.executable).with_name("lint-imports")
    run = subprocess.run([linter, "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert run.returncode == 1, run.stdout
    assert f"{contract}" in run.stdout.partition("Broken contracts")[2]
