"""template: the sections of a template, filled from the document, the run's input and the outputs of earlier steps."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec
from pydantic import BaseModel, ConfigDict, field_validator

from octavo.components.extra import needed
from octavo.errors import InvalidInput, InvalidPipeline, InvalidTemplate, NotFound
from octavo.text.counts import count
from octavo.values.component import Given, component
from octavo.values.document import Document
from octavo.values.pipeline import Pipeline, Step
from octavo.values.template import Pattern, Section, Template, Written, markdown, outside, parse_template

if TYPE_CHECKING:
    from octavo.components.filling import Filling


class TemplateConfig(BaseModel):
    """Which template, and what its variables are called.

    A `template` by its name, `article@production` or `article@3`, is looked up when the pipeline is put, and that
    version is written into the pipeline with its definition. `data` names variables and where they are, as
    `{"title": "document.headline", "words": "outputs.count.words"}`; beside them every field of the run's input and
    of the document's body is a variable, and `outputs` and `document` are.
    """

    template: str | dict[str, Any]
    name: str | None = None
    version: int | None = None
    data: dict[str, str] = {}

    @field_validator("template")
    @classmethod
    def _can_be_filled(cls, template: str | dict[str, Any]) -> str | dict[str, Any]:
        if isinstance(template, dict):
            try:
                check(parse_template(template))
            except InvalidInput as error:
                raise ValueError(error.message) from None
        return template


class Filled(BaseModel):
    """A template that was filled.

    Attributes:
        text: all of it as Markdown.
        words: of its texts, without headings.
        warnings: of all sections, with their ids.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    sections: list[Written]
    words: int
    warnings: list[str]
    template: str | None = None
    version: int | None = None

    @classmethod
    def of(cls, sections: list[Written], template: str | None = None, version: int | None = None) -> Filled:
        """Sections with their sums."""
        return cls(
            text=markdown(sections),
            sections=sections,
            words=sum(words(section) for section in sections),
            warnings=[told for section in sections for told in warnings(section)],
            template=template,
            version=version,
        )


@component("template", version=1)
def template(given: Given, config: TemplateConfig) -> Filled:
    """A template's sections, with variables from the document, the run's input and earlier outputs."""
    if isinstance(config.template, str):
        raise InvalidTemplate(
            f"the template {config.template!r} was not looked up",
            remedy="put the pipeline with db.pipelines.put",
        )
    return filled(parse_template(config.template), variables(given, config.data), config.name, config.version)


async def with_templates(pipeline: Pipeline, find: Callable[[str], Awaitable[Document]]) -> Pipeline:
    """A pipeline whose steps hold the templates that they name, at the versions these had then.

    Args:
        find: the document of a template by `name`, `name@tag` or `name@version`; raises `NotFound`.

    Raises:
        InvalidPipeline: a template that is not there, or not active.
    """
    steps = [await _with_template(step, find) for step in pipeline.steps]
    return msgspec.structs.replace(pipeline, steps=steps)


async def _with_template(step: Step, find: Callable[[str], Awaitable[Document]]) -> Step:
    named = step.config.get("template")
    if step.component != template.name or not isinstance(named, str):
        return step
    try:
        document = await find(named)
    except NotFound as error:
        raise InvalidPipeline(error.message, remedy=error.remedy, step=step.title) from None
    if not parse_template(document.body).is_active:
        raise InvalidPipeline(
            f"the step {step.title!r} uses the template {named!r}, which is not active",
            remedy="use another one, or make it active",
            step=step.title,
        )
    held = {"template": document.body, "name": document.name, "version": document.version}
    return msgspec.structs.replace(step, config={**step.config, **held})


def check(template: Template) -> None:
    """Refuse a template with a text that could never be filled; raises `InvalidTemplate`."""
    filler = filling()
    for where, text in template.texts():
        filler.check(text, where)


