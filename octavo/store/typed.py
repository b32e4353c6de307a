"""Changes of documents of registered types whose result is known only afterwards: made, looked at, undone if wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from octavo.errors import InvalidInput
from octavo.postgres.pool import Pool
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.document import Document

_sql = load("octavo.store", "transaction.sql")
Write = Callable[[Scope], Awaitable[Document]]


async def checked(scope: Scope, pool: Pool | None, write: Write) -> Document:
    """Do a change and look at what it made of the document; what does not fit its type is undone.

    Without registered types it is the change alone: nothing is sent beside it.

    Args:
        pool: None inside a transaction, where a savepoint takes the place of one.

    Raises:
        InvalidBody: the changed body does not fit. InvalidInput: it is of an older version of its type.
    """
    if not scope.types.models:
        return await write(scope)
    async with undone_if_refused(scope, pool) as inside:
        document = await write(inside)
        check(scope, document)
        return document


def check(scope: Scope, document: Document) -> None:
    """Refuse a changed document that does not fit its type; errors as `checked`."""
    model = scope.types.models.get(document.type)
    if model is None or document.deleted_at is not None:
        return
    version = document.schema_version
    if version and version < model.declaration.version and model.has_steps_from(version):
        raise InvalidInput(
            f"document {document.id} is of version {version} of {document.type}, "
            f"and this is {model.declaration.version}",
            remedy=f"put it anew first: docs.put(doc.to({model.__name__}), id=doc.id)",
        )
    model.refuse_unfit(document.raw_body)


@asynccontextmanager
async def undone_if_refused(scope: Scope, pool: Pool | None) -> AsyncIterator[Scope]:
    """A transaction, or a savepoint inside one, that an `InvalidInput` leaves without effect."""
    if pool is not None:
        async with transaction(pool, scope) as inside:
            yield inside
        return
    await scope.runner.execute(_sql.save)
    try:
        yield scope
    except InvalidInput:
        await scope.runner.execute(_sql.undo)
        raise
    await scope.runner.execute(_sql.keep)
