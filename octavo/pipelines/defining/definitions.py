"""Definitions: what a pipeline's document says, checked against the components that are there, and ready to run."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any
from uuid import UUID

import msgspec

from octavo.errors import InvalidPipeline, InvalidSetting, NotFound
from octavo.pipelines.defining.allowed import check_models
from octavo.pipelines.defining.fitting import check_fits
from octavo.postgres.statements import load
from octavo.store.scope import Scope
from octavo.values import flow
from octavo.values.component import Component, Given
from octavo.values.condition import Filter
from octavo.values.json import decode, encode
from octavo.values.pipeline import Pipeline, Step, parse_pipeline

_sql = load("octavo.pipelines.defining", "definitions.sql")
_REMEMBERED = 1_000


class Components(Mapping[tuple[str, int], Component]):
    """The components that this process has, by name and version.

    Raises:
        InvalidPipeline: two of one name and version.
    """

    def __init__(self, components: Iterable[Component]) -> None:
        self._known: dict[tuple[str, int], Component] = {}
        for component in components:
            if self._known.setdefault(component.key, component) is not component:
                raise InvalidPipeline(
                    f"two components are called {component.name} of version {component.version}",
                    remedy="give one of them another name, or a new version",
                )

    def __getitem__(self, key: tuple[str, int]) -> Component:
        return self._known[key]

    def __iter__(self) -> Any:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)

    def newest(self, name: str) -> int | None:
        """The highest version of a component; None when there is none of this name."""
        return max((version for known, version in self._known if known == name), default=None)

    def find(self, step: Step) -> Component:
        """The component of a step; raises `InvalidPipeline`, with what there is."""
        version = step.version or self.newest(step.component)
        found = None if version is None else self._known.get((step.component, version))
        if found is None:
            wanted = f"{step.component!r}" + (f" of version {step.version}" if step.version else "")
            names = ", ".join(sorted({f"{name} {number}" for name, number in self._known}))
            raise InvalidPipeline(
                f"the step {step.title!r} needs the component {wanted}, which is not there",
                remedy=f"open the database with components=[…]; there are: {names}",
                step=step.title,
                component=step.component,
            )
        return found


def imported(names: str) -> list[Component]:
    """The components that a setting names, as `module:attribute`, with commas between them.

    Raises:
        InvalidSetting: one cannot be imported, or is no component.
    """
    return [_import(name.strip()) for name in names.split(",") if name.strip()]


def parsed(definition: object) -> Pipeline:
    """A pipeline from what a caller gave; raises `InvalidPipeline`."""
    body = definition.as_dict() if isinstance(definition, Pipeline) else definition
    if not isinstance(body, Mapping | list | tuple):
        raise InvalidPipeline(f"a pipeline is an object or a list of steps, not a {type(body).__name__}")
    return parse_pipeline(body)


def checked(definition: object, components: Components) -> Pipeline:
    """A definition that can run, with the version of every component written into it.

    Raises:
        InvalidPipeline: it cannot.
    """
    pipeline = parsed(definition)
    steps, found = [], {}
    for step in pipeline.steps:
        component = found[step.title] = components.find(step)
        component.configured(step.config)
        steps.append(msgspec.structs.replace(step, version=component.version))
    check_fits(pipeline, found)
    return msgspec.structs.replace(pipeline, steps=steps)


class Bound(msgspec.Struct, frozen=True, kw_only=True):
    """A step, ready to be called.

    Attributes:
        before: the steps that must have ended.
        behind: those and all before them, where its condition or its list look at them.
        when, each: its condition, and the path of its list.
        model: the model it uses.
        told: its component's name and version, as its run tells them.
    """

    step: Step
    name: str
    component: Component
    call: Callable[[Given], Any]
    config: bytes
    before: tuple[str, ...]
    behind: frozenset[str] = frozenset()
    when: Filter | None = None
    each: tuple[str, ...] | None = None
    model: str | None = None
    told: str = ""


class Plan(msgspec.Struct, frozen=True):
    """One version of a pipeline, ready to run.

    Attributes:
        keeps: whether outputs are kept before the end: there is more than one step, or one is called for each.
        branches: whether a step may be skipped.
        models: the names of models that stand in its configurations.
        is_timed: whether its one call has less time than the whole, so that nobody need look at the whole.
    """

    pipeline: Pipeline
    steps: dict[str, Bound]
    keeps: bool
    branches: bool
    models: frozenset[str]
    is_timed: bool

    @property
    def writes(self) -> dict[str, str]:
        """The steps whose outputs go into the document, and the field each goes into."""
        return {name: bound.step.into for name, bound in self.steps.items() if bound.step.into is not None}


def plan_of(pipeline: Pipeline, components: Components) -> Plan:
    """Bind every step to its component; raises `InvalidPipeline` when this process has not all of them."""
    before, branches = pipeline.before(), any(step.when is not None for step in pipeline.steps)
    gathers = any(step.each is not None for step in pipeline.steps)
    behind = pipeline.behind() if branches or gathers else dict.fromkeys(before, frozenset[str]())
    steps = {
        step.title: _bound(step, components.find(step), before[step.title], behind[step.title])
        for step in pipeline.steps
    }
    first, keeps = pipeline.steps[0], gathers or len(steps) > 1
    is_timed = not keeps and first.retry is None and first.timeout_seconds <= pipeline.timeout_seconds
    return Plan(pipeline, steps, keeps, branches, models_of(pipeline, components), is_timed)


def _bound(step: Step, component: Component, before: tuple[str, ...], behind: frozenset[str]) -> Bound:
    config = component.configured(step.config)
    return Bound(
        step=step,
        name=step.title,
        component=component,
        # A process of its own binds it there: what is loaded here would be loaded twice.
        call=_not_here if component.place == "process" else component.bind(config),
        config=encode(step.config),
        before=before,
        behind=behind,
        when=None if step.when is None else flow.condition(step.when, step.title, behind),
        each=None if step.each is None else flow.path_of(step.each, step.title, behind),
        model=component.model_of(config),
        told=f"{component.name} {component.version}",
    )


def models_of(pipeline: Pipeline, components: Components) -> frozenset[str]:
    """The names of the models that the steps of a pipeline use, without versions and tags."""
    names: set[str] = set()
    for step in pipeline.steps:
        component = components.find(step)
        config = component.configured(step.config)
        used = [component.model_of(config), *component.models_in(config)]
        names.update(name.partition("@")[0] for name in used if name)
    return frozenset(names)


_Key = tuple[UUID, UUID, int]


class Plans:
    """Plans by pipeline and version, read once: a version never changes."""

    def __init__(self, components: Components) -> None:
        self._components = components
        self._plans: dict[_Key, Plan] = {}
        self._reading: dict[_Key, asyncio.Lock] = {}

    async def get(self, scope: Scope, pipeline: UUID, version: int) -> Plan:
        """The plan of a version.

        Raises:
            NotFound: it was purged. InvalidPipeline: this process has not all of its components. ModelNotAllowed.
        """
        plan = await self.known(scope, pipeline, version)
        if plan.models:
            await check_models(scope, plan.models, plan.pipeline.allowed_models)
        return plan

    async def known(self, scope: Scope, pipeline: UUID, version: int) -> Plan:
        """As `get`, whatever models are allowed: to tell what a version is, not to run it."""
        key = (scope.organization, pipeline, version)
        return self._plans.get(key) or await self._read_once(scope, key)

    async def _read_once(self, scope: Scope, key: _Key) -> Plan:
        """A worker that begins has hundreds of runs of one pipeline at once: one of them reads it for all."""
        try:
            async with self._reading.setdefault(key, asyncio.Lock()):
                plan = self._plans.get(key) or await self._read(scope, *key[1:])
                self._keep(key, plan)
                return plan
        finally:
            self._reading.pop(key, None)

    async def _read(self, scope: Scope, pipeline: UUID, version: int) -> Plan:
        row = await scope.runner.fetchrow(_sql.pipeline_body, scope.organization, pipeline, version)
        if row is None:
            raise NotFound(f"version {version} of the pipeline {pipeline} is gone", remedy="it was purged")
        return plan_of(parse_pipeline(decode(row["body"])), self._components)

    def _keep(self, key: _Key, plan: Plan) -> None:
        if len(self._plans) >= _REMEMBERED:
            self._plans.pop(next(iter(self._plans)))
        self._plans[key] = plan


def _not_here(_given: Given) -> Any:
    raise AssertionError("a component for a process is not called here")


def _import(name: str) -> Component:
    module, separator, attribute = name.partition(":")
    try:
        found = getattr(import_module(module), attribute) if separator else None
    except (ImportError, AttributeError) as error:
        raise InvalidSetting(
            f"components = {name!r} cannot be imported: {error}",
            remedy="write module:attribute",
            setting="components",
        ) from error
    if not isinstance(found, Component):
        raise InvalidSetting(
            f"components = {name!r} is no component",
            remedy="decorate it with @octavo.component(…)",
            setting="components",
        )
    return found
