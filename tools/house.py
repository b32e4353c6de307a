"""The shape of the package: gates that fail, and figures to think about.

    python -m tools.house        print both; exit 1 if a gate is broken

A function's length is counted without its docstring, a file's without its blank lines at the end.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path("octavo")
FUNCTION_LINES = 70
FILE_LINES = 600
WANTED_FILE_LINES = 300
PROTOCOL_METHODS = 6
# Names that say "here is everything that has no place".
JUNK = frozenset({"base", "common", "core", "helper", "helpers", "lib", "manager", "misc", "util", "utils"})

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True)
class Function:
    """A function or method: where it stands and how many lines it has without its docstring."""

    path: Path
    line: int
    name: str
    lines: int

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.name}: {self.lines} lines"


@dataclass(frozen=True)
class SourceFile:
    """A file of Python, read and parsed once."""

    path: Path
    lines: int
    tree: ast.Module

    def functions(self) -> Iterator[Function]:
        """Every function in it, those inside other functions too, overloads left out."""
        for node in ast.walk(self.tree):
            if isinstance(node, _FUNCTIONS) and not _is_overload(node):
                yield Function(self.path, node.lineno, node.name, _length(node))

    def protocols(self) -> Iterator[tuple[str, int]]:
        """Name and number of methods of every protocol in it."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ClassDef) and any("Protocol" in ast.unparse(base) for base in node.bases):
                yield node.name, sum(isinstance(member, _FUNCTIONS) for member in node.body)

    def own_lazy_imports(self) -> int:
        """Imports of the package's own modules inside functions: each one hides a circle or a cost."""
        return sum(
            isinstance(inner, ast.ImportFrom) and (inner.module or "").startswith(PACKAGE.name)
            for node in ast.walk(self.tree)
            if isinstance(node, _FUNCTIONS)
            for inner in ast.walk(node)
        )


def sources(root: Path = PACKAGE) -> list[SourceFile]:
    """Every Python file below a folder, by path."""
    return [_read(path) for path in sorted(root.rglob("*.py"))]


def broken_gates(files: Iterable[SourceFile]) -> list[str]:
    """One line for everything over a limit or with a name that says nothing."""
    found = []
    for file in files:
        found += [
            f"{file.path}: the name {part!r} says nothing of what is in it"
            for part in file.path.with_suffix("").parts
            if part.strip("_") in JUNK
        ]
        if file.lines > FILE_LINES:
            found.append(f"{file.path}: {file.lines} lines, at most {FILE_LINES}")
        found += [f"{f}, at most {FUNCTION_LINES}" for f in file.functions() if f.lines > FUNCTION_LINES]
    return found


def figures(files: list[SourceFile]) -> list[str]:
    """What is no gate, to think about."""
    functions = [function for file in files for function in file.functions()]
    lengths = sorted(function.lines for function in functions) or [0]
    percentile = lengths[max(round(len(lengths) * 0.9) - 1, 0)]
    longest = sorted(functions, key=lambda function: -function.lines)[:3]
    return [
        f"{len(files)} files, {sum(file.lines for file in files)} lines",
        f"{len(functions)} functions: median {statistics.median(lengths):.0f} lines (wanted 9), "
        f"p90 {percentile} (wanted 30)",
        *(f"long: {function}" for function in longest),
        *(f"long: {file.path}: {file.lines} lines" for file in files if file.lines > WANTED_FILE_LINES),
        *(
            f"wide: {file.path} {name}: {methods} methods (wanted {PROTOCOL_METHODS})"
            for file in files
            for name, methods in file.protocols()
            if methods > PROTOCOL_METHODS
        ),
        *(
            f"lazy: {file.path}: {count} own imports in functions"
            for file in files
            if (count := file.own_lazy_imports())
        ),
    ]


def main() -> int:
    """Print figures and broken gates; the exit code."""
    files = sources()
    broken = broken_gates(files)
    print(*figures(files), *(f"BROKEN {line}" for line in broken), sep="\n")
    return 1 if broken else 0


def _read(path: Path) -> SourceFile:
    text = path.read_text(encoding="utf-8")
    return SourceFile(path, len(text.rstrip().splitlines()), ast.parse(text, str(path)))


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    whole = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is None:
        return whole
    return whole - ((first.end_lineno or first.lineno) - first.lineno + 1)


def _is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return any("overload" in ast.unparse(decorator) for decorator in node.decorator_list)


if __name__ == "__main__":
    sys.exit(main())
