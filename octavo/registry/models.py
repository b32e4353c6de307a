"""Models: registered as versions of a document, moved through their stages, and put to work in environments.

The document keeps what a version is; its stage, files and environments stand beside it, in tables whose own rules
refuse a stage that does not follow, and an environment with a version that is not deployed. Every change is one
transaction that begins with the lock of the model's document, and ends with its event in the stream `model-<id>`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import Conflict, InvalidInput, LimitExceeded, NotFound, VersionConflict
from octavo.postgres.pool import Pool, Row
from octavo.postgres.statements import load
from octavo.registry import artifacts
from octavo.registry.artifacts import Given
from octavo.roles.blobs import Blobs
from octavo.store import changes, events
from octavo.store.changes import Draft
from octavo.store.scope import Scope
from octavo.store.transaction import transaction
from octavo.values.actor import Actor
from octavo.values.json import decode
from octavo.values.model import (
    FOLLOWS,
    NAMESPACE,
    PRODUCTION,
    TYPE,
    Artifact,
    Card,
    Deployment,
    ModelReference,
    ModelVersion,
    Stage,
    environment_name,
    model_name,
    stage_name,
)
from octavo.values.position import Position
from octavo.values.result import processing_type

_sql = load("octavo.registry", "models.sql")
_BEGINS: tuple[Stage, ...] = ("training", "validation")
_FIGURES = ("accuracy", "precision", "recall", "f1_score")


class _Locked(msgspec.Struct, frozen=True):
    """A model's document in an open transaction; nobody else changes the model until it ends."""

    scope: Scope
    id: UUID
    name: str

    async def tell(self, type: str, version: int, data: Mapping[str, Any]) -> Position:
        """Append an event to the model's stream."""
        about = {name: value for name, value in data.items() if value is not None}
        told = {"model": self.name, "version": version, **about}
        fact = events.fact(type, told, document_id=self.id, version=version)
        return (await events.append(self.scope, _stream(self.id), fact)).position


@asynccontextmanager
async def _locked(pool: Pool, scope: Scope, name: str) -> AsyncIterator[_Locked]:
    async with transaction(pool, scope) as inside:
        row = await inside.runner.fetchrow(_sql.lock_model, scope.organization, NAMESPACE, TYPE, name)
        if row is None:
            raise _unknown(name)
        yield _Locked(inside, row["id"], name)


async def register(
    pool: Pool,
    scope: Scope,
    blobs: Blobs,
    name: str,
    card: Card,
    *,
    files: Mapping[str, Given],
    stage: object = "validation",
    expect: int | None = None,
) -> ModelVersion:
    """Make the next version of a model; see `Models.register`."""
    begins = stage_name(stage)
    if begins not in _BEGINS:
        raise InvalidInput(
            f"a version cannot begin as {begins}", remedy=f"register it in {' or '.join(_BEGINS)}"
        )
    stored = await artifacts.store(blobs, scope.organization, files)
    digests = {artifact.name: artifact.sha256 for artifact in stored}
    body = card.model_copy(update={"artifacts": digests}).model_dump(mode="json")
    async with transaction(pool, msgspec.structs.replace(scope, namespace=NAMESPACE)) as inside:
        await _require_dataset(inside, card)
        draft = Draft.of(inside, TYPE, body, name=model_name(name))
        document = await changes.put(inside, draft, expect=expect)
        kept = await inside.runner.fetchrow(
            _sql.keep_version, scope.organization, document.id, document.version, card.type, begins
        )
        if kept is not None:
            await _keep_artifacts(inside, document.id, document.version, stored)
            locked = _Locked(inside, document.id, name)
            await locked.tell(
                "model.registered", document.version, _registered(card, begins, document.version)
            )
        made = await get(inside, ModelReference(name, version=document.version))
    return msgspec.structs.replace(made, changed=kept is not None)


async def get(scope: Scope, reference: ModelReference) -> ModelVersion:
    """One version: that of the number, that which serves in the environment, or else the newest. Raises `NotFound`."""
    row = await scope.runner.fetchrow(
        _sql.find_model,
        scope.organization,
        NAMESPACE,
        TYPE,
        reference.name,
        reference.version,
        reference.environment,
    )
    if row is None:
        raise await _not_found(scope, reference)
    return _model(scope, row)


