"""Which version of a model a step uses, told when the step begins: one version, which the result then names."""

from __future__ import annotations

from octavo.errors import NotFound
from octavo.registry import models
from octavo.registry.artifacts import Copies
from octavo.roles.blobs import Blobs
from octavo.store.scope import Scope
from octavo.values.model import PRODUCTION, ModelReference, ModelVersion, UsedModel, as_named, parse_model

_UNUSABLE = {"training", "failed"}


class Serving:
    """Finds models for steps, and keeps copies of their files on this machine."""

    def __init__(self, blobs: Blobs) -> None:
        self._copies = Copies(blobs)

    async def use(self, scope: Scope, reference: str) -> UsedModel:
        """The version that a reference means now, with its files.

        Args:
            reference: `name@version`; `name@environment`; or a name alone, for what serves in production. A name that
                the registry does not know is taken as it is: the model of a service, say.

        Raises:
            NotFound: no such version, none serves there, or it is in training or failed.
            StorageFault: a file is damaged.
        """
        wanted = parse_model(reference)
        try:
            model = await models.get(scope, _serving(wanted))
        except NotFound:
            if await self._is_known(scope, wanted.name) or wanted.environment == PRODUCTION:
                raise
            return as_named(reference)
        if model.stage in _UNUSABLE:
            raise NotFound(
                f"{model.reference} is in {model.stage}, and no step may use it",
                remedy="name another version, or what serves in production",
            )
        return await self._used(scope, model)

    async def close(self) -> None:
        """Remove the copies; safe to call twice."""
        await self._copies.close()

    async def _used(self, scope: Scope, model: ModelVersion) -> UsedModel:
        paths = await self._copies.paths(scope.organization, model.artifacts)
        return UsedModel(model.name, str(model.version), paths)

    async def _is_known(self, scope: Scope, name: str) -> bool:
        return bool(await models.listing(scope, name=name, limit=1))


def _serving(wanted: ModelReference) -> ModelReference:
    is_bare = wanted.version is None and wanted.environment is None
    return ModelReference(wanted.name, environment=PRODUCTION) if is_bare else wanted
