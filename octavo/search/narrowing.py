"""What narrows a search besides its words: names of namespaces and types, and a filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from octavo.roles.search import Condition
from octavo.store.filters import compile_lookup
from octavo.values.condition import Filter
from octavo.values.filter import parse


def names(given: str | Sequence[str] | None) -> list[str] | None:
    """One name, or several, as a list in a stable order; None for all."""
    if given is None:
        return None
    return [given] if isinstance(given, str) else sorted(set(given))


def filter_of(where: Mapping[str, Any] | None) -> Filter | None:
    """The filter of `where=`; raises `InvalidFilter`."""
    return parse(where) if where else None


def condition(filter: Filter) -> Condition:
    """A filter as engines ask it of the record."""
    return lambda first: compile_lookup(filter, first=first)
