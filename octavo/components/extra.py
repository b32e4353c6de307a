"""What components need of the extras of this package."""

from __future__ import annotations

from importlib.util import find_spec

from octavo.errors import MissingExtra


def needed(extra: str, module: str, what: str) -> None:
    """Raise `MissingExtra` when a module of an extra is not installed."""
    if find_spec(module) is None:
        raise MissingExtra(
            f"{what} need the extra `{extra}`", remedy=f"pip install 'octavo[{extra}]'", extra=extra
        )
