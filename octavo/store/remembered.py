"""What was made lately and may be asked for again, such as statements: a bounded memory of one open database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

MOST = 500
LONGEST_KEY_BYTES = 2_000
T = TypeVar("T")


class Remembered:
    """Values by what they were made of; the oldest are forgotten first. Shared by all views of a database."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[object, Any]] = {}

    def given(self, key: bytes, made_with: object, make: Callable[[], T]) -> T:
        """The value of a key: the same object for the same `made_with`, as long as it is remembered.

        Args:
            key: everything the value depends on, but for `made_with`.
            made_with: an object that is another one whenever the value would be.
        """
        known, value = self._known.get(key, (None, None))
        if value is not None and known is made_with:
            found: T = value
            return found
        made = make()
        if len(key) <= LONGEST_KEY_BYTES:
            if len(self._known) >= MOST:
                self._known.pop(next(iter(self._known)))
            self._known[key] = made_with, made
        return made