async def listing(
    scope: Scope,
    *,
    type: object = None,
    stage: object = None,
    name: str | None = None,
    versions: bool = False,
    after: str = "",
    limit: int = 100,
) -> list[ModelVersion]:
    """Models by name: the newest version of each that is asked for, or all of them."""
    if not 1 <= limit <= scope.limits.page:
        raise LimitExceeded(
            f"a page of {limit} models",
            remedy=f"ask for 1 to {scope.limits.page}",
            limit=scope.limits.page,
            actual=limit,
        )
    rows = await scope.runner.fetch(
        _sql.list_models,
        scope.organization,
        NAMESPACE,
        TYPE,
        None if type is None else processing_type(type),
        None if stage is None else stage_name(stage),
        name,
        versions,
        after,
        limit,
    )
    return [_model(scope, row) for row in rows]


async def move_stage(pool: Pool, scope: Scope, name: str, version: int, stage: object) -> ModelVersion:
    """Give a version another stage; see `Models.stage`."""
    wanted = stage_name(stage)
    async with _locked(pool, scope, name) as locked:
        known = await get(locked.scope, ModelReference(name, version=version))
        if known.stage == wanted:
            return msgspec.structs.replace(known, changed=False)
        if wanted not in FOLLOWS[known.stage]:
            raise _cannot(known, wanted)
        await locked.scope.runner.fetchrow(
            _sql.set_stage, scope.organization, locked.id, version, known.stage, wanted
        )
        await locked.tell("model.stage_changed", version, {"from": known.stage, "to": wanted})
        return await get(locked.scope, ModelReference(name, version=version))


async def promote(
    pool: Pool,
    scope: Scope,
    name: str,
    version: int | None = None,
    *,
    environment: str = PRODUCTION,
    expect: int | None = None,
) -> ModelVersion:
    """Let a version serve in an environment; see `Models.promote`."""
    place = environment_name(environment)
    async with _locked(pool, scope, name) as locked:
        wanted = await get(locked.scope, ModelReference(name, version=version))
        served = await _serving(locked, place)
        if expect is not None and expect != (served or 0):
            raise VersionConflict(
                f"{place} has {_version(served)} of {name}, not {_version(expect)}",
                remedy="look again, then decide",
                expected=expect,
                actual=served or 0,
            )
        if served == wanted.version:
            return msgspec.structs.replace(wanted, changed=False)
        return await _move(locked, wanted, place, served)


async def rollback(pool: Pool, scope: Scope, name: str, *, environment: str = PRODUCTION) -> ModelVersion:
    """Let the version serve again that served before; see `Models.rollback`."""
    place = environment_name(environment)
    async with _locked(pool, scope, name) as locked:
        row = await locked.scope.runner.fetchrow(_sql.serving, scope.organization, locked.id, place)
        if row is None or row["previous_version"] is None:
            raise Conflict(
                f"no version of {name} served in {place} before", remedy="see `octavo model show --history`"
            )
        wanted = await get(locked.scope, ModelReference(name, version=row["previous_version"]))
        return await _move(locked, wanted, place, row["version"])


async def withdraw(pool: Pool, scope: Scope, name: str, *, environment: str = PRODUCTION) -> ModelVersion:
    """Let no version of a model serve in an environment; see `Models.withdraw`."""
    place = environment_name(environment)
    async with _locked(pool, scope, name) as locked:
        row = await locked.scope.runner.fetchrow(_sql.withdraw, scope.organization, locked.id, place)
        if row is None:
            raise NotFound(f"no version of {name} serves in {place}")
        await locked.tell("model.withdrawn", row["version"], {"environment": place})
        return await get(locked.scope, ModelReference(name, version=row["version"]))


async def deployments(
    scope: Scope, name: str, *, environment: str | None = None, limit: int = 100
) -> list[Deployment]:
    """The moves of a model's environments, newest first, from its stream. Raises `NotFound`."""
    model = await get(scope, ModelReference(name))
    rows = await scope.runner.fetch(
        _sql.deployments, scope.organization, _stream(model.id), environment, min(limit, scope.limits.page)
    )
    return [_deployment(name, row) for row in rows]


async def _move(locked: _Locked, wanted: ModelVersion, environment: str, served: int | None) -> ModelVersion:
    if wanted.stage not in {"validation", "deployed"}:
        raise _cannot(wanted, "deployed")
    actor = locked.scope.origin.actor
    await locked.scope.runner.fetchrow(
        _sql.promote,
        locked.scope.organization,
        locked.id,
        wanted.version,
        environment,
        actor.id,
        actor.kind,
    )
    told = {"environment": environment, "previous": served, "performance": _figures(wanted.card)}
    await locked.tell("model.promoted", wanted.version, told)
    return await get(locked.scope, ModelReference(wanted.name, version=wanted.version))


