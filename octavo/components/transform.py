"""transform: JSON, Markdown and HTML into each other, with a table of contents where one is wanted."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from octavo.components.extra import needed
from octavo.components.fields import content
from octavo.components.headings import Heading, Part
from octavo.components.json_text import as_html, as_markdown, blocks, escaped_inside
from octavo.components.template import at, variables
from octavo.errors import StepFailed
from octavo.values.component import Given, component

Form = Literal["json", "markdown", "html"]


class TransformConfig(BaseModel):
    """What is made, and of what: one field, as `article`; without it the whole body."""

    to: Literal["markdown", "html"] = "markdown"
    field: str | None = None


class Transformed(BaseModel):
    """The text that was made."""

    text: str


@component("transform", version=1)
def transform_1(given: Given, config: TransformConfig) -> Transformed:
    """A document's JSON as Markdown or HTML: fields become headings, lists lists, texts paragraphs."""
    found = list(blocks(content(given, config.field)))
    return Transformed(text=as_html(found) if config.to == "html" else as_markdown(found, escaped_inside))


class FormConfig(BaseModel):
    """What is made, and of what.

    `field` is one of the document, as `article`; `source` is somewhere else among what the step is given, as
    `outputs.generate.text`; with neither it is the whole body. `from` says what is there. `contents_depth` is the
    deepest heading that a table of contents lists.
    """

    model_config = ConfigDict(populate_by_name=True)

    reads: Form = Field(default="json", alias="from")
    to: Form = "markdown"
    field: str | None = None
    source: str | None = None
    table_of_contents: bool = False
    contents_depth: int = Field(default=3, ge=1, le=6)


class Formed(BaseModel):
    """What was made.

    Attributes:
        text: Markdown or HTML; HTML holds nothing that runs or loads by itself. Empty when JSON was made.
        headings: of the text in their order, whether or not there is a table of contents.
        sections: the text by its headings, when JSON was made.
    """

    text: str = ""
    headings: list[Heading] = []
    sections: list[Part] = []


@component("transform", version=2)
def transform(given: Given, config: FormConfig) -> Formed:
    """JSON, Markdown and HTML into each other; in HTML nothing is left that runs or loads by itself."""
    needed("generate", "markdown_it", "transformations")
    needed("generate", "nh3", "transformations")
    from octavo.components.markup import Markup  # noqa: PLC0415 - needs the extra

    found = Markup(_markdown(_value(given, config), config))
    depth = config.contents_depth if config.table_of_contents else 0
    match config.to:
        case "markdown":
            return Formed(text=found.as_markdown(depth), headings=found.headings)
        case "html":
            return Formed(text=found.as_html(depth), headings=found.headings)
        case "json":
            return Formed(sections=found.parts(), headings=found.headings)


def _value(given: Given, config: FormConfig) -> Any:
    if config.source is None:
        return content(given, config.field)
    return at(variables(given, {}), config.source, "the source")


def _markdown(value: Any, config: FormConfig) -> str:
    """What is there as Markdown, through which everything goes."""
    if config.reads == "json":
        return as_markdown(list(blocks(value)))
    if not isinstance(value, str):
        raise StepFailed(
            f"{config.source or config.field or 'the body'!r} is no text of {config.reads}",
            remedy="name the field that holds it, or say from: json",
        )
    if config.reads == "markdown":
        return value
    from octavo.components.html_text import markdown_of_html  # noqa: PLC0415 - needs the extra

    return markdown_of_html(value)
