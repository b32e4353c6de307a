"""Whether a step is called, and how often: its condition, and the list it is called for each element of.

Both look at one object, `{"input": …, "outputs": {step: …}, "document": …}`: what the run was started with, the
outputs of the steps that come before this one, and the body of the run's document. Of other steps nothing is seen,
so the answer is the same in each attempt.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from octavo.errors import InvalidFilter, InvalidPipeline
from octavo.values.condition import Attribute, Field, Filter, parse_subject
from octavo.values.filter import parse
from octavo.values.matching import found

ROOTS = ("input", "outputs", "document")
MAX_ITEMS = 1_000


def condition(where: Mapping[str, Any], step: str, before: Collection[str]) -> Filter:
    """The condition of a step, checked.

    Args:
        before: the steps that come before it, whose outputs it may look at.

    Raises:
        InvalidPipeline: no filter, or one that asks for something else.
    """
    try:
        asked = parse(where)
    except InvalidFilter as error:
        raise InvalidPipeline(
            f"the condition of the step {step!r} is wrong: {error.message}", remedy=error.remedy, step=step
        ) from error
    for one in asked.conditions:
        if one.operator == "regex":
            raise InvalidPipeline(
                f"the condition of the step {step!r} has a $regex",
                remedy="use $prefix, $contains or $in",
                step=step,
            )
    for name in where_names(where):
        _check_subject(name, step, before)
    return asked


def path_of(each: str, step: str, before: Collection[str]) -> tuple[str, ...]:
    """The path to the list that a step is called for each element of; raises `InvalidPipeline`."""
    return _check_subject(each, step, before).path


def elements(path: tuple[str, ...], seen: Mapping[str, Any]) -> list[Any] | None:
    """The list at a path; None when there is none."""
    values = list(found(path, seen))
    return values[0] if len(values) == 1 and isinstance(values[0], list) else None


def where_names(where: Mapping[str, Any]) -> list[str]:
    """The names a filter asks for, but for those inside of elements."""
    names: list[str] = []
    for name, value in where.items():
        if name.startswith("$"):
            names.extend(inner for part in value for inner in where_names(part))
        else:
            names.append(name)
    return names


def _check_subject(name: str, step: str, before: Collection[str]) -> Field:
    try:
        about = parse_subject(name)
    except InvalidFilter as error:
        raise InvalidPipeline(
            f"the step {step!r} cannot look at {name!r}: {error.message}", remedy=error.remedy, step=step
        ) from error
    if isinstance(about, Attribute) or about.source != "body" or about.path[0] not in ROOTS:
        raise InvalidPipeline(
            f"the step {step!r} looks at {name!r}",
            remedy="begin with input, outputs.STEP or document, as outputs.classify.predicted_category",
            step=step,
        )
    if about.path[0] == "outputs" and (len(about.path) < 2 or about.path[1] not in before):
        raise InvalidPipeline(
            f"the step {step!r} looks at {name!r}, which is no output of a step before it",
            remedy=f"those are {', '.join(sorted(before)) or 'none'}; name it in `after`",
            step=step,
        )
    return about
