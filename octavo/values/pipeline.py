"""Pipelines: components in an order or a DAG. A pipeline is a document, so it has versions and tags."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from graphlib import CycleError, TopologicalSorter
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from octavo.errors import InvalidInput, InvalidPipeline
from octavo.values import flow

NAMESPACE = "octavo"
TYPE = "octavo.pipeline"
MAX_STEPS = 100
_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"
Format = Annotated[str, Meta(min_length=1, max_length=100)]
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,99}(\.[A-Za-z_][A-Za-z0-9_-]{0,99}){0,9}")
_REFERENCE = re.compile(
    r"(?P<name>[^@]{1,500})(?:@(?:(?P<version>[0-9]{1,9})|(?P<tag>[A-Za-z0-9_.:/-]{1,100})))?"
)


class Retry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a failed run is tried again: the wait doubles from `first_seconds` to `most_seconds`, less a random part."""

    attempts: Annotated[int, Meta(ge=1, le=100)] = 5
    first_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 1.0
    most_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 300.0


class Price(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What tokens cost in dollars of the United States: exact decimals, each a number or a string."""

    per_1k_in: Decimal = Decimal(0)
    per_1k_out: Decimal = Decimal(0)

    @property
    def is_one(self) -> bool:
        """Whether it is finite and not negative."""
        return all(part.is_finite() and part >= 0 for part in (self.per_1k_in, self.per_1k_out))

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        """What so many tokens cost."""
        return (self.per_1k_in * tokens_in + self.per_1k_out * tokens_out) / 1000


class Uses(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The version of a component's document whose configuration a step has: written when the pipeline is put."""

    id: UUID
    name: str
    version: int


class Step(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a pipeline.

    Attributes:
        component: a component in code, or a component's document, as `summarizer` or `summarizer@production`: its
            configuration at that version is written into the pipeline, below what `config` says.
        name: what its output is called; by default the component's name.
        version: of the component; without one the newest that is known when the pipeline is put.
        config: given to the component, checked against its model when the pipeline is put.
        after: steps that must have ended; None: the step before it in the list.
        into: the field of the run's document that takes the output when the run completes, as `analysis.words`.
        when: a filter over `{"input": …, "outputs": …, "document": …}`; where it does not hold, the step is skipped.
        each: the path of a list in the same, as `outputs.split.parts`: the component is called for each element, and
            the output is `{"items": [...]}`, in the list's order.
        at_once: so many elements at a time.
        failing_items: `fail` the step with the first element that fails, or `collect`: its place in `items` is null,
            and `failed` tells why.
        timeout_seconds: for one call of the component.
        retry: how a call that failed is repeated inside of an attempt of the run; by default it is not.
        memory_bytes: of address space, for a component that computes; by default the setting `run_memory_bytes`.
        price: what its tokens cost, where the component does not tell the cost itself.
        input_format, output_format: what it reads and gives, by names of one's own: they must fit each other.
        uses: written when the pipeline is put.
    """

    component: Annotated[str, Meta(min_length=1, max_length=200)]
    name: Annotated[str, Meta(pattern=_NAME)] | None = None
    version: Annotated[int, Meta(ge=1)] | None = None
    config: dict[str, Any] = {}
    after: list[str] | None = None
    into: str | None = None
    when: dict[str, Any] | None = None
    each: Annotated[str, Meta(min_length=1, max_length=1_000)] | None = None
    at_once: Annotated[int, Meta(ge=1, le=100)] = 10
    failing_items: Literal["fail", "collect"] = "fail"
    timeout_seconds: Annotated[float, Meta(gt=0, le=86_400)] = 600.0
    retry: Retry | None = None
    memory_bytes: Annotated[int, Meta(ge=64 * 1024**2)] | None = None
    price: Price | None = None
    input_format: Format | None = None
    output_format: Format | None = None
    uses: Uses | None = None

    @property
    def title(self) -> str:
        """What its output is called."""
        return self.component.partition("@")[0] if self.name is None else self.name


class Pipeline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a pipeline's document holds.

    Attributes:
        is_active: False: no run of it is started, neither of this version nor, while it is the newest, of others.
        default_for: types of documents that it is the default pipeline of.
        allowed_models: the models its steps may use, as well as those the organization allows; None for all.
        max_running: its runs under way at most; None: no limit.
        max_running_per_key: the same of those with one `concurrency` key.
    """

    steps: Annotated[list[Step], Meta(min_length=1, max_length=MAX_STEPS)]
    retry: Retry = Retry()
    timeout_seconds: Annotated[float, Meta(gt=0, le=604_800)] = 3_600.0
    description: Annotated[str, Meta(max_length=2_000)] = ""
    is_active: bool = True
    default_for: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=200)]], Meta(max_length=100)
    ] = []
    allowed_models: list[str] | None = None
    max_running: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    max_running_per_key: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None

    def before(self) -> dict[str, tuple[str, ...]]:
        """The steps that must have ended before each one."""
        needed: dict[str, tuple[str, ...]] = {}
        former: tuple[str, ...] = ()
        for step in self.steps:
            needed[step.title] = former if step.after is None else tuple(step.after)
            former = (step.title,)
        return needed

    def behind(self) -> dict[str, frozenset[str]]:
        """All steps that have ended before each one, however far back."""
        needed = self.before()
        behind: dict[str, frozenset[str]] = {}
        for name in TopologicalSorter(needed).static_order():
            behind[name] = frozenset(needed[name]).union(*(behind[before] for before in needed[name]))
        return behind

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
    _check_flow(pipeline)
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
        if step.price is not None and not step.price.is_one:
            raise InvalidPipeline(
                f"the price of the step {step.title!r} is none", remedy="give 0 or more", step=step.title
            )
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


def _check_flow(pipeline: Pipeline) -> None:
    if all(step.when is None and step.each is None for step in pipeline.steps):
        return
    behind = pipeline.behind()
    for step in pipeline.steps:
        if step.when is not None:
            flow.condition(step.when, step.title, behind[step.title])
        if step.each is not None:
            flow.path_of(step.each, step.title, behind[step.title])
