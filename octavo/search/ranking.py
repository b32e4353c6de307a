"""What a search weighs more: weights of the parts of a document, boosts of types."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from octavo.errors import InvalidInput, LimitExceeded
from octavo.roles.search import Weights

PARTS = ("title", "preview", "description", "text")
MAX_WEIGHT = 100.0
LEAST_BOOST, MOST_BOOST = 0.01, 100.0
MAX_BOOSTED = 100

_OF_TYPES = "@type"


def weights_of(given: Mapping[str, float] | None) -> Weights:
    """The weights of `weights=`; parts that are not named keep theirs: title 10, preview 4, description 2, text 1.

    Raises:
        InvalidInput: no such part, a weight that is not 0 to 100, or a part that weighs less than the text: what
            stands in it is text too.
    """
    if not given:
        return Weights()
    for part, weight in given.items():
        _check_part(part, weight)
    weights = msgspec.structs.replace(Weights(), **{part: float(weight) for part, weight in given.items()})
    for part in PARTS:
        if getattr(weights, part) < weights.text:
            raise InvalidInput(
                f"{part} weighs {getattr(weights, part):g} and text {weights.text:g}",
                remedy=f"weigh {part} at least as much as the text: what stands in it is text too",
            )
    return weights


def boosts_of(given: Mapping[str, Mapping[str, float]] | None) -> Mapping[str, float]:
    """The boosts of `boost=`, by type.

    Raises:
        InvalidInput: of anything but `@type`, or a factor that is not 0.01 to 100.
        LimitExceeded: of more than 100 types.
    """
    boosts: dict[str, float] = {}
    for name, factors in (given or {}).items():
        if name != _OF_TYPES or not isinstance(factors, Mapping):
            raise InvalidInput(f"boost of {name!r}", remedy='give {"@type": {"policy": 2.0}}')
        boosts = {type: _factor(type, factor) for type, factor in factors.items()}
    if len(boosts) > MAX_BOOSTED:
        raise LimitExceeded(
            f"boosts of {len(boosts)} types",
            remedy=f"boost {MAX_BOOSTED} types at most",
            limit=MAX_BOOSTED,
            actual=len(boosts),
        )
    return boosts


def _check_part(part: str, weight: Any) -> None:
    if part not in PARTS:
        raise InvalidInput(f"weight of {part!r}", remedy=f"weigh {', '.join(PARTS)}")
    if not _is_number(weight) or not 0 <= weight <= MAX_WEIGHT:
        raise InvalidInput(f"{part} weighs {weight!r}", remedy=f"give a number from 0 to {MAX_WEIGHT:g}")


def _factor(type: str, factor: Any) -> float:
    if not _is_number(factor) or not LEAST_BOOST <= factor <= MOST_BOOST:
        raise InvalidInput(
            f"boost {factor!r} of the type {type!r}",
            remedy=f"give a number from {LEAST_BOOST:g} to {MOST_BOOST:g}; 1 changes nothing",
        )
    return float(factor)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
