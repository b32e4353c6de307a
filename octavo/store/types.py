"""The registry of document types: one for the whole database, because types are the application's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import AlreadyExists, Conflict, IncompatibleType, InvalidInput, NotFound
from octavo.postgres.pool import Row, Runner
from octavo.postgres.statements import load
from octavo.store.known import KnownTypes
from octavo.store.leads import TypeIndex
from octavo.store.scope import Scope
from octavo.values.declared import MAX_INDEXES, Declaration, DeclaredIndex, incompatible
from octavo.values.document import Difference
from octavo.values.json import decode, encode

_sql = load("octavo.store", "types.sql")


class RegisteredType(msgspec.Struct, frozen=True):
    """A version of a type, as the database knows it."""

    declaration: Declaration
    registered_at: datetime
    registered_by: str

    def as_dict(self) -> dict[str, Any]:
        """The version as plain data."""
        known = self.declaration
        return {
            "name": known.name,
            "version": known.version,
            "schema": known.schema,
            "indexes": [str(index) for index in known.indexes],
            "registered_at": self.registered_at.isoformat(),
            "registered_by": self.registered_by,
        }


async def listing(runner: Runner) -> list[RegisteredType]:
    """Every version of every type, by name, the newest version first."""
    return [_registered(row) for row in await runner.fetch(_sql.list_types)]


def newest(registered: Sequence[RegisteredType]) -> list[RegisteredType]:
    """The newest version of each type."""
    found: dict[str, RegisteredType] = {}
    for one in registered:
        found.setdefault(one.declaration.name, one)
    return list(found.values())


def refuse_incompatible(known: Declaration, declared: Declaration) -> None:
    """Raise `IncompatibleType` when a type was changed under the same version."""
    differences = incompatible(known.schema, declared.schema)
    if differences:
        raise IncompatibleType(
            f"{declared.name} was changed under version {declared.version}: {_told(differences)}",
            remedy=f"make it version {declared.version + 1}, with an upcast from version {declared.version}",
            type=declared.name,
            version=declared.version,
            differences=[f"{one.kind} {one.path}" for one in differences],
        )


async def register(system: Runner, declared: Declaration, who: str, known: Declaration | None) -> None:
    """Write a version of a type; `known` is what the database knew of this version.

    Raises:
        IncompatibleType; InvalidInput: more than 20 indexes, or an index that cannot be made.
        Conflict: somebody else registered this version just now.
    """
    if len(declared.indexes) > MAX_INDEXES:
        raise InvalidInput(
            f"{declared.name} declares {len(declared.indexes)} indexes", remedy=f"the limit is {MAX_INDEXES}"
        )
    for index in declared.indexes:
        TypeIndex(declared.name, index).check()
    if known is not None:
        refuse_incompatible(known, declared)
    row = await system.fetchrow(
        _sql.register_type,
        declared.name,
        declared.version,
        encode(declared.schema),
        msgspec.json.encode(declared.indexes),
        declared.digest,
        who,
        None if known is None else known.digest,
    )
    if row is None:
        raise Conflict(f"{declared.name} is being registered by another process", remedy="try again")


async def declared_indexes(runner: Runner) -> tuple[list[TypeIndex], frozenset[str]]:
    """What the newest versions of all types declare, and names of the indexes that are complete."""
    row = await runner.fetchrow(_sql.valid_indexes)
    assert row is not None
    types = newest(await listing(runner))
    indexes = [
        TypeIndex(one.declaration.name, index, row["by_code_point"])
        for one in types
        for index in one.declaration.indexes
    ]
    return indexes, frozenset(row["names"])


async def refresh(runner: Runner, known: KnownTypes) -> None:
    """Learn which declared indexes may be used."""
    known.learn(*await declared_indexes(runner))


async def set_strict(system: Runner, organization: UUID, namespace: str, strict: bool) -> list[str]:
    """Say whether a namespace of an organization takes registered types only; returns those that do."""
    row = await system.fetchrow(_sql.set_strict, organization, namespace, strict)
    if row is None:
        raise NotFound(f"there is no organization {organization!r}", remedy="see `octavo org list`")
    namespaces: list[str] = decode(row["namespaces"])
    return sorted(namespaces)


async def page_of_type(scope: Scope, type: str, after: UUID, limit: int) -> Sequence[Row]:
    """Live documents of a type by id, as stored, from all namespaces of the organization."""
    return await scope.runner.fetch(_sql.page_of_type, scope.organization, type, after, limit)


class TakenNamed:
    """Around a change: a unique value that another document has becomes an error that names type and field.

    It names that document too, unless several bodies were given, of which PostgreSQL does not tell the one, or a
    transaction is open, in which PostgreSQL answers nothing any more.
    """

    def __init__(self, scope: Scope, bodies: Sequence[bytes] = ()) -> None:
        self._scope = scope
        self._bodies = bodies

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, AlreadyExists):
            await _tell_taken(self._scope, error, self._bodies)


async def _tell_taken(scope: Scope, error: AlreadyExists, bodies: Sequence[bytes]) -> None:
    index = scope.types.index(str(error.fields.get("constraint")))
    if index is None:
        return
    (name,) = index.declared.fields
    holder = await _holder(scope, index, bodies[0]) if len(bodies) == 1 else None
    raise AlreadyExists(
        f"another {index.type} in {scope.namespace!r} has this {name}" + (f": {holder}" if holder else ""),
        remedy="read or change that one, or choose another value",
        type=index.type,
        field=name,
        id=None if holder is None else str(holder),
    ) from error


async def _holder(scope: Scope, index: TypeIndex, body: bytes) -> UUID | None:
    parts = {"{key}": index.keys[0], "{predicate}": index.predicate}
    statement = _sql.holder_of
    for place, text in parts.items():
        statement = statement.replace(place, text)
    try:
        row = await scope.runner.fetchrow(statement, scope.organization, scope.namespace, body)
    except Conflict:
        return None  # the transaction has failed
    return None if row is None else row["document_id"]


def _told(differences: Sequence[Difference]) -> str:
    shown = ", ".join(f"{one.kind} {one.path}" for one in differences[:5])
    return shown + (f" and {len(differences) - 5} more" if len(differences) > 5 else "")


def _registered(row: Row) -> RegisteredType:
    indexes = msgspec.convert(decode(row["indexes"]), tuple[DeclaredIndex, ...])
    declaration = Declaration(row["name"], row["version"], decode(row["schema"]), indexes)
    return RegisteredType(declaration, row["registered_at"], row["registered_by"])
