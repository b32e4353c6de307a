"""The schema as its migrations make it: tables, columns, indexes, views, types."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pglast import ast as pg
from pglast import parse_sql
from pglast.enums import AlterTableType, ConstrType, ObjectType
from pglast.stream import RawStream

from tools.reference.markdown import code, document, literal, table

_MIGRATIONS = Path("octavo/postgres/migrations")
_LEAD = (
    "The tables behind the record, for reading with SQL of your own. They are written by Octavo alone: a row "
    "put there by hand has no event, and what follows from the log will never know of it. Every table with "
    "an `organization_id` is under row-level security."
)


@dataclass
class Table:
    """A table while the migrations are read one after the other."""

    meaning: str
    columns: dict[str, str] = field(default_factory=dict)
    constraints: list[str] = field(default_factory=list)
    indexes: list[str] = field(default_factory=list)


@dataclass
class Schema:
    """What the migrations read so far have made."""

    tables: dict[str, Table] = field(default_factory=dict)
    views: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)

    def take(self, statement: pg.Node, meaning: str) -> None:
        """Apply one statement of a migration; what is no part of the page is passed over."""
        match statement:
            case pg.CreateStmt(relation=relation, partbound=None):
                self.tables[relation.relname] = _new_table(statement, meaning)
            case pg.IndexStmt(relation=relation):
                self.tables[relation.relname].indexes.append(_sql(statement))
            case pg.AlterTableStmt(relation=relation, objtype=ObjectType.OBJECT_TABLE):
                self._alter(self.tables.get(relation.relname), statement.cmds)
            case pg.DropStmt(removeType=ObjectType.OBJECT_TABLE, objects=objects):
                for name in objects:
                    self.tables.pop(name[-1].sval, None)
            case pg.ViewStmt(view=view):
                self.views[view.relname] = meaning
            case pg.CreateEnumStmt(typeName=name, vals=values):
                self.types[name[-1].sval] = ", ".join(literal(value.sval) for value in values)
            case pg.CreateDomainStmt(domainname=name):
                self.types[name[-1].sval] = meaning

    @staticmethod
    def _alter(table: Table | None, commands: tuple[pg.AlterTableCmd, ...]) -> None:
        for command in commands if table else ():
            assert table is not None
            match command.subtype:
                case AlterTableType.AT_AddColumn:
                    table.columns[command.def_.colname] = _column(command.def_)
                case AlterTableType.AT_DropColumn:
                    table.columns.pop(command.name, None)
                case AlterTableType.AT_AddConstraint:
                    table.constraints.append(_sql(command.def_))


def page() -> str:
    """The page."""
    schema = read()
    parts = [part for name, found in sorted(schema.tables.items()) for part in _described(name, found)]
    views = table(
        ("View", "Meaning"), [(literal(f"octavo.{name}"), text) for name, text in schema.views.items()]
    )
    types = table(
        ("Type", "Values"), [(literal(f"octavo.{name}"), text) for name, text in schema.types.items()]
    )
    return document("SQL schema", _LEAD, [*parts, "## Views" if views else "", views, "## Types", types])


def read(folder: Path = _MIGRATIONS) -> Schema:
    """The schema after all migrations of a folder."""
    schema = Schema()
    for path in sorted(folder.glob("*.sql")):
        text = path.read_text(encoding="utf-8")
        for raw in parse_sql(text):
            schema.take(raw.stmt, _last_comment(text[: raw.stmt_location]))
    return schema


def _described(name: str, found: Table) -> Iterator[str]:
    yield f"## `octavo.{name}`"
    yield found.meaning
    yield table(("Column", "Definition"), [(literal(column), text) for column, text in found.columns.items()])
    yield (
        code("\n".join([*found.constraints, *found.indexes]), "sql")
        if found.constraints or found.indexes
        else ""
    )


def _new_table(statement: pg.CreateStmt, meaning: str) -> Table:
    made = Table(meaning)
    for element in statement.tableElts or ():
        if isinstance(element, pg.ColumnDef):
            made.columns[element.colname] = _column(element)
        elif element.contype != ConstrType.CONSTR_NOTNULL:
            made.constraints.append(_sql(element))
    return made


def _column(definition: pg.ColumnDef) -> str:
    return literal(_sql(definition).partition(" ")[2])


def _sql(node: pg.Node) -> str:
    return str(RawStream()(node))


def _last_comment(text: str) -> str:
    """The comment that a text ends with, in one line."""
    lines = itertools.takewhile(lambda line: line.startswith("--"), reversed(text.rstrip(" ").splitlines()))
    return " ".join(line.removeprefix("--").strip() for line in reversed(list(lines)))
