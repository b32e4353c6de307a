"""Markdown as HTML without anything that runs, and as a tree by its headings; CommonMark with tables."""

from __future__ import annotations

from collections.abc import Sequence

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from octavo.components.headings import Heading, Part, anchored, nested

_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
_TAGS = nh3.ALLOWED_TAGS | {"nav"}
_ATTRIBUTES = {
    **nh3.ALLOWED_ATTRIBUTES,
    **{tag: {"id"} for tag in _HEADINGS},
    "ol": {"start"},
    "code": {"class"},
    "td": {"style"},
    "th": {"style"},
}
_STYLES = {"text-align"}
_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_{}[]<>#|"})


class Markup:
    """A text of Markdown, read."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._markdown = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
        self._tokens = self._markdown.parse(text)
        # Headings of the text itself, not those inside of quotations and lists.
        self._places = [
            place
            for place, token in enumerate(self._tokens)
            if token.type == "heading_open" and token.level == 0
        ]
        self.headings = anchored(
            (int(self._tokens[place].tag[1]), _words(self._tokens[place + 1])) for place in self._places
        )

    def as_markdown(self, contents_depth: int) -> str:
        """The text, with a table of contents of so many levels behind its title, or in front; 0: without."""
        contents = self._contents(contents_depth)
        if not contents:
            return self._text
        lines = self._text.splitlines()
        start = self._title_end()
        before, after = "\n".join(lines[:start]), "\n".join(lines[start:])
        return "\n\n".join(part for part in (before.strip("\n"), contents, after.strip("\n")) if part) + "\n"

    def as_html(self, contents_depth: int) -> str:
        """The text as HTML, each heading with its anchor, and a table of contents as in Markdown."""
        tokens = list(self._tokens)
        for place, heading in zip(self._places, self.headings, strict=True):
            tokens[place].attrSet("id", heading.anchor)
        contents = self._contents(contents_depth)
        if contents:
            at = self._places[0] + 3 if self._title_end() else 0
            tokens[at:at] = [_raw("<nav>\n"), *self._markdown.parse(contents), _raw("</nav>\n")]
        rendered = self._markdown.renderer.render(tokens, self._markdown.options, {})
        return nh3.clean(
            rendered, tags=_TAGS, attributes=_ATTRIBUTES, filter_style_properties=_STYLES, link_rel="noopener"
        )

    def parts(self) -> list[Part]:
        """The text as a tree by its headings; what stands before the first one is a part without a heading."""
        lines = self._text.splitlines()
        maps: list[Sequence[int]] = [self._tokens[place].map or (0, 0) for place in self._places]
        starts = [first for first, _ in maps] + [len(lines)]
        before = "\n".join(lines[: starts[0]]).strip()
        found = [Part(title="", level=0, anchor="", text=before)] if before else []
        for heading, (_, end), following in zip(self.headings, maps, starts[1:], strict=True):
            text = "\n".join(lines[end:following]).strip()
            found.append(Part(**heading.model_dump(), text=text))
        return nested(found)

    def _contents(self, depth: int) -> str:
        """A list of links to the headings of so many levels, without the title."""
        shown = self.headings[1:] if self._title_end() else self.headings
        shown = [heading for heading in shown if heading.level <= depth]
        if not shown:
            return ""
        least = min(heading.level for heading in shown)
        return "\n".join(_link(heading, heading.level - least) for heading in shown)

    def _title_end(self) -> int:
        """The line after the title: a first heading, at the beginning, that no other is as high as; 0 without one."""
        levels = [heading.level for heading in self.headings]
        if not levels or self._places[0] != 0 or levels.count(levels[0]) > 1 or min(levels) < levels[0]:
            return 0
        lines = self._tokens[0].map
        return lines[1] if lines else 0


def _link(heading: Heading, depth: int) -> str:
    return f"{'  ' * depth}- [{heading.title.translate(_SPECIAL)}](#{heading.anchor})"


def _words(inline: Token) -> str:
    """What a heading says, without its markup."""
    return "".join(child.content for child in inline.children or [] if child.type in {"text", "code_inline"})


def _raw(html: str) -> Token:
    return Token("html_block", "", 0, content=html)
