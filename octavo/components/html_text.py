"""HTML as Markdown: what a reader sees of it, with headings, lists, links, tables and code."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser

import msgspec
import nh3

from octavo.components.json_text import escaped_signs, escaped_starts

# Elements that are deeper stand beside the one they are in.
_DEEPEST = 60
_LINE = re.compile(r"\n(?=.)")
_SPACE = re.compile(r"\s+")
_UNSEEN = {"script", "style", "title", "template"}
_ALONE = {"br", "img", "hr", "wbr", "col"}
_INLINE = {
    "a", "abbr", "b", "bdi", "bdo", "br", "cite", "code", "data", "del", "dfn", "em", "i", "img", "ins", "kbd",
    "mark", "q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
}  # fmt: skip
_AROUND = {"strong": "**", "b": "**", "em": "*", "i": "*", "del": "~~", "s": "~~", "strike": "~~"}


class _Element(msgspec.Struct):
    """An element: what is in it are elements and texts."""

    tag: str
    attributes: dict[str, str]
    inner: list[_Element | str]

    @property
    def text(self) -> str:
        """All texts in it, as they stand."""
        return "".join(part if isinstance(part, str) else part.text for part in self.inner)

    def all(self, tag: str) -> Iterator[_Element]:
        """The nearest elements of a kind in it."""
        for part in self.inner:
            if isinstance(part, _Element):
                if part.tag == tag:
                    yield part
                else:
                    yield from part.all(tag)


class _Tree(HTMLParser):
    """Reads what nh3 has cleaned: well formed, and without scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = _Element("div", {}, [])
        self._open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = _Element(tag, {name: value or "" for name, value in attrs}, [])
        self._open[-1].inner.append(element)
        if tag not in _ALONE and len(self._open) < _DEEPEST:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        if len(self._open) > 1 and self._open[-1].tag == tag:
            self._open.pop()

    def handle_data(self, data: str) -> None:
        self._open[-1].inner.append(data)


def markdown_of_html(source: str) -> str:
    """The Markdown of some HTML; scripts, styles, comments and what loads by itself are left out."""
    tree = _Tree()
    tree.feed(nh3.clean(source, clean_content_tags=_UNSEEN, link_rel=None))
    tree.close()
    text = "\n\n".join(_blocks(tree.root))
    return f"{text}\n" if text else ""


def _blocks(element: _Element) -> Iterator[str]:
    """The blocks in an element; runs of inline parts between them are paragraphs."""
    run: list[_Element | str] = []
    for part in [*element.inner, None]:
        if isinstance(part, str) or (part is not None and part.tag in _INLINE):
            run.append(part)
            continue
        if told := _inline(run).strip():
            yield escaped_starts(told)
        run = []
        if part is not None:
            yield from filter(None, _block(part))


def _block(element: _Element) -> Iterator[str]:
    written: Callable[[_Element], str] | None = _WRITTEN.get(element.tag)
    if written is not None:
        yield written(element)
    else:
        yield from _blocks(element)


def _heading(element: _Element) -> str:
    told = _SPACE.sub(" ", _inline(element.inner)).strip()
    return f"{'#' * int(element.tag[1])} {told}" if told else ""


def _list(element: _Element) -> str:
    first = element.attributes.get("start", "")
    number = int(first) if first.isdecimal() and len(first) < 9 else 1
    items = []
    for place, item in enumerate(_items(element)):
        mark = "- " if element.tag == "ul" else f"{number + place}. "
        inner = "\n".join(_blocks(item)) if _is_tight(item) else "\n\n".join(_blocks(item))
        items.append(mark + _LINE.sub("\n" + " " * len(mark), inner))
    return "\n".join(items)


def _items(element: _Element) -> Iterator[_Element]:
    """The items of a list; what stands in it beside them is an item too."""
    for part in element.inner:
        if isinstance(part, _Element) and part.tag == "li":
            yield part
        elif not isinstance(part, str) or part.strip():
            yield _Element("li", {}, [part])


def _is_tight(item: _Element) -> bool:
    return not any(isinstance(part, _Element) and part.tag == "p" for part in item.inner)


def _code(element: _Element) -> str:
    text = element.text.strip("\n")
    fence = "`" * max(3, *(len(run) + 1 for run in re.findall(r"`+", text)), 3)
    return f"{fence}\n{text}\n{fence}" if text.strip() else ""


def _quotation(element: _Element) -> str:
    return "\n".join(f"> {line}".rstrip() for line in "\n\n".join(_blocks(element)).split("\n"))


def _table(element: _Element) -> str:
    caption = " ".join(_cell(part) for part in element.all("caption"))
    rows = [
        [_cell(cell) for cell in row.inner if isinstance(cell, _Element) and cell.tag in {"td", "th"}]
        for row in element.all("tr")
    ]
    width = max(map(len, rows), default=0)
    if not width:
        return caption
    lines = ["| " + " | ".join(row + [""] * (width - len(row))) + " |" for row in rows]
    table = "\n".join([lines[0], "|" + " --- |" * width, *lines[1:]])
    return f"{caption}\n\n{table}" if caption else table


def _cell(cell: _Element) -> str:
    return _SPACE.sub(" ", " ".join(_blocks(cell))).strip()


def _inline(parts: list[_Element | str]) -> str:
    """Parts of a line as Markdown."""
    return "".join(_told(part) for part in parts)


def _told(part: _Element | str) -> str:
    if isinstance(part, str):
        return escaped_signs(_SPACE.sub(" ", part))
    match part.tag:
        case "br":
            return "\\\n"
        case "img":
            return f"![{escaped_signs(part.attributes.get('alt', ''))}]({_address(part, 'src')})"
        case "code" | "kbd" | "samp" | "tt":
            return _literal(part.text)
        case "a" if "href" in part.attributes:
            return f"[{_inline(part.inner)}]({_address(part, 'href')})"
    return _around(_inline(part.inner), _AROUND.get(part.tag, ""))


def _around(told: str, sign: str) -> str:
    """Signs around a text, inside of the spaces around it."""
    inner = told.strip()
    if not sign or not inner:
        return told
    start = len(told) - len(told.lstrip())
    return told[:start] + sign + inner + sign + told[start + len(inner) :]


def _literal(text: str) -> str:
    told = _SPACE.sub(" ", text)
    if not told.strip():
        return told
    sign = "`" * (max((len(run) for run in re.findall(r"`+", told)), default=0) + 1)
    return f"{sign} {told} {sign}" if "`" in told else f"{sign}{told}{sign}"


def _address(part: _Element, name: str) -> str:
    address = part.attributes.get(name, "")
    return f"<{address}>" if re.search(r"[\s()]", address) else address


_WRITTEN: dict[str, Callable[[_Element], str]] = {
    **{f"h{level}": _heading for level in range(1, 7)},
    "ul": _list,
    "ol": _list,
    "pre": _code,
    "blockquote": _quotation,
    "table": _table,
    "hr": lambda _: "---",
}
