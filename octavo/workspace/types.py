"""The document types of a database: registered, looked at, checked, and their indexes kept."""

from __future__ import annotations

import asyncio
import builtins
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import Conflict, InvalidBody, InvalidInput, InvalidSetting, NotFound, OctavoError
from octavo.operations import indexes
from octavo.operations.indexes import IndexState
from octavo.postgres.background import Background
from octavo.postgres.pool import Pool, Row
from octavo.postgres.record import Record
from octavo.settings import Settings
from octavo.store import types
from octavo.store.known import KnownTypes
from octavo.store.scope import Scope
from octavo.store.types import RegisteredType
from octavo.values.declared import Declaration
from octavo.values.difference import difference
from octavo.values.document import Difference
from octavo.values.json import decode
from octavo.values.type import DocumentType

log = logging.getLogger("octavo.types")
ScopeOf = Callable[[str | None], Awaitable[Scope]]
_PAGE = 500
_REFRESH_SECONDS = 60.0


class Misfit(msgspec.Struct, frozen=True):
    """A stored document that does not fit a type, and why."""

    id: UUID
    namespace: str
    name: str | None
    problems: list[Mapping[str, str]]


class TypeCheck(msgspec.Struct, frozen=True):
    """Would the stored documents fit a type?

    Attributes:
        checked: documents looked at.
        misfits: how many of them do not fit.
        shown: the first of these.
        complete: whether all documents of the type were looked at.
    """

    checked: int
    misfits: int
    shown: list[Misfit]
    complete: bool

    def as_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        return told


