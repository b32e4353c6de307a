"""Templates: reusable structures of a text. A template is a document, so it has versions and tags.

{"description": "A technical article",
 "structure": {"sections": [
     {"id": "introduction", "name": "Introduction", "instructions": "Introduce {{ title }}", "word_range": [150, 300]},
     {"id": "points", "type": "sections", "each": "points", "min_sections": 2, "max_sections": 5,
      "section_template": {"name": "{{ item.title }}", "text": "{{ item.text }}"}}]},
 "metadata": {"category": "educational"}}
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta
from pydantic import BaseModel, ConfigDict

from octavo.errors import InvalidTemplate

NAMESPACE = "octavo"
TYPE = "octavo.template"
MAX_SECTIONS = 100
MAX_TEXT = 100_000
_ID = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"
_PATH = r"^[A-Za-z_][A-Za-z0-9_]{0,99}(\.[A-Za-z_][A-Za-z0-9_]{0,99}){0,9}$"

Range = tuple[Annotated[int, Meta(ge=0)], Annotated[int, Meta(ge=1, le=1_000_000)]]
Text = Annotated[str, Meta(max_length=MAX_TEXT)]
Id = Annotated[str, Meta(pattern=_ID)]


class Pattern(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What every sub-section of a section is made by; its texts may name `item` and `number` beside the variables.

    Attributes:
        name, text, instructions, word_range: as of a section.
    """

    type: Literal["text"] = "text"
    name: Text = "{{ item }}"
    text: Text = ""
    instructions: Text = ""
    word_range: Range | None = None


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A section of a template.

    Attributes:
        id: its own among the sections.
        type: `text`, or `sections` for one that consists of sub-sections.
        name: its heading; none without it.
        text: what stands in it, with `{{ variables }}`.
        instructions: for who writes it, when its text is not given; with variables too.
        word_range: the fewest and the most words of its text.
        each: the list among the variables that has an item for each sub-section.
        min_sections, max_sections: how many sub-sections there may be.
        section_template: what each of them is made by.
    """

    id: Id
    type: Literal["text", "sections"] = "text"
    name: Text = ""
    text: Text = ""
    instructions: Text = ""
    word_range: Range | None = None
    each: Annotated[str, Meta(pattern=_PATH)] | None = None
    min_sections: Annotated[int, Meta(ge=0, le=MAX_SECTIONS)] | None = None
    max_sections: Annotated[int, Meta(ge=1, le=MAX_SECTIONS)] | None = None
    section_template: Pattern | None = None

    @property
    def fewest(self) -> int:
        """Sub-sections it needs."""
        return 1 if self.min_sections is None else self.min_sections

    @property
    def most(self) -> int:
        """Sub-sections it may have."""
        return MAX_SECTIONS if self.max_sections is None else self.max_sections


class Structure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sections of a template, in their order."""

    sections: Annotated[list[Section], Meta(min_length=1, max_length=MAX_SECTIONS)]


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a template's document holds.

    Attributes:
        metadata: anything, as `tags`, `category` and `target_audience`; templates can be found by it.
        is_active: one that is not can no longer be put into a pipeline.
    """

    structure: Structure
    description: Annotated[str, Meta(max_length=2_000)] = ""
    metadata: dict[str, Any] = {}
    is_active: bool = True

    def as_dict(self) -> dict[str, Any]:
        """The template as plain data."""
        content: dict[str, Any] = msgspec.to_builtins(self)
        return content

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text that may hold variables, with the section and the field it stands in."""
        for section in self.structure.sections:
            for where, part in ((section.id, section), (f"{section.id}[]", section.section_template)):
                if part is not None:
                    for field in ("name", "text", "instructions"):
                        yield f"{where}.{field}", getattr(part, field)


class Written(BaseModel):
    """A section as it was filled or written.

    Attributes:
        name: its heading, with everything filled in.
        instructions: for who is to write it; empty when its text is there.
        words: of its text.
        warnings: what is wrong with it, as fewer words than it shall have.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    name: str = ""
    text: str = ""
    instructions: str = ""
    word_range: tuple[int, int] | None = None
    words: int = 0
    warnings: list[str] = []
    sections: list[Written] = []


def parse_template(body: Mapping[str, Any]) -> Template:
    """Read a template from what its document holds.

    Raises:
        InvalidTemplate: a field that is wrong or unknown, two sections of one id, a range whose end is before its
            beginning, sub-sections without a pattern.
    """
    try:
        template = msgspec.convert(body, Template)
    except msgspec.ValidationError as error:
        raise InvalidTemplate(
            f"this is no template: {error}", remedy="see docs/how-to/generate-text.md"
        ) from error
    seen: set[str] = set()
    for section in template.structure.sections:
        if section.id in seen:
            raise InvalidTemplate(
                f"two sections have the id {section.id!r}",
                remedy="give one of them another",
                section=section.id,
            )
        seen.add(section.id)
        _check(section)
    return template


def outside(words: int, wanted: tuple[int, int] | None) -> str | None:
    """What to say of a text of so many words; None when it is as long as it shall be."""
    if wanted is None or wanted[0] <= words <= wanted[1]:
        return None
    return f"{words} words, and shall have {wanted[0]} to {wanted[1]}"


def markdown(sections: list[Written], depth: int = 1) -> str:
    """Sections as Markdown: each name a heading, sub-sections one deeper."""
    parts = []
    for section in sections:
        if section.name:
            parts.append(f"{'#' * min(depth, 6)} {' '.join(section.name.split())}")
        parts += filter(None, (section.text.strip(), markdown(section.sections, depth + 1)))
    return "\n\n".join(parts)


def _check(section: Section) -> None:
    for wanted in (section.word_range, section.section_template and section.section_template.word_range):
        if wanted and wanted[0] > wanted[1]:
            raise _refused(section, f"shall have {wanted[0]} to {wanted[1]} words", "begin with the fewer")
    if section.fewest > section.most:
        raise _refused(
            section, f"shall have {section.fewest} to {section.most} sub-sections", "begin with the fewer"
        )
    if section.type == "sections":
        if section.section_template is None:
            raise _refused(section, "has no section_template", "say what its sub-sections are made by")
        if section.text:
            raise _refused(section, "has a text and sub-sections", "put the text into a section before it")
        return
    of_sections = ("each", "min_sections", "max_sections", "section_template")
    if given := next((name for name in of_sections if getattr(section, name) is not None), None):
        raise _refused(section, f"has {given}, and no sub-sections", "give it the type sections")


def _refused(section: Section, what: str, remedy: str) -> InvalidTemplate:
    return InvalidTemplate(f"the section {section.id!r} {what}", remedy=remedy, section=section.id)
