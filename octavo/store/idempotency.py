"""Writes that may be sent twice: the first answers, its repetitions get the same answer."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from uuid import UUID

import msgspec

from octavo.errors import IdempotencyConflict, InvalidInput
from octavo.postgres.pool import Runner
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.document import Document

_sql = load("octavo.store", "idempotency.sql")


class _Answer(msgspec.Struct):
    id: UUID
    version: int


async def once(
    scope: Scope,
    key: str,
    request: bytes,
    write: Callable[[Scope], Awaitable[Document]],
    read: Callable[[Scope, UUID, int], Awaitable[Document]],
) -> Document:
    """Run `write` the first time a key is used, else return the document at the version it then made.

    The scope's runner must be a transaction, so that key and write commit together: a repetition that comes
    while the first is under way waits for it.

    Raises:
        IdempotencyConflict: the key was used with another request.
    """
    digest = hashlib.sha256(request).digest()
    if not 1 <= len(key) <= 200:
        raise InvalidInput(f"an idempotency key has 1 to 200 characters, this one {len(key)}")
    claimed = await scope.runner.fetchrow(_sql.claim_key, scope.organization, key, digest)
    if claimed is not None:
        document = await write(scope)
        answer = msgspec.json.encode(_Answer(document.id, document.version))
        await scope.runner.execute(_sql.keep_answer, scope.organization, key, answer)
        return document
    return await _repeated(scope, key, digest, read)


async def forget(system: Runner, before: object, limit: int) -> int:
    """Drop at most `limit` answers recorded before a moment; returns how many went."""
    return int((await system.execute(_sql.forget_answers, before, limit)).split()[-1])


async def _repeated(
    scope: Scope, key: str, digest: bytes, read: Callable[[Scope, UUID, int], Awaitable[Document]]
) -> Document:
    row = await scope.runner.fetchrow(_sql.read_answer, scope.organization, key)
    if row is None or row["request"] != digest:
        raise IdempotencyConflict(
            f"the idempotency key {key!r} was used with another request",
            remedy="use a new key for a new request",
        )
    answer = msgspec.json.decode(row["answer"], type=_Answer)
    return await read(scope, answer.id, answer.version)
