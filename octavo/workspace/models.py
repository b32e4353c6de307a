"""The models of one organization: register them, let them serve, compare them."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from typing import Any

import msgspec

from octavo.errors import MissingExtra, NotFound, OctavoError
from octavo.postgres.pool import Pool
from octavo.registry import artifacts, comparing, health, models
from octavo.registry.artifacts import Given
from octavo.registry.health import AllowedHosts, Answer
from octavo.registry.serving import Serving
from octavo.roles.blobs import Blobs
from octavo.values.comparison import Comparison
from octavo.values.model import (
    PRODUCTION,
    Deployment,
    Endpoint,
    Health,
    ModelVersion,
    Performance,
    Stage,
    TrainingData,
    card_of,
    parse_model,
)
from octavo.values.result import ProcessingType
from octavo.workspace.documents import Bind
from octavo.workspace.training import Trains

_CHECK_SECONDS = 10


class ModelParts(msgspec.Struct, frozen=True):
    """What the views of all organizations share to serve models."""

    serving: Serving
    hosts: AllowedHosts


class Models(Trains):
    """The models of one organization: documents of the type `octavo.model` in the namespace `octavo`.

    A version is in `training` or `validation` when it is registered, `deployed` as long as it serves in an environment,
    and `deprecated` or `failed` when it shall not any more.
    """

    def __init__(self, bind: Bind, pool: Pool, blobs: Blobs, parts: ModelParts) -> None:
        super().__init__(bind, pool)
        self._bind = bind
        self._pool = pool
        self._blobs = blobs
        self._parts = parts

    async def register(
        self,
        name: str,
        *,
        type: ProcessingType,
        artifacts: Mapping[str, Given] | None = None,
        framework: str = "",
        algorithm: str = "",
        display_name: str = "",
        description: str = "",
        parameters: Mapping[str, Any] | None = None,
        training_data: TrainingData | Mapping[str, Any] | None = None,
        performance: Performance | Mapping[str, Any] | None = None,
        deployment: Endpoint | Mapping[str, Any] | None = None,
        preprocessing_config: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        stage: Stage = "validation",
        expect: int | None = None,
    ) -> ModelVersion:
        """Make a model, or its next version; what is equal to the newest version is that one, with `changed=False`.

        Args:
            name: as `ticket-topic`: letters, digits and `_ . : / -`.
            type: what it is for.
            artifacts: files by their names, as `{"weights": path or bytes}`; they go into the blob store.
            training_data: see `octavo.values.model.TrainingData`; a `dataset_id` that is a UUID must be a document's.
            performance: see `octavo.values.model.Performance`.
            deployment: of a model that is a service: `octavo.values.model.Endpoint`.
            stage: `validation`, or `training` for one that is not ready.
            expect: 0 to create only; n to follow version n only.

        Raises:
            InvalidInput: a field that is wrong; an artifact that is no file; a URL to a host that is not allowed.
            NotFound: the dataset. VersionConflict, AlreadyExists, LimitExceeded.
        """
        given = {
            "type": type,
            "framework": framework,
            "algorithm": algorithm,
            "display_name": display_name,
            "description": description,
            "parameters": parameters,
            "training_data": training_data,
            "performance": performance,
            "deployment": deployment,
            "preprocessing_config": preprocessing_config,
            "metadata": metadata,
        }
        card = card_of({field: value for field, value in given.items() if value is not None})
        self._parts.hosts.check(card)
        return await models.register(
            self._pool,
            await self._bind(),
            self._blobs,
            name,
            card,
            files=artifacts or {},
            stage=stage,
            expect=expect,
        )

    async def get(self, model: str) -> ModelVersion:
        """The version that `name@3`, `name@production` (what serves there) or `name` (the newest) means.

        Raises:
            NotFound.
        """
        return await models.get(await self._bind(), parse_model(model))

    async def list(
        self,
        *,
        type: ProcessingType | None = None,
        stage: Stage | None = None,
        name: str | None = None,
        versions: bool = False,
        after: str = "",
        limit: int = 100,
    ) -> builtins.list[ModelVersion]:
        """Models by name: of each the newest version that is asked for.

        Args:
            type, stage, name: only these.
            versions: all versions, the newest first.
            after: those behind this name.
            limit: versions at most.
        """
        return await models.listing(
            await self._bind(),
            type=type,
            stage=stage,
            name=name,
            versions=versions,
            after=after,
            limit=limit,
        )

    async def stage(self, name: str, version: int, stage: Stage) -> ModelVersion:
        """Move a version on; it is deployed by `promote`.

        Args:
            stage: `validation` or `failed` after training, `deprecated` or `failed` after validation, and `validation`
                again for a deprecated one.

        Raises:
            NotFound; Conflict: the stage does not follow the one it has.
        """
        return await models.move_stage(self._pool, await self._bind(), name, version, stage)

    async def deprecate(self, name: str, version: int) -> ModelVersion:
        """Say that a version shall not be used any more. Raises `NotFound`; `Conflict`, as while it serves."""
        return await self.stage(name, version, "deprecated")

    async def promote(
        self,
        name: str,
        version: int | None = None,
        *,
        environment: str = PRODUCTION,
        expect: int | None = None,
    ) -> ModelVersion:
        """Let a version serve in an environment, in the place of the one that did.

        Steps that name the model begin with it from the commit on; those under way go on with what they have.

        Args:
            version: by default the newest.
            environment: `production`, `staging` or any other word.
            expect: the version that serves there now, 0 for none: if another one does, nothing is changed.

        Raises:
            NotFound; Conflict: it is in training, deprecated or failed; VersionConflict.
        """
        return await models.promote(
            self._pool, await self._bind(), name, version, environment=environment, expect=expect
        )

    async def rollback(self, name: str, *, environment: str = PRODUCTION) -> ModelVersion:
        """Let the version serve again that served before; a second rollback undoes the first.

        Raises:
            NotFound; Conflict: none served there before, or it may serve no more.
        """
        return await models.rollback(self._pool, await self._bind(), name, environment=environment)

    async def withdraw(self, name: str, *, environment: str = PRODUCTION) -> ModelVersion:
        """Let no version of the model serve in an environment; returns the one that did. Raises `NotFound`."""
        return await models.withdraw(self._pool, await self._bind(), name, environment=environment)

    async def history(
        self, name: str, *, environment: str | None = None, limit: int = 100
    ) -> builtins.list[Deployment]:
        """Who let which version serve where, newest first. Raises `NotFound`."""
        return await models.deployments(await self._bind(), name, environment=environment, limit=limit)

    async def artifact(self, model: str, name: str) -> bytes:
        """The bytes of an artifact, compared with its digest.

        Args:
            model: as in `get`.

        Raises:
            NotFound: no such model or artifact, or its blob is lost. StorageFault: the blob is damaged.
        """
        scope = await self._bind()
        version = await models.get(scope, parse_model(model))
        found = {artifact.name: artifact for artifact in version.artifacts}
        if name not in found:
            there = ", ".join(found) or "none"
            raise NotFound(f"{version.reference} has no artifact {name[:100]!r}", remedy=f"it has: {there}")
        return await artifacts.read(self._blobs, scope.organization, found[name])

    async def compare(
        self,
        name: str,
        before: int,
        after: int,
        *,
        type: ProcessingType | None = None,
        truth: str | None = None,
        documents: int = 10_000,
        changed: int = 20,
    ) -> Comparison:
        """Two versions on the documents of which both have a result; nothing is computed again.

        Start a pipeline whose step names `name@before`, and one that names `name@after`, for the same documents first.

        Args:
            type: only results of this type.
            truth: the field of the documents that holds the right answer, as `review.label`: then accuracy, precision,
                recall and F1 of both are told.
            documents: to be compared at most, the newest.
            changed: of those on which they differ, told by their ids at most.

        Raises:
            NotFound, InvalidInput.
        """
        return await comparing.compare(
            await self._bind(),
            name,
            before,
            after,
            type=type,
            truth=truth,
            documents=documents,
            changed=changed,
        )

    async def check(self, name: str | None = None) -> builtins.list[Health]:
        """Ask the `health_check_url` of each version that serves, and keep what it told; a change is an event.

        Args:
            name: only this model.

        Returns:
            What was told. Only hosts that the setting `model_hosts` allows are asked, redirections included.

        Raises:
            MissingExtra: the `[ingest]` extra is not installed, which can fetch.
        """
        scope = await self._bind()
        return await health.check(self._pool, scope, self._parts.hosts, self._ask, name)

    async def _ask(self, url: str) -> Answer:
        try:
            from octavo.ingest.web.asking import require_answer  # noqa: PLC0415 - an optional dependency
        except ModuleNotFoundError as error:
            raise MissingExtra(
                f"asking URLs needs {error.name}", remedy="pip install 'octavo[ingest]'", extra="ingest"
            ) from error
        try:
            await require_answer(url, self._parts.hosts.require, seconds=_CHECK_SECONDS)
        except OctavoError as error:
            return Answer(False, error.message)
        return Answer(True, "it answers 200")
