"""Which models may be used: those that the organization allows (`allowed_models` of its settings), and the pipeline.

Asked when a pipeline is put, and again whenever a worker begins a run that uses a model.
"""

from __future__ import annotations

from collections.abc import Collection

from octavo.errors import ModelNotAllowed
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values.json import decode

_sql = load("octavo.pipelines.defining", "definitions.sql")


async def check_models(scope: Scope, models: Collection[str], allowed: Collection[str] | None) -> None:
    """Raises `ModelNotAllowed` for the first of the models that is not allowed.

    Args:
        models: names, without versions and tags.
        allowed: by the pipeline; None for all.
    """
    if not models:
        return
    _refuse(models, allowed, "this pipeline")
    row = await scope.runner.fetchrow(_sql.allowed_models, scope.organization)
    _refuse(models, None if row is None else decode(row["allowed"]), "this organization")


def _refuse(models: Collection[str], allowed: Collection[str] | None, who: str) -> None:
    if allowed is None:
        return
    for model in sorted(set(models) - set(allowed)):
        raise ModelNotAllowed(
            f"{who} does not allow the model {model!r}",
            remedy=f"it allows {', '.join(sorted(allowed)) or 'none'}",
            model=model,
        )
