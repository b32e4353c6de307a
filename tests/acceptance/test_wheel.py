"""What one gets who installs Octavo: the wheel in an environment of its own, without this repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import venv
import zipfile
from pathlib import Path

import pytest

from tests.docs.pages import blocks

_PIP = ("-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Without isolation: the backend is in the environment of the tests, so nothing is fetched.
    run(sys.executable, *_PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), ".")
    return next(folder.glob("octavo-*.whl"))


def test_the_wheel_holds_every_file_of_the_package(wheel):
    there = {name for name in zipfile.ZipFile(wheel).namelist() if name.startswith("octavo/")}

    wanted = {
        path.as_posix() for path in Path("octavo").rglob("*") if path.suffix in {".py", ".sql", ".typed"}
    }
    assert wanted - there == set()
    assert {name for name in there - wanted if name.endswith((".pyc", ".md"))} == set()


@pytest.mark.timeout(180)
def test_an_installed_octavo_runs_the_readme_and_its_program(wheel, tmp_path):
    environment = tmp_path / "venv"
    venv.create(environment)
    python = environment / "bin" / "python"
    # By the pip that is there, and compiling what is imported only: installing takes a fraction of the time.
    into = (*_PIP, "--python", str(environment), "install", "--no-compile")
    run(sys.executable, *into, "--constraint", "constraints.txt", str(wheel))
    script = tmp_path / "readme.py"
    script.write_text(
        _as_script(next(block.text for block in blocks(Path("README.md")) if block.language == "python"))
    )

    program, data = environment / "bin" / "octavo", tmp_path / "octavo-data"

    try:
        run(python, script, cwd=tmp_path)
        status = json.loads(run(program, "--data", data, "status", "--json", cwd=tmp_path))
    finally:
        subprocess.run([program, "--data", data, "destroy", "--yes"], check=False)

    assert status


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """Run a command without this repository on its path; its output, or a failure that shows it."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _as_script(block: str) -> str:
    return f"import asyncio\n\nasync def main():\n{textwrap.indent(block, '    ')}\nasyncio.run(main())\n"
