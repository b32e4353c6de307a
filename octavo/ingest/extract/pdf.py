"""PDF, by PDFium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pypdfium2
from pypdfium2 import PdfDocument, PdfiumError

from octavo.errors import RefusedFile, UnreadableFile
from octavo.ingest.clean import first_line, prose, utc
from octavo.ingest.extract.original import Original, refuse_longer
from octavo.ingest.extracted import Extracted

_PASSWORD_ERRORS = {pypdfium2.raw.FPDF_ERR_PASSWORD, pypdfium2.raw.FPDF_ERR_SECURITY}
# PDF 32000-1, 7.9.4: D:YYYYMMDDHHmmSSOHH'mm'; everything after the year may be missing.
_DATE = re.compile(r"(?:D:)?(\d{4})(\d\d)?(\d\d)?(\d\d)?(\d\d)?(\d\d)?(?:Z|([+-])(\d\d)'?(\d\d)?'?)?")
# PDFium marks a hyphen at the end of a line, and what has no Unicode, by these.
_HYPHEN = re.compile("[\x02\ufffe]\\s*")
_PROGRAM = re.compile(r"^(?:Microsoft (?:Word|PowerPoint|Excel) - |untitled$)", re.IGNORECASE)


def extract(original: Original) -> Extracted:
    """The text of all pages, a blank line between two; title, author and dates from the file's own fields."""
    document = _open(original.data)
    try:
        pages = len(document)
        if pages > original.limits.max_pages:
            raise RefusedFile(
                f"{pages:,} pages", remedy=f"split it: {original.limits.max_pages:,} at most are read"
            )
        fields = document.get_metadata_dict()
        text, unreadable = _text(document, original)
    finally:
        document.close()
    return original.extracted(
        "pdf",
        text,
        titles=(_PROGRAM.sub("", fields.get("Title", "")), first_line(text)),
        author=fields.get("Author"),
        created=time_of(fields.get("CreationDate", "")),
        modified=time_of(fields.get("ModDate", "")),
        metadata={
            "pages": pages,
            "unreadable_pages": unreadable,
            "description": fields.get("Subject"),
            "keywords": fields.get("Keywords"),
        },
    )


def _open(data: bytes) -> PdfDocument:
    try:
        return PdfDocument(data)
    except PdfiumError as error:
        if error.err_code in _PASSWORD_ERRORS:
            raise UnreadableFile("the PDF is encrypted", remedy="save it without a password") from error
        raise UnreadableFile("the PDF is broken", remedy="repair it, or print it to a new one") from error


def _text(document: PdfDocument, original: Original) -> tuple[str, list[int]]:
    """The text, and the numbers of pages that could not be read."""
    texts: list[str] = []
    unreadable: list[int] = []
    characters = 0
    for number, text in enumerate(_pages(document), 1):
        if text is None:
            unreadable.append(number)
            continue
        texts.append(text)
        characters += len(text)
        refuse_longer(characters, original.limits)
    if unreadable and not texts:
        raise UnreadableFile("no page of the PDF can be read", remedy="repair it, or print it to a new one")
    return prose("\n\n".join(texts)), unreadable


def _pages(document: PdfDocument) -> Iterator[str | None]:
    for number in range(len(document)):
        try:
            page = document[number]
            try:
                text = page.get_textpage().get_text_bounded()
            finally:
                page.close()
        except PdfiumError:
            yield None
        else:
            yield _HYPHEN.sub("", text).replace("\r\n", "\n").strip()


def time_of(value: str) -> datetime | None:
    """The moment a date of PDF names, in UTC; None if it names none."""
    match = _DATE.match(value)
    if match is None:
        return None
    year, month, day, hour, minute, second = (
        int(part or least) for part, least in zip(match.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)
    )
    away = timedelta(hours=int(match[8] or 0), minutes=int(match[9] or 0))
    try:
        zone = timezone(-away if match[7] == "-" else away)
        return utc(datetime(year, month, day, hour, minute, second, tzinfo=zone))
    except (ValueError, OverflowError):
        return None
