"""What a file is: by its content first, by its name second."""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from mimetypes import MimeTypes
from pathlib import PurePath
from typing import NamedTuple

from octavo.ingest.encoding import wide_encoding
from octavo.ingest.extracted import Kind

WORD_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
EXCEL_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
POWERPOINT_MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
OPENDOCUMENT_MEDIA_TYPE = "application/vnd.oasis.opendocument."
EPUB_MEDIA_TYPE = "application/epub+zip"
RTF_MEDIA_TYPE = "application/rtf"
WEBARCHIVE_MEDIA_TYPE = "application/x-webarchive"
MHTML_MEDIA_TYPE = "multipart/related"
OLE_ENCRYPTED_MEDIA_TYPE = "application/x-ole-encrypted"
OLE_WORD_MEDIA_TYPE = "application/msword"

_HEAD_BYTES, _TOP_BYTES = 8_192, 1_024
_HTML_SUFFIXES = {".html", ".htm", ".xhtml", ".xht", ".shtml"}
_WORD_SUFFIXES = {".docx", ".docm", ".dotx", ".dotm"}
_SUFFIXES: dict[Kind, set[str]] = {
    "pdf": {".pdf"},
    "word": _WORD_SUFFIXES | {".odt", ".ott", ".rtf"},
    "text": {".txt", ".text", ".log"},
    "markdown": {".md", ".markdown", ".mdown", ".mkd"},
    "html": _HTML_SUFFIXES,
    "email": {".eml", ".mail"},
    "webpage": _HTML_SUFFIXES | {".mht", ".mhtml", ".webarchive"},
}

# Repetitions are possessive (`*+`): a file of nothing but comments shall not take exponential time.
_COMMENTS = rb"(?:<!--(?:(?!-->).)*+-->\s*+)*+"
_HTML = re.compile(
    rb"\s*+(?:<\?xml[^>]*+>\s*+)?" + _COMMENTS + rb"<(?:!doctype\s++html|html)[\s>]",
    re.IGNORECASE | re.DOTALL,
)
_FRAGMENT = re.compile(
    rb"\s*+" + _COMMENTS + rb"<(?:head|body|title|meta|h1|p|div|table|script|style|a|br|b)[\s>/]",
    re.IGNORECASE | re.DOTALL,
)
_SAVED = re.compile(rb"<!--\s*+(?:saved from url=|Page saved with SingleFile)", re.IGNORECASE)
_HEADER = re.compile(
    rb"(?:From [^\r\n]*+\r?\n)?((?:[A-Za-z][A-Za-z0-9-]*+:[^\r\n]*+\r?\n(?:[ \t][^\r\n]*+\r?\n)*+)++)(?:\r?\n|\Z)"
)
_MAIL_FIELD = re.compile(
    rb"^(from|to|subject|date|message-id|mime-version|received|return-path|delivered-to|reply-to|cc|sender):",
    re.IGNORECASE | re.MULTILINE,
)
_RELATED = re.compile(rb"^content-type:\s*multipart/related", re.IGNORECASE | re.MULTILINE)
_SNAPSHOT = re.compile(rb"^(?:snapshot-content-location:|from:\s*<?saved by)", re.IGNORECASE | re.MULTILINE)

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_STREAMS = {
    "EncryptedPackage": OLE_ENCRYPTED_MEDIA_TYPE,
    "WordDocument": OLE_WORD_MEDIA_TYPE,
    "Workbook": "application/vnd.ms-excel",
    "PowerPoint Document": "application/vnd.ms-powerpoint",
    "__properties_version1.0": "application/vnd.ms-outlook",
}
_PARTS = {
    "word/": WORD_MEDIA_TYPE,
    "xl/": EXCEL_MEDIA_TYPE,
    "ppt/": POWERPOINT_MEDIA_TYPE,
}
_BROKEN_ARCHIVE = (zipfile.BadZipFile, zlib.error, ValueError, NotImplementedError, RuntimeError, OSError)
# Formats that look like text and are not meant to be read as it.
_TEXT_LIKE: dict[bytes, tuple[Kind, str]] = {
    b"{\\rtf": ("word", RTF_MEDIA_TYPE),
    b"%!PS": ("other", "application/postscript"),
}
_CONTROLS = bytes({*range(32), 127} - {*b"\t\n\r\f\v\b\x1b"})
_MEDIA_TYPES = MimeTypes()
_TEXT_MEDIA_TYPE = re.compile(
    r"text/.*|application/(?:.*\+)?(?:json|xml|javascript|sql|yaml|toml|x-sh|x-tex|x-latex)"
)


class Detected(NamedTuple):
    """A kind, a media type, and whether the file's name promises another kind."""

    kind: Kind
    media_type: str
    is_misnamed: bool = False


_ZIP = Detected("other", "application/zip")
# What a file of this name is that cannot be opened: reading it says so.
_TORN = {
    ".xlsx": Detected("other", EXCEL_MEDIA_TYPE),
    ".pptx": Detected("other", POWERPOINT_MEDIA_TYPE),
    ".odt": Detected("word", f"{OPENDOCUMENT_MEDIA_TYPE}text"),
    ".ods": Detected("other", f"{OPENDOCUMENT_MEDIA_TYPE}spreadsheet"),
    ".odp": Detected("other", f"{OPENDOCUMENT_MEDIA_TYPE}presentation"),
    ".epub": Detected("other", EPUB_MEDIA_TYPE),
}


