"""Which requirements are shown, by the tests that name them.

    python -m tools.requirements        write docs/reference/requirements.md

A test shows a requirement by naming its ID in its docstring; a class of tests by naming it in the class's.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.reference.markdown import document, table

TESTS = Path("tests")
# The tests of conformance suites lie with the package and are run by a class of `tests/conformance`.
SUITES = Path("octavo/testing")
LIST = Path("docs/reference/requirements.toml")
PAGE = Path("docs/reference/requirements.md")
ID = re.compile(r"\bS[0-4]-\d{3}\b")

_LEAD = (
    "Octavo was asked for by five documents about other systems, read row by row. A row is *shown* when a "
    "test names it, *decided otherwise* with the reason, or *not built yet*. `(!)` marks a row that is wrong "
    "as its document has it: there the right thing counts."
)


@dataclass(frozen=True)
class Source:
    """One of the documents: its title and its rows by ID."""

    title: str
    rows: Mapping[str, str]


@dataclass(frozen=True)
class Requirements:
    """Every row, and those decided otherwise with the reason."""

    sources: Mapping[str, Source]
    otherwise: Mapping[str, str]

    def ids(self) -> set[str]:
        """Every ID there is."""
        return {row for source in self.sources.values() for row in source.rows}


def read(path: Path = LIST) -> Requirements:
    """The list of the requirements."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    otherwise = content.pop("otherwise")
    return Requirements({name: Source(**source) for name, source in content.items()}, otherwise)


def shown(folder: Path = TESTS) -> dict[str, list[str]]:
    """The tests that name a requirement, by its ID."""
    found: dict[str, list[str]] = defaultdict(list)
    suites = SUITES.rglob("*.py") if folder == TESTS else ()
    for path in [*sorted(folder.rglob("test_*.py")), *sorted(suites)]:
        for name, docstring in _docstrings(ast.parse(path.read_text(encoding="utf-8"))):
            for row in sorted(set(ID.findall(docstring))):
                found[row].append(f"{path.as_posix()}::{name}")
    return dict(found)


def named(folder: Path = TESTS) -> set[str]:
    """Every ID that stands anywhere in the tests."""
    paths = [*folder.rglob("*.py"), *SUITES.rglob("*.py")]
    return {row for path in paths for row in ID.findall(path.read_text(encoding="utf-8"))}


def page() -> str:
    """The page."""
    requirements, tests = read(), shown()
    sums = table(
        ("Source", "Rows", "Shown", "Decided otherwise", "Not built yet"),
        [_sums(name, source, requirements, tests) for name, source in requirements.sources.items()],
    )
    parts = [part for item in requirements.sources.items() for part in _section(*item, requirements, tests)]
    return document("Requirements", _LEAD, [sums, *parts])


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    print(f"wrote {PAGE}")


def _sums(
    name: str, source: Source, requirements: Requirements, tests: Mapping[str, Sequence[str]]
) -> tuple[str, ...]:
    built = len(source.rows.keys() & tests.keys())
    otherwise = len((source.rows.keys() & requirements.otherwise.keys()) - tests.keys())
    rows = len(source.rows)
    return f"{name}: {source.title}", str(rows), str(built), str(otherwise), str(rows - built - otherwise)


def _section(
    name: str, source: Source, requirements: Requirements, tests: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    yield f"## {name}: {source.title}"
    states = ((row, title, _state(row, requirements, tests)) for row, title in source.rows.items())
    yield table(("ID", "Requirement", "State"), states)


def _state(row: str, requirements: Requirements, tests: Mapping[str, Sequence[str]]) -> str:
    if row in tests:
        return "shown: " + ", ".join(f"`{test}`" for test in tests[row])
    if row in requirements.otherwise:
        return f"decided otherwise: {requirements.otherwise[row]}"
    return "not built yet"


def _docstrings(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, str]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef):
            yield f"{inside}{node.name}", ast.get_docstring(node) or ""
            yield from _docstrings(node, f"{inside}{node.name}::")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (
            node.name.startswith("test_") or inside
        ):
            yield f"{inside}{node.name}", ast.get_docstring(node) or ""


if __name__ == "__main__":
    main()
