"""generate: texts by a language model behind any OpenAI-compatible endpoint, or by the local stand-in for one.

Every request and its answer is kept in the output, with model, tokens and latency; what the tokens cost is told by the
step's `price`. Temperature, penalties and limits are within the ranges of OpenAI's API reference, "Create chat
completion".
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from octavo.components.fields import texts
from octavo.components.template import Filled, at, filling, variables, warnings, words, written
from octavo.errors import InvalidTemplate, StepFailed
from octavo.roles.generator import Answer, Asked, Generator
from octavo.values.component import Component, Given, ModelName, component
from octavo.values.template import Written, markdown


class GenerateConfig(BaseModel):
    """What is asked for: one text, or the sections of a template; and how.

    Give `prompt`, a text with `{{ variables }}` as templates have, or `source`, the step whose sections are to be
    written. `material` names what the text is about, as `document.text` or `outputs.summarize.summary`; by default
    all texts of the document. `tries` is how often a text of the wrong length is asked for; what is then still too
    short or too long is flagged, or fails the step. `model` is one of the endpoint that the setting `generator` names.
    """

    prompt: Annotated[str, Field(max_length=100_000)] = ""
    source: str | None = None
    material: str | None = None
    material_characters: Annotated[int, Field(ge=0, le=1_000_000)] = 20_000
    system: Annotated[str, Field(max_length=20_000)] = ""
    model: ModelName | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] = 0.7
    max_tokens: Annotated[int, Field(ge=1, le=1_000_000)] = 2_000
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = 0.0
    stop_sequences: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=200)]], Field(max_length=4)
    ] = []
    seed: int | None = None
    word_range: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(ge=1)]] | None = None
    tries: Annotated[int, Field(ge=1, le=5)] = 2
    out_of_range: Literal["flag", "fail"] = "flag"

    @model_validator(mode="after")
    def _asks_for_one_thing(self) -> Self:
        if bool(self.prompt) == (self.source is not None):
            raise ValueError("give prompt, or source: the step whose sections are to be written")
        if self.word_range and self.word_range[0] > self.word_range[1]:
            raise ValueError("word_range begins with the fewer words")
        try:
            filling().check(self.prompt, "prompt")
        except InvalidTemplate as error:
            raise ValueError(error.message) from None
        return self


class Interaction(BaseModel):
    """One request to the model and its answer.

    Attributes:
        section: the id of the section it was for.
        material_characters: of the material that went with the prompt.
        tokens_in, tokens_out: as the endpoint counts; None when it does not tell.
        latency_ms: from the request to the whole answer, with the waits between attempts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    section: str
    prompt: str
    system: str
    material_characters: int
    response: str
    model: str
    finish: str
    tokens_in: int | None
    tokens_out: int | None
    latency_ms: float