def detect(data: bytes, name: str) -> Detected:
    """What a file is. Content decides wherever it says anything; the name tells kinds of text apart.

    What no extractor reads is `other`, with the media type its content or, failing that, its name tells.
    """
    suffix = PurePath(name).suffix.lower()
    found = _binary(data, name) or _text(data[:_HEAD_BYTES], name, suffix)
    promised = {kind for kind, suffixes in _SUFFIXES.items() if suffix in suffixes}
    return found._replace(is_misnamed=bool(promised) and found.kind not in promised)


def _binary(data: bytes, name: str) -> Detected | None:
    """What the bytes say, unless they are text."""
    head = data[:_HEAD_BYTES]
    if b"%PDF-" in head[:_TOP_BYTES]:
        return Detected("pdf", "application/pdf")
    if head.startswith(b"PK\x03\x04"):
        return _archive(data, PurePath(name).suffix.lower())
    if head.startswith(_OLE):
        streams = (kind for stream, kind in _OLE_STREAMS.items() if stream.encode("utf-16-le") in data)
        return Detected("other", next(streams, "application/x-ole-storage"))
    if head.startswith(b"bplist00") and b"WebMainResource" in data:
        return Detected("webpage", WEBARCHIVE_MEDIA_TYPE)
    if known := next((known for magic, known in _TEXT_LIKE.items() if head.startswith(magic)), None):
        return Detected(*known)
    return None if _is_text(head) else Detected("other", _media_type(head, name))


def _is_text(head: bytes) -> bool:
    visible = len(head.translate(None, _CONTROLS))
    return visible >= 0.95 * len(head) or wide_encoding(head) is not None


def _archive(data: bytes, suffix: str) -> Detected:
    """An office file, or another archive, which is not unpacked; the name counts for one that is torn."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = " ".join(archive.namelist())
            named = _own_name(archive)
    except _BROKEN_ARCHIVE:
        is_word = suffix in _WORD_SUFFIXES or b"word/document" in data
        return Detected("word", WORD_MEDIA_TYPE) if is_word else _TORN.get(suffix, _ZIP)
    part = next((part for part in _PARTS if part in names and "[Content_Types].xml" in names), None)
    if part == "word/":
        return Detected("word", WORD_MEDIA_TYPE)
    is_text = named is not None and named.startswith(f"{OPENDOCUMENT_MEDIA_TYPE}text")
    return Detected("word" if is_text else "other", _PARTS[part] if part else named or "application/zip")


def _own_name(archive: zipfile.ZipFile) -> str | None:
    """OpenDocument and EPUB files hold their media type in a part of its own."""
    try:
        part = archive.getinfo("mimetype")
    except KeyError:
        return None
    return archive.read(part).decode("ascii", "replace").strip() if part.file_size < 100 else None


def _text(head: bytes, name: str, suffix: str) -> Detected:
    if wide := wide_encoding(head):
        head = head.decode(wide, "replace").encode()
    head = head.removeprefix(b"\xef\xbb\xbf")
    return _mail(head, suffix) or _markup(head, suffix) or _plain(name, suffix)


def _mail(head: bytes, suffix: str) -> Detected | None:
    header = _HEADER.match(head)
    if header is None:
        return None
    fields = {field.lower() for field in _MAIL_FIELD.findall(header[1])}
    if _RELATED.search(header[1]) and (suffix in {".mht", ".mhtml"} or _SNAPSHOT.search(header[1])):
        return Detected("webpage", MHTML_MEDIA_TYPE)
    is_mail = len(fields) >= 3 and fields & {b"from", b"received"}
    return (
        Detected("email", "message/rfc822") if is_mail or (fields and suffix in _SUFFIXES["email"]) else None
    )


def _markup(head: bytes, suffix: str) -> Detected | None:
    is_html = _HTML.match(head) or suffix in _HTML_SUFFIXES or (not suffix and _FRAGMENT.match(head))
    if not is_html:
        return None
    media_type = "application/xhtml+xml" if suffix in {".xhtml", ".xht"} else "text/html"
    return Detected("webpage" if _SAVED.search(head, 0, _TOP_BYTES) else "html", media_type)


def _plain(name: str, suffix: str) -> Detected:
    if suffix in _SUFFIXES["markdown"]:
        return Detected("markdown", "text/markdown")
    named = _MEDIA_TYPES.guess_type(PurePath(name).name)[0] or ""
    return Detected("text", named if _TEXT_MEDIA_TYPE.fullmatch(named) else "text/plain")


def _media_type(head: bytes, name: str) -> str:
    """The media type of what is no text, by its magic number if the library for it is there, else by name."""
    named = _MEDIA_TYPES.guess_type(PurePath(name).name)[0] or "application/octet-stream"
    if not head:
        return named
    try:
        import puremagic  # noqa: PLC0415 - optional
    except ModuleNotFoundError:
        return named
    try:
        return str(puremagic.from_string(head, mime=True)) or named
    except puremagic.PureError:
        return named
