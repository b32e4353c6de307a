"""Electronic books (EPUB 2 and 3): the pages in reading order, each as HTML is read."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from octavo.errors import UnreadableFile
from octavo.ingest.clean import prose
from octavo.ingest.encoding import decode
from octavo.ingest.extract.html import text_of_html
from octavo.ingest.extract.original import Original
from octavo.ingest.extract.package import Fields, Lines, Package, elements, opened, time_of
from octavo.ingest.extracted import Extracted

_PAGES = {"application/xhtml+xml", "text/html", "application/x-dtbook+xml"}


def extract(original: Original) -> Extracted:
    """The text of all pages; title, author and the rest from the book's own description."""
    with opened(original, "book") as package:
        description = _description(package)
        told = _told(package, description)
        pages = _pages(package, description)
        _refuse_protected(package, pages)
        lines = Lines(original.limits)
        for page in pages:
            lines.add(text_of_html(decode(package.read(page)).text))
    return original.extracted(
        "other",
        prose("\n\n".join(lines.lines)),
        titles=(told.get("title"),),
        author=told.get("creator"),
        declared_language=told.get("language"),
        created=time_of(told.get("date")),
        metadata={
            "format": "book",
            "pages": len(pages),
            "description": told.get("description"),
            "publisher": told.get("publisher"),
            "identifier": told.get("identifier"),
        },
    )


def _description(package: Package) -> str:
    """The part that describes the book.

    Raises:
        UnreadableFile: there is none.
    """
    found: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "rootfile":
            found.append(attributes.get("full-path", ""))

    if "META-INF/container.xml" in package:
        package.parse("META-INF/container.xml", elements(start, lambda _: None, lambda _: None))
    part = next((part for part in found if part in package), None)
    if part is None:
        raise UnreadableFile("the book has no description in it", remedy="get another copy of it")
    return part


def _told(package: Package, description: str) -> dict[str, str]:
    fields = Fields()
    package.parse(description, fields.parser())
    return {name: text.strip() for name, text in fields.found.items()}


def _pages(package: Package, description: str) -> list[str]:
    """The parts with pages, each once, in reading order."""
    parts: dict[str, str] = {}
    order: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "item" and attributes.get("media-type") in _PAGES:
            href = unquote(attributes.get("href", ""))
            parts[attributes.get("id", "")] = posixpath.normpath(
                posixpath.join(posixpath.dirname(description), href)
            )
        elif name == "itemref":
            order.append(attributes.get("idref", ""))

    package.parse(description, elements(start, lambda _: None, lambda _: None))
    return [part for part in dict.fromkeys(parts.get(id, "") for id in order) if part in package]


def _refuse_protected(package: Package, pages: list[str]) -> None:
    """Raise `UnreadableFile` if pages are encrypted; fonts often are, and nobody needs them."""
    encrypted: set[str] = set()

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "CipherReference":
            encrypted.add(unquote(attributes.get("URI", "")).lstrip("/"))

    if "META-INF/encryption.xml" in package:
        package.parse("META-INF/encryption.xml", elements(start, lambda _: None, lambda _: None))
    if encrypted & set(pages):
        raise UnreadableFile("the book is protected against copying", remedy="get a copy that is not")