class Generated(BaseModel):
    """What was written.

    Attributes:
        text: all of it as Markdown.
        is_language_model: False when the local stand-in took sentences of the material.
        warnings: sections that are too short or too long, or whose answer was cut or filtered.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    sections: list[Written]
    words: int
    warnings: list[str]
    model: str
    is_language_model: bool
    tokens_in: int
    tokens_out: int
    latency_ms: float
    interactions: list[Interaction]


def generating(generator: Callable[[], Generator]) -> Component:
    """The component `generate`, which writes by the generator of its database."""

    async def generate(given: Given, config: GenerateConfig) -> Generated:
        """Texts, or the sections of a template, by a language model or the local stand-in for one."""
        return await _Writing(generator(), given, config).made()

    return component("generate", version=1)(generate)


class _Writing:
    """One call: its sections, and what was asked and answered so far."""

    def __init__(self, generator: Generator, given: Given, config: GenerateConfig) -> None:
        self._generator = generator
        self._given = given
        self._config = config
        self._material = _material(given, config)
        self._asked: list[Interaction] = []
        self._done = 0

    async def made(self) -> Generated:
        wanted = _wanted(self._given, self._config)
        total = sum(map(_to_write, wanted))
        sections = [await self._section(section, total) for section in wanted]
        asked = self._asked
        return Generated(
            text=markdown(sections),
            sections=sections,
            words=sum(map(words, sections)),
            warnings=[told for section in sections for told in warnings(section)],
            model=asked[-1].model if asked else self._generator.model,
            is_language_model=self._generator.is_language_model,
            tokens_in=sum(one.tokens_in or 0 for one in asked),
            tokens_out=sum(one.tokens_out or 0 for one in asked),
            latency_ms=round(sum(one.latency_ms for one in asked), 3),
            interactions=asked,
        )

    async def _section(self, section: Written, total: int) -> Written:
        inner = [await self._section(one, total) for one in section.sections]
        if not _is_to_write(section):
            return section.model_copy(update={"sections": inner})
        self._given.progress(self._done, total, section.name or section.id)
        made = await self._written(section)
        self._done += 1
        self._given.progress(self._done, total)
        return made

    async def _written(self, section: Written) -> Written:
        """A section, asked for again while its length is wrong and it may be."""
        config = self._config
        tries = config.tries if self._generator.is_language_model else 1
        answer, made = await self._turn(section, "", 1)
        for turn in range(2, tries + 1):
            if not made.warnings:
                break
            told = f"An earlier answer had {made.words} words: that is not what is wanted."
            answer, made = await self._turn(section, told, turn)
        if made.warnings and config.out_of_range == "fail":
            raise StepFailed(
                f"the section {section.id!r} has {made.warnings[0]}",
                remedy="ask otherwise, give it another range, or more tries",
            )
        return made.model_copy(update={"instructions": "", "warnings": [*made.warnings, *_ends(answer)]})

    async def _turn(self, section: Written, told: str, turn: int) -> tuple[Answer, Written]:
        answer = await self._answer(section, _prompt(section, told), turn)
        return answer, written(section, answer.text.strip())

    async def _answer(self, section: Written, prompt: str, turn: int) -> Answer:
        config = self._config
        asked = Asked(
            text=prompt,
            material=self._material,
            system=config.system,
            model=config.model,
            words=section.word_range,
            temperature=config.temperature,
            max_tokens=config.max_tokens,
            top_p=config.top_p,
            frequency_penalty=config.frequency_penalty,
            presence_penalty=config.presence_penalty,
            stop=tuple(config.stop_sequences),
            seed=config.seed,
            key=f"{self._given.key}:{section.id}:{turn}",
        )
        begun = time.perf_counter()
        answer = await self._generator.generate(asked)
        self._given.measure(tokens_in=answer.tokens_in or 0, tokens_out=answer.tokens_out or 0)
        self._asked.append(_interaction(section, asked, answer, (time.perf_counter() - begun) * 1_000))
        return answer


def _interaction(section: Written, asked: Asked, answer: Answer, took_ms: float) -> Interaction:
    return Interaction(
        section=section.id,
        prompt=asked.text,
        system=asked.system,
        material_characters=len(asked.material),
        response=answer.text,
        model=answer.model,
        finish=answer.finish,
        tokens_in=answer.tokens_in,
        tokens_out=answer.tokens_out,
        latency_ms=round(took_ms, 3),
    )


def _wanted(given: Given, config: GenerateConfig) -> list[Written]:
    """The sections to be written: those of a step, or one whose instructions are the prompt."""
    if config.source is None:
        asked = filling().fill(config.prompt, variables(given, {}), "prompt")
        return [Written(id="text", instructions=asked, word_range=config.word_range)]
    output = given.outputs.get(config.source)
    if output is None:
        raise StepFailed(
            f"there is no output of a step {config.source!r}", remedy="name a step before this one as source"
        )
    try:
        return Filled.model_validate(output).sections
    except ValueError as error:
        raise StepFailed(
            f"the output of the step {config.source!r} has no sections", remedy="let a template step give it"
        ) from error


def _material(given: Given, config: GenerateConfig) -> str:
    """What the text is about, cut to as many characters as may go with a request."""
    if config.material is not None:
        found: Any = at(variables(given, {}), config.material, "the material") if config.material else ""
    else:
        found = given.document.body if given.document is not None else ""
    return texts(found)[: config.material_characters]


def _prompt(section: Written, told: str) -> str:
    """What is asked for a section, with the length it shall have."""
    name = f"Write the section “{section.name}”." if section.name else ""
    wanted = section.word_range
    length = f"Write {wanted[0]} to {wanted[1]} words." if wanted else ""
    form = "Answer with its text alone, as Markdown without a heading." if section.name else ""
    return "\n".join(filter(None, (name, section.instructions, length, form, told)))


def _is_to_write(section: Written) -> bool:
    return bool(section.instructions) and not section.text and not section.sections


def _to_write(section: Written) -> int:
    """How many texts a section and those in it need."""
    return sum(map(_to_write, section.sections)) + _is_to_write(section)


def _ends(answer: Answer) -> Sequence[str]:
    told = {"length": "cut at max_tokens", "filtered": "held back by the endpoint's filter"}
    return [told[answer.finish]] if answer.finish in told else []