async def _serving(locked: _Locked, environment: str) -> int | None:
    row = await locked.scope.runner.fetchrow(_sql.serving, locked.scope.organization, locked.id, environment)
    return None if row is None else int(row["version"])


async def _keep_artifacts(scope: Scope, model: UUID, version: int, stored: tuple[Artifact, ...]) -> None:
    if stored:
        await scope.runner.execute(
            _sql.keep_artifacts,
            scope.organization,
            model,
            version,
            [artifact.name for artifact in stored],
            [bytes.fromhex(artifact.sha256) for artifact in stored],
            [artifact.blob for artifact in stored],
            [artifact.bytes for artifact in stored],
        )


async def _require_dataset(scope: Scope, card: Card) -> None:
    """A dataset that is named by an id is a document; another name is one of the caller's own."""
    try:
        dataset = UUID(card.training_data.dataset_id or "")
    except ValueError:
        return
    if await scope.runner.fetchrow(_sql.has_document, scope.organization, dataset) is None:
        raise NotFound(f"the dataset {dataset} is no document", remedy="put it first, or give it a name")


async def _not_found(scope: Scope, reference: ModelReference) -> NotFound:
    row = await scope.runner.fetchrow(
        _sql.look_for_model, scope.organization, NAMESPACE, TYPE, reference.name
    )
    if row is None:
        return _unknown(reference.name)
    if reference.version is not None:
        return NotFound(
            f"{reference.name} has no version {reference.version}", remedy=f"the newest is {row['newest']}"
        )
    served = ", ".join(row["environments"]) or "none"
    return NotFound(
        f"no version of {reference.name} serves in {reference.environment!r}",
        remedy=f"promote one: `octavo model promote`; environments with one: {served}",
    )


def _registered(card: Card, stage: Stage, version: int) -> dict[str, Any]:
    return {
        "type": card.type,
        "stage": stage,
        "previous": version - 1 or None,
        "performance": _figures(card),
    }


def _figures(card: Card) -> dict[str, float] | None:
    figures = {name: getattr(card.performance, name) for name in _FIGURES}
    return {name: value for name, value in figures.items() if value is not None} or None


def _unknown(name: str) -> NotFound:
    return NotFound(f"there is no model {name[:200]!r}", remedy="see `octavo model list`")


def _cannot(known: ModelVersion, wanted: Stage) -> Conflict:
    remedies = {
        "training": "it has to be validated first: `octavo model stage … validation`",
        "validation": "a version is deployed by promoting it: `octavo model promote`",
        "deployed": f"it serves in {', '.join(known.environments)}: promote another one there, or withdraw it",
        "deprecated": "take it back first: `octavo model stage … validation`",
        "failed": "what failed is registered anew",
    }
    return Conflict(
        f"{known.reference} is in {known.stage} and cannot become {wanted}",
        remedy=remedies[known.stage],
        stage=known.stage,
        wanted=wanted,
    )


def _version(number: int | None) -> str:
    return f"version {number}" if number else "no version"


def _stream(model: UUID) -> str:
    return f"model-{model}"


def _deployment(name: str, row: Row) -> Deployment:
    told = decode(row["data"])
    is_promoted = row["type"] == "model.promoted"
    return Deployment(
        model=name,
        environment=told["environment"],
        version=told["version"] if is_promoted else None,
        previous=told.get("previous") if is_promoted else told["version"],
        moved_at=row["recorded_at"],
        moved_by=Actor(row["actor"], row["actor_kind"]),
    )


def _model(scope: Scope, row: Row) -> ModelVersion:
    return ModelVersion(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        stage=row["stage"],
        environments=tuple(row["environments"]),
        card=Card.model_validate(decode(row["card"])),
        artifacts=tuple(msgspec.json.decode(row["artifacts"], type=list[Artifact])),
        created_at=row["created_at"],
        created_by=Actor(row["created_by"], row["created_by_kind"]),
        updated_at=row["updated_at"],
        deployed_at=row["deployed_at"],
        deprecated_at=row["deprecated_at"],
        position=Position(scope.shard, row["epoch"], row["position_xid"], row["position_id"]),
    )
