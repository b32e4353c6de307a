"""Vectors by whichever engine serves them at the moment, each with the embedder of its model."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar, cast

from octavo.engines.embedders.choice import Embedders
from octavo.errors import InvalidSetting
from octavo.projections.answering import Answering
from octavo.projections.roster import Place, Roster
from octavo.roles.vectors import Served, VectorEngine

ROLE = "vectors"
Answer = TypeVar("Answer")


class ServingVectors:
    """What a search by meaning asks; see `octavo.search.semantic.Serving`.

    A kept engine may be of another model: a text is embedded for whichever answers, a vector is not taken elsewhere.
    """

    def __init__(self, roster: Roster, embedders: Embedders) -> None:
        self._roster = roster
        self._embedders = embedders
        self._answering = Answering(roster, ROLE)

    async def answered(
        self, ask: Callable[[Served], Awaitable[Answer]], *, of_one_model: bool = False
    ) -> tuple[Answer, str | None]:
        """What the engine that serves answers or, when it does not, one that is kept.

        Returns:
            The answer, and why the engine that serves did not give it; None when it did.

        Raises:
            InvalidSetting: this process has no vectors. Unavailable, StorageFault: no engine answers.
        """
        if ROLE not in self._roster.roles:
            raise InvalidSetting(
                "there are no vectors to search, because the setting `vectors` is none",
                remedy="set OCTAVO_VECTORS=postgres; what is there is embedded in the background",
                setting="vectors",
            )
        model = _engine(self._roster.place(ROLE)).model

        async def asked(place: Place) -> Answer:
            engine = _engine(place)
            return await ask(Served(engine, self._embedders.of(engine.model)))

        found = await self._answering.answered(
            asked, may=lambda place: not of_one_model or _engine(place).model == model
        )
        return found.answer, found.instead


def _engine(place: Place) -> VectorEngine:
    return cast("VectorEngine", place.engine)
