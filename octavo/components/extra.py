"""What components need of the extras of this package."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

from octavo.errors import MissingExtra


def needed(extra: str, module: str, what: str) -> None:
    """Raise `MissingExtra` when a module of an extra is not installed."""
    if find_spec(module) is None:
        raise MissingExtra(
            f"{what} need the extra `{extra}`", remedy=f"pip install 'octavo[{extra}]'", extra=extra
        )


def library(name: str) -> ModuleType:
    """Import a module of the extra `ml`, which is large, when it is first needed; raises `MissingExtra`."""
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"components that judge text need {name.partition('.')[0]}",
            remedy="pip install 'octavo[ml]'",
            extra="ml",
        ) from error
