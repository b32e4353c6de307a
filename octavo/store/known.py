"""What one open database knows of document types: its own models, and the declared indexes that are there."""

from __future__ import annotations

from collections.abc import Iterable

from octavo.store.leads import TypeIndex
from octavo.values.type import UNKNOWN_VERSION, DocumentType


class KnownTypes:
    """The types of one open database; shared by all its views, and empty for those who use none.

    Attributes:
        models: the registered models of this process, by the name of their type.
    """

    def __init__(self) -> None:
        self.models: dict[str, type[DocumentType]] = {}
        self._ready: dict[str, tuple[TypeIndex, ...]] = {}
        self._by_name: dict[str, TypeIndex] = {}

    def ready(self, type: str | None) -> tuple[TypeIndex, ...]:
        """The declared indexes of a type that may be used."""
        return self._ready.get(type, ()) if type is not None else ()

    def forget_ready(self) -> None:
        """Use no declared index before the next `learn`: one of them was dropped."""
        self._ready = {}

    def index(self, name: str) -> TypeIndex | None:
        """The declared index with this name."""
        return self._by_name.get(name)

    def learn(self, declared: Iterable[TypeIndex], valid: frozenset[str]) -> None:
        """Take note of what is declared and which indexes there are complete."""
        self._by_name = {index.name: index for index in declared}
        ready: dict[str, tuple[TypeIndex, ...]] = {}
        for index in self._by_name.values():
            if index.name in valid and index.guard in valid:
                ready[index.type] = (*ready.get(index.type, ()), index)
        self._ready = ready

    def checked(self, type: str, body: object) -> tuple[object, int]:
        """The body as the model of its type writes it, and the version of that; any other one as it is.

        Raises:
            InvalidBody: it does not fit.
        """
        model = self.models.get(type)
        if model is None:
            return body, UNKNOWN_VERSION
        return model.checked(body), model.declaration.version
