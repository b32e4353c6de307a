"""Components: one step of processing each, with a typed configuration and a typed result.

class Length(BaseModel):
    words: int

@octavo.component("length", version=1)
async def length(given: octavo.Given) -> Length:
    return Length(words=len(given.document.body["text"].split()))
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import cached_property, partial
from typing import Annotated, Any, Literal, get_args, get_type_hints
from uuid import UUID

import msgspec
from pydantic import BaseModel, Field, ValidationError

from octavo.errors import InvalidInput, InvalidPipeline
from octavo.values.account import Account
from octavo.values.document import Document
from octavo.values.json import decode, encode_object

NAME = re.compile(r"[a-z][a-z0-9_.-]{0,62}")
MAX_OUTPUT_BYTES = 1024 * 1024
Place = Literal["here", "thread", "process"]


class _NamesModel:
    """Marks the type of a field that names a model."""


# The type of a field of a configuration that names a model, as `sentiment-words` or `gpt-4o@2`: such a name must be
# allowed where models are restricted, and is the model of the component's results.
ModelName = Annotated[str, Field(min_length=1, max_length=200), _NamesModel]
ModelOf = str | Callable[[Any], str | None]


class Given(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """What a step is given.

    Attributes:
        attempt: the run's, from 1 on.
        document: the run's document at the version the run was started with; None for a run without one.
        raw_input, raw_outputs: JSON of `input` and `outputs`.
        model: the model the step uses, as `name@version`; None for a component without one.
        files: paths of that model's artifacts on this machine, by their names; their bytes were checked, and a path
            always means the same bytes.
        raw_item, index: JSON of `item` and its place, in a step that is called for `each` element of a list.
    """

    run_id: UUID
    organization_id: UUID
    pipeline: str
    step: str
    attempt: int
    document: Document | None
    raw_input: bytes
    raw_outputs: dict[str, bytes]
    model: str | None = None
    files: dict[str, str] = {}
    raw_item: bytes | None = None
    index: int | None = None

    @property
    def input(self) -> dict[str, Any]:
        """What the run was started with."""
        given: dict[str, Any] = decode(self.raw_input)
        return given

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """Outputs of the steps before this one, by their names."""
        return {name: decode(raw) for name, raw in self.raw_outputs.items()}

    @property
    def item(self) -> Any:
        """The element this call is for, in a step that is called for `each` of a list; None in any other."""
        return None if self.raw_item is None else decode(self.raw_item)

    @property
    def key(self) -> str:
        """The same for every attempt of this step of this run: give it to services that must not act twice."""
        place = "" if self.index is None else f"[{self.index}]"
        return f"run-{self.run_id}:{self.step}{place}"

    @property
    def idempotency_key(self) -> str:
        """The `key`, by its long name."""
        return self.key

    @property
    def cancelled(self) -> bool:
        """Whether the step shall end, for a function in a thread to look at: nothing interrupts it there."""
        return self.account.cancelled

    @cached_property
    def account(self) -> Account:
        """What the step tells while it works, for the worker to read."""
        return Account()

    def measure(
        self,
        *,
        tokens_in: int = 0,
        tokens_out: int = 0,
        cost_usd: Decimal | float = 0,
        memory_mb: float = 0.0,
    ) -> None:
        """Tell what was used; calls add up, of memory the most is kept. See `octavo.values.account.Metrics`.

        Args:
            cost_usd: a `Decimal`, or a number that is taken as it is written: 0.1 is a tenth.
            memory_mb: 10^6 bytes.

        Raises:
            InvalidInput: a figure below 0, or none.
        """
        self.account.measure(
            tokens_in=tokens_in, tokens_out=tokens_out, cost_usd=cost_usd, memory_mb=memory_mb
        )

    def progress(self, done: int, total: int | None = None, note: str = "") -> None:
        """Tell how far the step is; cheap, from any thread: written down once a second at most, for `run show`.

        Args:
            done: so many of `total`, which may be unknown.
            note: what it is at, cut to 200 characters.
        """
        self.account.progress(done, total, note)


class Component(msgspec.Struct, frozen=True, kw_only=True):
    """A processing step that pipelines may use; made by `component`.

    Attributes:
        target: the function, or the class whose instances are called.
        config: the model of its configuration; None when it takes none.
        result: the model of its output; None for any JSON object.
        place: `here` in the event loop, in a `thread`, or in a `process` that can be killed.
        model: the name of the model it uses, or what tells it from the configuration.
        takes: the model of the output of a step before that it needs; None when it needs none.
    """

    name: str
    version: int
    target: Callable[..., Any]
    config: type[BaseModel] | None
    result: type[BaseModel] | None
    place: Place
    description: str
    model: ModelOf | None = None
    takes: type[BaseModel] | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Name and version."""
        return self.name, self.version

    def configured(self, config: Mapping[str, Any]) -> BaseModel | None:
        """The configuration as its model; raises `InvalidPipeline`, which names the fields that are wrong."""
        if self.config is None:
            if config:
                raise InvalidPipeline(
                    f"the component {self.name} takes no configuration, and is given {min(config)!r}"
                )
            return None
        try:
            return self.config.model_validate(config, extra="forbid")
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            path = ".".join(map(str, first["loc"]))
            raise InvalidPipeline(
                f"the configuration of the component {self.name} is wrong: {path}: {first['msg']}",
                remedy="see its fields with `octavo pipeline components`",
            ) from None

    def model_of(self, config: BaseModel | None) -> str | None:
        """The name of the model it uses with a configuration: what `model` says, or its field that names one."""
        if callable(self.model):
            return self.model(config)
        return self.model if self.model is not None else next(iter(self.models_in(config)), None)

    def models_in(self, config: BaseModel | None) -> list[str]:
        """The names of models that stand in a configuration, in fields of the type `ModelName`."""
        fields = {} if config is None else type(config).model_fields
        named = [name for name, field in fields.items() if _names_model((*field.metadata, field.annotation))]
        return [value for name in named if isinstance(value := getattr(config, name), str)]

    def bind(self, config: BaseModel | None) -> Callable[[Given], Any]:
        """What is called with each `Given`: the function with its configuration, or an instance of the class."""
        given = () if config is None else (config,)
        if inspect.isclass(self.target):
            made: Any = self.target
            instance: Callable[[Given], Any] = made(*given)
            return instance
        return partial(_reversed, self.target, given)

    def encoded(self, output: object) -> bytes:
        """An output as JSON; raises `InvalidInput` when it is no object of the result's model."""
        if self.result is not None and not isinstance(output, self.result):
            try:
                output = self.result.model_validate(output)
            except ValidationError as error:
                first = error.errors(include_url=False, include_input=False)[0]
                path = ".".join(map(str, first["loc"]))
                raise InvalidInput(
                    f"the component {self.name} gave no {self.result.__name__}: {path}: {first['msg']}"
                ) from None
        return encode_object(
            {} if output is None else output,
            what=f"output of the component {self.name}",
            max_bytes=MAX_OUTPUT_BYTES,
        )

    def as_dict(self) -> dict[str, Any]:
        """The component as plain data, with the JSON Schemas of configuration and result."""
        return {
            "name": self.name,
            "version": self.version,
            "description": self.description,
            "place": self.place,
            "config": None if self.config is None else self.config.model_json_schema(),
            "result": None if self.result is None else self.result.model_json_schema(),
        }


