"""HTML, by Lexbor: text in blocks, as a reader sees it, and what the head tells about it."""

from __future__ import annotations

import re
from datetime import datetime
from email.utils import parsedate_to_datetime

from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.html import ElementNode, HTMLTree, Node
from resiliparse.parse.html.exception import HTMLParserException

from octavo.errors import UnreadableFile
from octavo.ingest.clean import prose, utc
from octavo.ingest.encoding import decode
from octavo.ingest.extract.original import Original
from octavo.ingest.extracted import Extracted, Kind

# What is around a text and no part of it: navigation, in HTML's own words and those of DocBook and Sphinx. Selectors
# take time, so each group is used only where the source has its word.
_AROUND = {
    b"nav": ["nav", "[role=navigation]", ".navheader", ".navfooter"],
    b"search": ["[role=search]"],
    b"hidden": ["[hidden]", "[aria-hidden=true]"],
    b"<template": ["template"],
    b"<svg": ["svg"],
    b"sphinx": [".sphinxsidebar", ".related", ".headerlink"],
}
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]+)", re.IGNORECASE)
_DECLARED_WITHIN = 4_096
_ADDRESS = re.compile(
    r"<!--\s*(?:saved from url=\(\d+\)(\S+)|Page saved with SingleFile\s+url:\s*(\S+))", re.IGNORECASE
)
_AUTHOR = ("author", "article:author", "dc.creator", "dcterms.creator")
_CREATED = ("article:published_time", "dcterms.created", "dc.date", "dcterms.date", "date")
_MODIFIED = ("article:modified_time", "og:updated_time", "dcterms.modified", "last-modified")
_DESCRIPTION = ("description", "og:description", "dc.description")
_LANGUAGE = ("content-language", "dc.language")


def extract(
    original: Original, *, kind: Kind = "html", charset: str | None = None, address: str | None = None
) -> Extracted:
    """The text without scripts, styles and navigation, paragraphs a blank line apart.

    `charset` and `address` are what is known from around the HTML: they count before what is in it.
    """
    source, encoding, replaced = decode(original.data, charset or original.charset or _charset(original.data))
    tree = _tree(source)
    told = _told(tree)
    return original.extracted(
        kind,
        _text(tree, original.data),
        titles=(tree.title or told.get("og:title") or _heading(tree),),
        author=_first(told, _AUTHOR),
        declared_language=_language(tree, told),
        created=_time(_first(told, _CREATED)),
        modified=_time(_first(told, _MODIFIED)),
        encoding=encoding,
        metadata={
            "description": _first(told, _DESCRIPTION),
            "keywords": told.get("keywords"),
            "url": address or _address(source) or told.get("og:url"),
            "replaced": replaced or None,
        },
    )


def text_of_html(source: str) -> str:
    """The visible text: blocks a blank line apart, rows and list items a line, preformatted text as it stands."""
    return _text(_tree(source), source.encode())


def _text(tree: HTMLTree, source: bytes) -> str:
    around = [selector for word, selectors in _AROUND.items() if word in source for selector in selectors]
    return prose(extract_plain_text(tree, alt_texts=False, skip_elements=around))


def _tree(source: str) -> HTMLTree:
    try:
        return HTMLTree.parse(source)
    except HTMLParserException as error:
        raise UnreadableFile("the HTML cannot be parsed", remedy="save the page again") from error


def _charset(data: bytes) -> str | None:
    declared = _CHARSET.search(data, 0, _DECLARED_WITHIN)
    return declared[1].decode("ascii", "replace") if declared else None


def _address(source: str) -> str | None:
    """Where browsers and SingleFile note that the page was saved from."""
    saved = _ADDRESS.search(source, 0, _DECLARED_WITHIN)
    return (saved[1] or saved[2]) if saved else None


def _told(tree: HTMLTree) -> dict[str, str]:
    """What `<meta>` elements in the head tell, by name in lower case; the first of a name counts."""
    told: dict[str, str] = {}
    for meta in tree.head.query_selector_all("meta[content]") if tree.head else ():
        name = _attribute(meta, "name") or _attribute(meta, "property") or _attribute(meta, "http-equiv")
        if name and (content := _attribute(meta, "content")):
            told.setdefault(name.lower(), content.strip())
    return told


def _attribute(node: Node | None, name: str) -> str | None:
    return node.getattr(name) if isinstance(node, ElementNode) else None


def _first(told: dict[str, str], names: tuple[str, ...]) -> str | None:
    return next((told[name] for name in names if told.get(name)), None)


def _heading(tree: HTMLTree) -> str | None:
    heading = tree.document.query_selector("h1, h2") if tree.document else None
    return heading.text if heading else None


def _language(tree: HTMLTree, told: dict[str, str]) -> str | None:
    root = tree.document.query_selector("html") if tree.document else None
    return _attribute(root, "lang") or _attribute(root, "xml:lang") or _first(told, _LANGUAGE)


def _time(value: str | None) -> datetime | None:
    """A date as web pages write it: ISO 8601, or as in mail."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(value or "")
        except (ValueError, TypeError, OverflowError):
            continue
        return utc(moment)
    return None
