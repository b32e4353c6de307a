"""How PostgreSQL answers a question: its plan, executed in a transaction that may only read."""

from __future__ import annotations

import msgspec

from octavo.postgres.pool import Pool, Runner
from octavo.store.question import Statement
from octavo.store.scope import Scope
from octavo.values.plan import Plan, read_plan

_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "


async def explain(scope: Scope, statement: Statement) -> Plan:
    """Execute a question and tell how; what it finds is thrown away.

    Inside a caller's transaction it runs there; else in one of its own, in which PostgreSQL refuses writes.
    """
    if not isinstance(scope.runner, Pool):
        return await _explain(scope.runner, scope, statement)
    async with scope.runner.transaction(read_only=True) as reading:
        return await _explain(reading, scope, statement)


async def _explain(runner: Runner, scope: Scope, statement: Statement) -> Plan:
    row = await runner.fetchrow(_EXPLAIN + statement.text, scope.organization, *statement.arguments)
    assert row is not None
    return read_plan(msgspec.json.decode(row["QUERY PLAN"])[0])
