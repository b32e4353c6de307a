"""Trained models in memory: read from their files when they are first used, a few at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

M = TypeVar("M")

# A model that is moved forward and back again is not read again.
_KEPT = 4


class Loaded(Generic[M]):
    """Models by their files; a file never changes under its name. Safe in threads.

    Args:
        loads: makes a model of the bytes of its file.
    """

    def __init__(self, loads: Callable[[bytes], M]) -> None:
        self._loads = loads
        self._models: dict[str, M] = {}
        self._lock = threading.Lock()

    def of(self, file: str) -> M:
        """The model of a file, read once."""
        with self._lock:
            if file not in self._models:
                if len(self._models) == _KEPT:
                    self._models.pop(next(iter(self._models)))
                self._models[file] = self._loads(Path(file).read_bytes())
            return self._models[file]
