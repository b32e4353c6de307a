"""A reader who does what a page says: runs its Python and types its commands, in order, in one place."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import subprocess
from collections.abc import Iterator
from typing import Any

from tests.docs.pages import Block

_ASSIGNMENT = re.compile(r"^(?P<name>[A-Za-z_]\w*)=")
# `octavo` as a command, also behind a pipe or inside $(…). What else stands in a page (pip, make) is not run.
_OCTAVO = re.compile(r"(?:^|[|;&(])\s*octavo\b")
_COMMAND_SECONDS = 60


class Reader:
    """Follows one page: names and shell variables last to its end.

    Args:
        environment: what the commands run in.
        runner: the loop that `await` at the top of a block uses, so that a page can keep things open.
    """

    def __init__(self, environment: dict[str, str], runner: asyncio.Runner) -> None:
        self._environment = dict(environment)
        self._runner = runner
        self._names: dict[str, Any] = {"__name__": "__main__"}

    def follow(self, block: Block) -> None:
        """Do what a block shows; one that is marked `no-run` only has to say why."""
        if block.words.startswith("no-run"):
            assert len(block.words.split()) > 1, f"{block}: no-run needs its reason"
        elif block.language == "python":
            self._execute(block)
        elif block.language == "console":
            for command, expected in commands(block.text):
                self._type(block, command, expected)

    def _execute(self, block: Block) -> None:
        # Empty lines before it, so that a traceback names the line of the page.
        source = "\n" * (block.line - 1) + block.text
        code = compile(source, str(block.page), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
        result = eval(code, self._names)
        if inspect.iscoroutine(result):
            self._runner.run(result)

    def _type(self, block: Block, command: str, expected: str) -> None:
        if not _OCTAVO.search(command):
            return
        assignment = _ASSIGNMENT.match(command)
        script = f'{command}\nprintf %s "${assignment["name"]}"' if assignment else command
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=None if assignment else subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_COMMAND_SECONDS,
        )
        assert (run.returncode != 0) == ("fails" in block.words), f"{block}: $ {command}\n{run.stdout}"
        if assignment:
            self._environment[assignment["name"]] = run.stdout
        elif expected:
            assert matches(expected, run.stdout), f"{block}: $ {command}\n{run.stdout}\nis not\n{expected}"


def commands(text: str) -> Iterator[tuple[str, str]]:
    """The commands of a block with the output shown below each; a line that ends in a backslash goes on."""
    for part in re.split(r"^\$ ", text.replace("\\\n", " "), flags=re.MULTILINE)[1:]:
        command, _, output = part.partition("\n")
        yield command.strip(), output.strip()


def matches(expected: str, actual: str) -> bool:
    """Whether the output is what the page shows: `…` is anything, and white space counts as one blank."""
    parts = (re.escape(" ".join(part.split())) for part in expected.split("…"))
    return (
        re.fullmatch(r"\s*" + r"\s*.*?\s*".join(parts) + r"\s*", " ".join(actual.split()), re.DOTALL)
        is not None
    )
