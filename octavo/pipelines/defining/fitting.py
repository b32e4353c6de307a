"""Do the steps of a pipeline fit each other: what a step needs must be what a step just before it gives.

Only what is declared is compared: the formats of components' documents by their names, and the model that a component
`takes` with the result's model of the steps before. A step that is called for each element of a list is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from octavo.errors import InvalidPipeline
from octavo.values.component import Component
from octavo.values.pipeline import Pipeline, Step


def check_fits(pipeline: Pipeline, component_of: Mapping[str, Component]) -> None:
    """Raises `InvalidPipeline` where a step would be given what it cannot use.

    Args:
        component_of: the component of every step, by the step's name.
    """
    steps = {step.title: step for step in pipeline.steps}
    for name, before in pipeline.before().items():
        former = [steps[one] for one in before if steps[one].each is None]
        if steps[name].each is None:
            _check_formats(steps[name], former)
            _check_models(steps[name], component_of[name], [component_of[one.title] for one in former])


def _check_formats(step: Step, former: Sequence[Step]) -> None:
    given = sorted({one.output_format for one in former if one.output_format is not None})
    if step.input_format is not None and given and step.input_format not in given:
        raise InvalidPipeline(
            f"the step {step.title!r} reads {step.input_format!r}, and is given {', '.join(map(repr, given))}",
            remedy="put a step between them that makes one of the other",
            step=step.title,
        )


def _check_models(step: Step, component: Component, former: Sequence[Component]) -> None:
    takes = component.takes
    given = [one.result for one in former if one.result is not None]
    if takes is None or not given or any(_fits(result, takes) for result in given):
        return
    raise InvalidPipeline(
        f"the step {step.title!r} takes a {takes.__name__}, and is given {_names(given)}",
        remedy=f"put a component before it whose result has {', '.join(_required(takes))}",
        step=step.title,
    )


def _fits(result: type[BaseModel], takes: type[BaseModel]) -> bool:
    """Whether every field that is required is there, of the same kind."""
    if issubclass(result, takes):
        return True
    given, wanted = (model.model_json_schema()["properties"] for model in (result, takes))
    return all(name in given and _kind(given[name]) == _kind(wanted[name]) for name in _required(takes))


def _required(model: type[BaseModel]) -> list[str]:
    return [name for name, field in model.model_fields.items() if field.is_required()]


def _kind(schema: Mapping[str, Any]) -> object:
    """The kind of JSON a field holds, as far as its schema says it at once."""
    return schema.get("type", schema.get("$ref"))


def _names(models: Sequence[type[BaseModel]]) -> str:
    return ", ".join(model.__name__ for model in models)