def filled(
    template: Template, data: Mapping[str, Any], name: str | None = None, version: int | None = None
) -> Filled:
    """Fill a template.

    Raises:
        InvalidTemplate: a variable that is not given, by its name; more or fewer sub-sections than there may be.
        LimitExceeded: loops of too many rounds, or a text that becomes too long.
    """
    filler = filling()
    sections = [_section(section, data, filler) for section in template.structure.sections]
    return Filled.of(sections, name, version)


def variables(given: Given, named: Mapping[str, str]) -> dict[str, Any]:
    """The variables of a step: fields of the document, over them those of the input, over them what is named."""
    body = given.document.body if given.document is not None else {}
    found = {**body, **given.input}
    found |= {"document": body, "outputs": given.outputs, "input": given.input}
    if given.item is not None:
        found["item"] = given.item
    return found | {name: at(found, path, f"the variable {name}") for name, path in named.items()}


def at(data: Mapping[str, Any], path: str, what: str) -> Any:
    """What is at a path as `outputs.count.words`; raises `InvalidTemplate` when nothing is."""
    value: Any = data
    for part in path.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise InvalidTemplate(
                f"{what} is to be {path!r}, and there is no {part!r}",
                remedy="see what the step is given",
                path=path,
            )
        value = value[part]
    return value


def words(section: Written) -> int:
    """Words of a section and those in it."""
    return section.words + sum(map(words, section.sections))


def warnings(section: Written) -> list[str]:
    """What is wrong with a section and those in it, each with its id."""
    inner = [told for one in section.sections for told in warnings(one)]
    return [f"{section.id}: {told}" for told in section.warnings] + inner


def written(section: Written, text: str) -> Written:
    """A section with its text, counted, and with a warning when it is too short or too long."""
    counted = count(text).words
    warning = outside(counted, section.word_range)
    changes = {"text": text, "words": counted, "warnings": [warning] if warning else []}
    return section.model_copy(update=changes)


def _section(section: Section, data: Mapping[str, Any], filler: Filling) -> Written:
    if section.type == "sections":
        return _of_sections(section, data, filler)
    return _made(section, section.id, section.id, data, filler)


def _of_sections(section: Section, data: Mapping[str, Any], filler: Filling) -> Written:
    assert section.section_template is not None
    made = [
        _made(
            section.section_template,
            f"{section.id}-{number}",
            f"{section.id}[]",
            {**data, "item": item, "number": number},
            filler,
        )
        for number, item in enumerate(_items(section, data), 1)
    ]
    heading = filler.fill(section.name, data, f"{section.id}.name")
    asked = filler.fill(section.instructions, data, f"{section.id}.instructions")
    return Written(id=section.id, name=heading, instructions=asked, sections=made)


def _items(section: Section, data: Mapping[str, Any]) -> list[Any]:
    """An item for each sub-section; without a list as many empty ones as there must be."""
    if section.each is None:
        return [""] * section.fewest
    found = at(data, section.each, f"the list of the section {section.id!r}")
    if not isinstance(found, list):
        raise InvalidTemplate(f"{section.each!r} is no list", section=section.id)
    if not section.fewest <= len(found) <= section.most:
        raise InvalidTemplate(
            f"the section {section.id!r} shall have {section.fewest} to {section.most} sub-sections, and "
            f"{section.each!r} has {len(found)} items",
            remedy="give another number of items, or change min_sections and max_sections",
            section=section.id,
        )
    return found


def _made(part: Section | Pattern, id: str, where: str, data: Mapping[str, Any], filler: Filling) -> Written:
    text, name, asked = (
        filler.fill(getattr(part, field), data, f"{where}.{field}")
        for field in ("text", "name", "instructions")
    )
    section = Written(id=id, name=name, word_range=part.word_range, instructions="" if text else asked)
    # What is still to be written is counted when it is.
    return section if section.instructions else written(section, text)


def filling() -> Filling:
    """What fills texts; raises `MissingExtra`."""
    needed("generate", "jinja2", "templates")
    from octavo.components.filling import Filling  # noqa: PLC0415 - needs the extra

    return Filling()
