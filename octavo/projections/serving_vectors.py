"""Which vector engine serves at the moment, and the embedder of its model."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from octavo.engines.embedders.choice import Embedders
from octavo.errors import InvalidSetting
from octavo.projections.roster import Roster
from octavo.roles.embedder import Embedder
from octavo.roles.vectors import VectorEngine

ROLE = "vectors"


def serving_vectors(roster: Roster, embedders: Embedders) -> Callable[[], tuple[VectorEngine, Embedder]]:
    """What tells, at each call, the engine that serves and its embedder.

    Raises:
        InvalidSetting: at a call, when this process has no vectors.
    """

    def serving() -> tuple[VectorEngine, Embedder]:
        if ROLE not in roster.roles:
            raise InvalidSetting(
                "there are no vectors to search, because the setting `vectors` is none",
                remedy="set OCTAVO_VECTORS=postgres; what is there is embedded in the background",
                setting="vectors",
            )
        engine = cast("VectorEngine", roster.live(ROLE))
        return engine, embedders.of(engine.model)

    return serving
