"""From a step that names a component's document to one that has its configuration, at the version it had then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from octavo.errors import InvalidPipeline, NotFound
from octavo.pipelines.defining.definitions import Components
from octavo.values.component import NAME
from octavo.values.configured import Configured, parse_configured
from octavo.values.document import Document
from octavo.values.pipeline import Pipeline, Step, Uses

Find = Callable[[str], Awaitable[Document]]


def checked_component(name: str, configured: Configured, components: Components) -> Configured:
    """A component's document that can be used, with the version of its component written into it.

    Raises:
        InvalidPipeline: an unknown component, a configuration that does not fit, or a name that one in code has.
    """
    if not NAME.fullmatch(name):
        raise InvalidPipeline(
            f"a component cannot be called {name!r}", remedy="use small letters, digits, _, . and -"
        )
    if components.newest(name) is not None:
        raise InvalidPipeline(
            f"a component in code is called {name!r} already", remedy="choose another name", component=name
        )
    component = components.find(
        Step(component=configured.component, version=configured.version, name="component")
    )
    component.configured(configured.config)
    return msgspec.structs.replace(configured, version=component.version)


async def resolved(pipeline: Pipeline, components: Components, find: Find) -> Pipeline:
    """A pipeline whose steps name components in code only: what they took from documents is written into them.

    Args:
        find: the document of a component by `name`, `name@tag` or `name@version`; raises `NotFound`.

    Raises:
        InvalidPipeline: a component's document that is not active.
    """
    steps = [await _resolved(step, components, find) for step in pipeline.steps]
    return msgspec.structs.replace(pipeline, steps=steps)


async def _resolved(step: Step, components: Components, find: Find) -> Step:
    if components.newest(step.component) is not None:
        return step
    try:
        document = await find(step.component)
    except NotFound:
        # What is neither in code nor a document is refused as what is not in code, with a list of what is.
        return step
    if step.version is not None:
        raise InvalidPipeline(
            f"the step {step.title!r} has a version of its component, which the component's document has",
            remedy=f"write NAME@{step.version} for the document's version",
            step=step.title,
        )
    configured = parse_configured(document.body)
    if not configured.is_active:
        raise InvalidPipeline(
            f"the step {step.title!r} uses the component {step.component!r}, which is not active",
            remedy="use another one, or make it active",
            step=step.title,
            component=step.component,
        )
    return msgspec.structs.replace(
        step,
        component=configured.component,
        name=step.title,
        version=configured.version,
        config={**configured.config, **step.config},
        price=step.price or configured.price,
        input_format=step.input_format or configured.input_format,
        output_format=step.output_format or configured.output_format,
        uses=Uses(id=document.id, name=document.name or "", version=document.version),
    )
