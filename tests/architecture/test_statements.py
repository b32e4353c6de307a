"""What every SQL statement of the package keeps to, read with PostgreSQL's own parser."""

from __future__ import annotations

import re

import pytest
from pglast import ast as pg
from pglast import parse_sql
from pglast.enums import VariableSetKind

from tests.architecture.sql_files import (
    Statement,
    every_statement,
    schema_files,
    statement_files,
    string_constants,
    uses,
)

_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_NOTIFY = re.compile(r"\bpg_notify\b|^\s*NOTIFY\b", re.IGNORECASE | re.MULTILINE)
_OWN_TABLE = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN|TABLE)\s+octavo\.\w")
_WRITES = (pg.InsertStmt, pg.UpdateStmt, pg.DeleteStmt, pg.MergeStmt)

each_statement = pytest.mark.parametrize("statement", every_statement(), ids=str)


@pytest.mark.parametrize("path", schema_files(), ids=str)
def test_a_migration_is_valid_sql(path):
    assert parse_sql(path.read_text("utf-8"))


@each_statement
def test_a_statement_is_valid_sql(statement: Statement):
    assert statement.nodes()


@each_statement
def test_a_tenant_statement_carries_its_organization_in_a_parameter(statement: Statement):
    """record.md 1: the organization travels in a parameter's type; a literal would bind nothing."""
    casts = [node for node in statement.nodes() if _is_organization_cast(node)]

    assert statement.is_system or casts, "add $n::octavo.organization, or `-- scope: system` after the name"
    assert all(isinstance(cast.arg, pg.ParamRef) for cast in casts), "only a parameter may be cast"


@each_statement
def test_no_writing_statement_notifies(statement: Statement):
    """record.md 5: NOTIFY in a write transaction puts all commits in one row."""
    nodes = statement.nodes()

    writes = any(isinstance(node, _WRITES) for node in nodes)
    notifies = any(isinstance(node, pg.NotifyStmt) or _calls(node, "pg_notify") for node in nodes)
    assert not (writes and notifies)


@each_statement
def test_no_statement_leaves_a_setting_behind_in_the_session(statement: Statement):
    """record.md 1: behind a transaction pooler the next user of the session would inherit it."""
    for node in statement.nodes():
        if isinstance(node, pg.VariableSetStmt) and node.kind != VariableSetKind.VAR_RESET:
            assert node.is_local
        if _calls(node, "set_config"):
            assert node.args[2].val.boolval


@pytest.mark.parametrize("path", [*statement_files(), *schema_files()], ids=str)
def test_no_sql_file_names_an_id(path):
    assert _UUID.findall(path.read_text("utf-8")) == []


@pytest.mark.parametrize("path", schema_files(), ids=str)
def test_no_function_or_trigger_of_the_schema_notifies(path):
    assert _NOTIFY.findall(path.read_text("utf-8")) == []


def test_every_statement_is_used_and_every_used_one_exists():
    there = {(statement.file, statement.name) for statement in every_statement()}

    used = {use for use in uses() if use[1] not in {"items", "values"}}
    files_used_whole = {file for file, name in uses() if name in {"items", "values"}}

    assert {use for use in there - used if use[0] not in files_used_whole} == set(), "no Python uses these"
    assert used - there == set(), "no .sql file holds these"


def test_statements_on_our_tables_stand_in_sql_files_only():
    inline = [f"{path}:{line}" for path, line, text in string_constants() if _OWN_TABLE.search(text)]

    assert inline == []


def _is_organization_cast(node: pg.Node) -> bool:
    if not isinstance(node, pg.TypeCast):
        return False
    return [part.sval for part in node.typeName.names] == ["octavo", "organization"]


def _calls(node: pg.Node, function: str) -> bool:
    return isinstance(node, pg.FuncCall) and node.funcname[-1].sval == function
