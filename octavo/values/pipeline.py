"""Pipelines: components in an order or a DAG. A pipeline is a document, so it has versions and tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from octavo.errors import InvalidInput, InvalidPipeline

NAMESPACE = "octavo"
TYPE = "octavo.pipeline"
MAX_STEPS = 100
_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}(\.[A-Za-z_][A-Za-z0-9_-]{0,99}){0,9}")
_REFERENCE = re.compile(
    r"(?P<name>[^@]{1,500})(?:@(?:(?P<version>[0-9]{1,9})|(?P<tag>[A-Za-z0-9_.:/-]{1,100})))?"
)


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a failed run is tried again: the wait doubles from `first_seconds` to `most_seconds`, less a random part."""

    attempts: Annotated[int, Meta(ge=1, le=100)] = 5
    first_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 1.0
    most_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 300.0


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a pipeline.

    Attributes:
        name: what its output is called; by default the component's name.
        version: of the component; without one the newest that is known when the pipeline is put.
        config: given to the component, checked against its model when the pipeline is put.
        after: steps that must have ended; None: the step before it in the list.
        into: the field of the run's document that takes the output when the run completes, as `analysis.words`.
    """

    component: str
    name: Annotated[str, Meta(pattern=_NAME)] | None = None
    version: Annotated[int, Meta(ge=1)] | None = None
    config: dict[str, Any] = {}
    after: list[str] | None = None
    into: str | None = None
    timeout_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 600.0

    @property
    def title(self) -> str:
        """What its output is called."""
        return self.component if self.name is None else self.name


class Pipeline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pipeline's document holds."""

    steps: Annotated[list[Step], Meta(min_length=1, max_length=MAX_STEPS)]
    retry: Retry = Retry()
    timeout_seconds: Annotated[float, Meta(gt=0, le=604_800)] = 3_600.0
    description: Annotated[str, Meta(max_length=2_000)] = ""

    def before(self) -> dict[str, tuple[str, ...]]:
        """The steps that must have ended before each one."""
        needed: dict[str, tuple[str, ...]] = {}
        former: tuple[str, ...] = ()
        for step in self.steps:
            needed[step.title] = former if step.after is None else tuple(step.after)
            former = (step.title,)
        return needed

    def as_dict(self) -> dict[str, Any]:
        """The pipeline as plain data."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content


class Reference(msgspec.Struct, frozen=True):
    """Which pipeline, and which version of it: `summarize`, `summarize@production` or `summarize@3`."""

    name: str
    tag: str | None = None
    version: int | None = None

    def __str__(self) -> str:
        which = self.tag if self.version is None else self.version
        return self.name if which is None else f"{self.name}@{which}"


def parse_reference(text: str) -> Reference:
    """Read a reference; without a tag or a version it means the newest version."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise InvalidInput(
            f"{text[:200]!r} names no pipeline",
            remedy="write NAME, NAME@TAG or NAME@VERSION, as summarize@production",
        )
    version = found["version"]
    return Reference(found["name"], found["tag"], None if version is None else int(version))


def parse_pipeline(body: Mapping[str, Any] | Sequence[Any]) -> Pipeline:
    """Read a pipeline from what its document holds; a list is one of steps.

    Raises:
        InvalidPipeline: a field that is wrong or unknown, two steps of one name, a step after one that is not there,
            a cycle. `fields["path"]` or `fields["step"]` tell where.
    """
    try:
        pipeline = msgspec.convert({"steps": body} if isinstance(body, list | tuple) else body, Pipeline)
    except msgspec.ValidationError as error:
        raise InvalidPipeline(f"this is no pipeline: {error}") from error
    _check_names(pipeline)
    _check_order(pipeline)
    return pipeline


def _check_names(pipeline: Pipeline) -> None:
    seen: set[str] = set()
    for step in pipeline.steps:
        if step.title in seen:
            raise InvalidPipeline(
                f"two steps are called {step.title!r}",
                remedy="give one of them another name",
                step=step.title,
            )
        seen.add(step.title)
        if step.into is not None and not _FIELD.fullmatch(step.into):
            raise InvalidPipeline(
                f"the step {step.title!r} cannot write into {step.into!r}",
                remedy="name a field of the document, as analysis.words",
                step=step.title,
            )


def _check_order(pipeline: Pipeline) -> None:
    needed = pipeline.before()
    for step, before in needed.items():
        for name in before:
            if name not in needed:
                raise InvalidPipeline(
                    f"the step {step!r} comes after {name!r}, which is no step of this pipeline",
                    remedy=f"its steps are {', '.join(sorted(needed))}",
                    step=step,
                )
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        circle = " → ".join(reversed(error.args[1]))
        raise InvalidPipeline(
            f"the steps wait for each other: {circle}", remedy="take one `after` away", cycle=error.args[1]
        ) from None
