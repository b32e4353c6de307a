"""What did not work while the rest went on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from octavo.errors import OctavoError

KEPT = 100


class Problem(msgspec.Struct, frozen=True):
    """One thing that did not work: where, and the error's code and words."""

    place: str
    code: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """The problem as plain data."""
        return msgspec.structs.asdict(self)


OnProblem = Callable[[Problem], None]


class Problems:
    """Counts problems, tells somebody of each, and keeps the first 100."""

    def __init__(self, told: OnProblem) -> None:
        self.count = 0
        self.first: list[Problem] = []
        self._told = told

    def note(self, place: str, error: OctavoError) -> None:
        """Take note of an error at a place."""
        problem = Problem(place, error.code, str(error))
        self.count += 1
        if len(self.first) < KEPT:
            self.first.append(problem)
        self._told(problem)