def component(
    name: str,
    *,
    version: int = 1,
    cpu: bool = False,
    model: ModelOf | None = None,
    takes: type[BaseModel] | None = None,
) -> Callable[[Callable[..., Any]], Component]:
    """Makes a component of a function `(given)` or `(given, config)`, or of a class of such a call.

    The annotations say what the configuration and the result are: pydantic models. A class takes its configuration
    when it is made and is made once a worker, which is the place to load a model in. A function that is not `async`
    runs in a thread.

    Args:
        name: of `a-z`, `0-9`, `_`, `.` and `-`.
        version: another one when it gives other results; pipelines name the version they use.
        cpu: it computes: run it in a process of its own, which is killed when it takes too long or too much memory.
        model: the name of the model it uses, whose version is part of the result; or a function that tells it from
            the configuration. Without it the field of the configuration that is a `ModelName`.
        takes: the model of an output it needs: a pipeline in which no step just before it gives that is refused.

    Raises:
        InvalidInput: the name, the version, or a signature that cannot be called so.
    """
    if not NAME.fullmatch(name) or not 1 <= version <= 32_767:
        raise InvalidInput(
            f"a component cannot be {name!r} of version {version}",
            remedy="use small letters, digits, _, . and -, and a version from 1 on",
        )

    def make(target: Callable[..., Any]) -> Component:
        call = target.__call__ if inspect.isclass(target) else target
        taken = target.__init__ if inspect.isclass(target) else target
        if cpu and inspect.iscoroutinefunction(call):
            raise InvalidInput(
                f"the component {name} computes and is async", remedy="make it a plain function"
            )
        place: Place = "process" if cpu else "here" if inspect.iscoroutinefunction(call) else "thread"
        return Component(
            name=name,
            version=version,
            target=target,
            config=_config_of(name, taken),
            result=_model(get_type_hints(call).get("return")),
            place=place,
            description=(inspect.getdoc(target) or "").partition("\n")[0],
            model=model,
            takes=takes,
        )

    return make


def _reversed(target: Callable[..., Any], config: tuple[BaseModel, ...], given: Given) -> Any:
    return target(given, *config)


def _config_of(name: str, taken: Callable[..., Any]) -> type[BaseModel] | None:
    """The model among what is taken beside `self` and the `Given`."""
    hints = get_type_hints(taken)
    wanted = [
        hints.get(parameter.name)
        for parameter in inspect.signature(taken).parameters.values()
        if parameter.name != "self"
        and hints.get(parameter.name) is not Given
        and parameter.kind not in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}
    ]
    models = [model for hint in wanted if (model := _model(hint)) is not None]
    if len(wanted) != len(models) or len(models) > 1:
        raise InvalidInput(
            f"the component {name} takes more than what it is given and its configuration",
            remedy="annotate them: (given: octavo.Given, config: a pydantic model)",
        )
    return models[0] if models else None


def _names_model(hints: Sequence[Any]) -> bool:
    return any(
        hint is _NamesModel or _names_model((*get_args(hint), *getattr(hint, "__metadata__", ())))
        for hint in hints
    )


def _model(hint: Any) -> type[BaseModel] | None:
    return hint if inspect.isclass(hint) and issubclass(hint, BaseModel) else None