class Types:
    """The document types of a database. They are the application's, and so the same for all organizations."""

    def __init__(self, record: Record, settings: Settings, known: KnownTypes, scope_of: ScopeOf) -> None:
        self._record = record
        self._settings = settings
        self._known = known
        self._scope_of = scope_of
        self._given_up: set[str] = set()
        self._learning = asyncio.Lock()
        self._builder = Background(
            "type indexes",
            self._build_step,
            first_wait_seconds=_REFRESH_SECONDS,
            longest_wait_seconds=_REFRESH_SECONDS,
        )

    async def register(self, *models: builtins.type[DocumentType]) -> None:
        """Register document types: from now on bodies of these types are checked; indexes follow beside the calls.

        Doing it again changes nothing. A record outside is registered in by a process with `record_system`, and its
        indexes are made by `apply`.

        Raises:
            IncompatibleType: a type was changed under the same version; names the differences.
            InvalidInput: a class without `name=`, or an index that cannot be made.
            InvalidSetting: it is not registered, and this process may not do it.
        """
        registered = {
            (one.declaration.name, one.declaration.version): one
            for one in (await types.listing(self._record.app) if models else ())
        }
        for model in models:
            declared = _declaration_of(model)
            known = registered.get((declared.name, declared.version))
            if known is None or known.declaration.digest != declared.digest:
                await types.register(
                    self._writer, declared, self._settings.actor, None if known is None else known.declaration
                )
        self._known.models.update({model.declaration.name: model for model in models})
        self._given_up.clear()
        await self._learn()
        self._builder.wake()

    async def list(self) -> builtins.list[RegisteredType]:
        """The newest version of every type, by name."""
        return types.newest(await types.listing(self._record.app))

    async def show(self, name: str) -> builtins.list[RegisteredType]:
        """Every version of a type, the newest first; raises `NotFound`."""
        found = [one for one in await types.listing(self._record.app) if one.declaration.name == name]
        if not found:
            raise NotFound(f"there is no document type {name!r}", remedy="see `octavo type list`")
        return found

    async def diff(self, model: builtins.type[DocumentType]) -> builtins.list[Difference]:
        """What a model changes in the schema and the indexes of its type's newest version; all, if it is new."""
        declared = _declaration_of(model)
        known = [one.declaration for one in await self.list() if one.declaration.name == declared.name]
        before = _compared(known[0]) if known else {}
        return difference(before, _compared(declared))

    async def check(
        self,
        model: builtins.type[DocumentType],
        *,
        organization: str | None = None,
        most: int = 1_000_000,
        shown: int = 20,
    ) -> TypeCheck:
        """Read the live documents of a type, of all namespaces, and see which would not fit the model.

        Args:
            organization: its name; None for the default one.
            most: documents looked at at most, in chunks of 500.
            shown: misfits that are told one by one.
        """
        scope = await self._scope_of(organization)
        checked = misfits = 0
        told: builtins.list[Misfit] = []
        after = UUID(int=0)
        while checked < most:
            page = await types.page_of_type(
                scope, _declaration_of(model).name, after, min(_PAGE, most - checked)
            )
            if not page:
                return TypeCheck(checked, misfits, told, complete=True)
            wrong = [misfit for row in page if (misfit := _misfit(model, row)) is not None]
            told += wrong[: shown - len(told)]
            checked, misfits, after = checked + len(page), misfits + len(wrong), page[-1]["id"]
        return TypeCheck(checked, misfits, told, complete=False)

    async def indexes(self) -> builtins.list[IndexState]:
        """Every declared index, with how far its building is."""
        return await indexes.states(self._record.system if self._record.has_system else self._record.app)

    async def apply(self, *, drop: bool = True, patience_seconds: float = 300.0) -> builtins.list[IndexState]:
        """Build the declared indexes that are missing and drop those nobody declares, beside all writers.

        Args:
            drop: False leaves undeclared ones alone.
            patience_seconds: how long to wait for another builder.

        Returns:
            How each is afterwards: `failed` ones name the documents in their way.

        Raises:
            Conflict: another builder works longer than that.
            InvalidSetting: `record_admin` is not set for a record outside.
        """
        told = await indexes.apply(
            self._settings, self._record.system, drop=drop, patience_seconds=patience_seconds
        )
        await self._learn()
        return told

    async def strict(
        self, namespace: str, strict: bool = True, *, organization: str | None = None
    ) -> builtins.list[str]:
        """Say whether a namespace takes documents of registered types only; returns those that do.

        Args:
            organization: its name; None for the default one.
        """
        scope = await self._scope_of(organization)
        return await types.set_strict(self._record.system, scope.organization, namespace, strict)

    def start(self) -> None:
        """Build what is missing in an embedded record, and learn once a minute what others have built."""
        self._builder.start()

    async def stop(self) -> None:
        """End that; a build that runs is given up and begins anew the next time."""
        await self._builder.stop()

    @property
    def _writer(self) -> Pool:
        if not self._record.has_system:
            raise InvalidSetting(
                "a document type is not registered as this process has it, and record_system is not set",
                remedy="run `octavo type apply` with OCTAVO_RECORD_SYSTEM and OCTAVO_RECORD_ADMIN set",
                setting="record_system",
            )
        return self._record.system

    async def _build_step(self) -> bool:
        declared, valid = await types.declared_indexes(self._record.app)
        waiting = set(indexes.missing(declared, valid)) - self._given_up
        if waiting and self._record.server is not None:
            with suppress(Conflict):  # another process builds
                told = await self.apply(drop=False, patience_seconds=0.0)
                self._give_up(told)
        await self._learn()
        return False

    async def _learn(self) -> None:
        # One after another, or what was read first might be learnt last.
        async with self._learning:
            await types.refresh(self._record.app, self._known)

    def _give_up(self, told: builtins.list[IndexState]) -> None:
        """What could not be built is not tried again before somebody asks: it read every document of its type."""
        for state in told:
            if state.state == "failed":
                self._given_up |= {state.name, state.name.replace("key", "guard")}
                log.warning("the %s of %s could not be built: %s", state.index, state.type, state.problem)


def _declaration_of(model: builtins.type[DocumentType]) -> Declaration:
    declared: Declaration | None = getattr(model, "declaration", None)
    if declared is None:
        raise InvalidInput(
            f"{model.__name__} is no document type",
            remedy=f"write class {model.__name__}(octavo.DocumentType, name=…)",
        )
    return declared


def _compared(declared: Declaration) -> dict[str, Any]:
    indexes_by_name = {str(index): True for index in declared.indexes}
    return {"version": declared.version, "schema": declared.schema, "indexes": indexes_by_name}


def _misfit(model: builtins.type[DocumentType], row: Row) -> Misfit | None:
    try:
        model.checked(model.upcasted(decode(row["body"]), row["schema_version"]))
    except InvalidBody as error:
        return Misfit(row["id"], row["namespace"], row["name"], error.fields["problems"])
    except OctavoError as error:
        problem = {"path": "body", "problem": error.message, "kind": error.code}
        return Misfit(row["id"], row["namespace"], row["name"], [problem])
    except Exception as error:  # noqa: BLE001 - a step of the user's own may stumble over anything that is stored
        problem = {"path": "body", "problem": f"an upcast failed: {type(error).__name__}", "kind": "upcast"}
        return Misfit(row["id"], row["namespace"], row["name"], [problem])
    return None
