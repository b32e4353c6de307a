"""What the tests of the SQL files read: every statement with its tree, and every use of one in Python."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pglast import ast as pg
from pglast import parse_sql
from pglast.visitors import Visitor

from octavo.postgres import statements

_NAME = re.compile(r"^-- name: (?P<name>\w+)[ \t]*\n(?P<scope>-- scope: system[ \t]*\n)?", re.MULTILINE)
_PLACEHOLDER = re.compile(r"\{\w+\}")


@dataclass(frozen=True)
class Statement:
    """One named statement: where it stands, its text with fragments filled in, and whom it serves."""

    file: Path
    name: str
    text: str
    is_system: bool

    def __str__(self) -> str:
        return f"{self.file}:{self.name}"

    def nodes(self) -> list[pg.Node]:
        """Every node of PostgreSQL's own parse tree; a `{placeholder}` stands for a name."""
        collect = _Collect()
        collect(parse_sql(_PLACEHOLDER.sub("placeholder", self.text)))
        return collect.found


class _Collect(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[pg.Node] = []

    def visit(self, _ancestors: Any, node: pg.Node) -> None:
        self.found.append(node)


def statement_files() -> list[Path]:
    """The `.sql` files that hold named statements; migrations hold none."""
    return [path for path in sorted(Path("octavo").rglob("*.sql")) if _NAME.search(path.read_text("utf-8"))]


def schema_files() -> list[Path]:
    """The other `.sql` files: migrations and the schema they lead to."""
    return sorted({*Path("octavo").rglob("*.sql")} - {*statement_files()})


def every_statement() -> list[Statement]:
    """Every named statement of the package."""
    return [statement for path in statement_files() for statement in _statements(path)]


def uses() -> set[tuple[Path, str]]:
    """(file, statement) for every `sql.name` and `sql["name"]` on what `load(package, file)` gave."""
    found: set[tuple[Path, str]] = set()
    for path in sorted(Path("octavo").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"), str(path))
        loaded = dict(_loaded(tree, path))
        found |= {(loaded[variable], name) for variable, name in _named(tree) if variable in loaded}
    return found


def string_constants() -> Iterator[tuple[Path, int, str]]:
    """Every string in the package's Python that is no docstring."""
    for path in sorted(Path("octavo").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"), str(path))
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
                yield path, node.lineno, node.value


def _statements(path: Path) -> Iterator[Statement]:
    text = path.read_text("utf-8")
    scopes = {match["name"]: match["scope"] is not None for match in _NAME.finditer(text)}
    for name, statement in statements.parse(text, str(path)).items():
        yield Statement(path, name, statement, scopes[name])


def _loaded(tree: ast.Module, path: Path) -> Iterator[tuple[str, Path]]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(
                targets=[ast.Name(id=variable)],
                value=ast.Call(
                    func=ast.Name(id="load") | ast.Attribute(attr="load"),
                    args=[package, ast.Constant(value=file)],
                ),
            ):
                folder = path.parent
                if isinstance(package, ast.Constant):
                    folder = Path(*str(package.value).split("."))
                yield variable, folder / str(file)


def _named(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=variable), attr=name):
                yield variable, name
            case ast.Subscript(value=ast.Name(id=variable), slice=ast.Constant(value=str(name))):
                yield variable, name
