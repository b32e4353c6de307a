"""Models as runs see them: which version a step uses is told by whoever keeps them, when the step begins."""

from __future__ import annotations

from typing import Protocol

from octavo.store.scope import Scope
from octavo.values.model import UsedModel, as_named


class Models(Protocol):
    """Keeps models."""

    async def use(self, scope: Scope, reference: str) -> UsedModel:
        """The one version that a reference means now, with its files; raises `NotFound`."""
        ...


class Named:
    """Keeps none: a model is what it is called."""

    async def use(self, scope: Scope, reference: str) -> UsedModel:  # noqa: ARG002 - the protocol has it
        """The name and version as they stand."""
        return as_named(reference)
