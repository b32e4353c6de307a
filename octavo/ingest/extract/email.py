"""Mail (RFC 5322, MIME), by the standard library; attachments are read as files of their own.

Parsed with the parser's old policy: the new one takes ten times as long and raises on headers that mail has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.policy import compat32
from email.utils import collapse_rfc2231_value, getaddresses, parsedate_to_datetime
from pathlib import PureWindowsPath

from octavo.errors import RefusedFile
from octavo.ingest.clean import prose, utc
from octavo.ingest.encoding import decode
from octavo.ingest.extract.original import Original
from octavo.ingest.extracted import Attachment, Extracted

_MAILBOX = re.compile(rb"\n\r?\nFrom \S[^\n]* \d{4}\r?\n[A-Za-z-]+:")
_AS_IT_WAS = compat32.clone(mangle_from_=False, max_line_length=0)
_REFERENCE = re.compile(r"<[^<>\s]+>")
_EXTENSIONS = {"message/rfc822": ".eml", "text/plain": ".txt", "text/html": ".html", "text/calendar": ".ics"}


def extract(original: Original) -> Extracted:
    """Subject, sender, date and the text a reader is shown; everything else of it is an attachment.

    Raises:
        RefusedFile: too many attachments, or a mailbox, which holds several mails.
    """
    if original.data.startswith(b"From ") and _MAILBOX.search(original.data):
        raise RefusedFile("a mailbox of several mails", remedy="split it into one .eml file a mail")
    mail = message_from_bytes(original.data)
    header = _header(mail)
    senders = getaddresses([header.get("from", "")])
    return original.extracted(
        "email",
        prose("\n\n".join(_texts(mail))),
        titles=(header.get("subject"),),
        author=next((name or address for name, address in senders), None),
        created=_time(header.get("date")),
        metadata={
            "from": header.get("from"),
            "to": header.get("to"),
            "cc": header.get("cc"),
            "message_id": header.get("message-id"),
            "in_reply_to": header.get("in-reply-to"),
            "references": _REFERENCE.findall(header.get("references", "")),
        },
        attachments=_attachments(mail, original),
    )


def _header(mail: Message) -> dict[str, str]:
    """The fields of the header, decoded; the first of a name counts."""
    fields: dict[str, str] = {}
    for name, value in mail.raw_items():
        if name.lower() not in fields:
            fields[name.lower()] = decoded(value)
    return fields


def decoded(value: str) -> str:
    """The value of a field as it is meant: encoded words (RFC 2047) and raw UTF-8 read, line ends unfolded."""
    raw = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    try:
        text = str(make_header(decode_header(raw))) if "=?" in raw else raw
    except (MessageError, LookupError, ValueError):
        text = raw
    return " ".join(text.split())


def _texts(part: Message) -> Iterator[str]:
    """What a reader is shown: of alternatives the plain one, if it says anything."""
    kind = part.get_content_type()
    if kind == "multipart/alternative":
        yield from _alternative(_children(part))
    elif part.get_content_maintype() == "multipart":
        for child in _children(part):
            yield from _texts(child)
    elif _is_shown(part):
        yield text_of_part(part)


def _alternative(children: list[Message]) -> list[str]:
    """The first alternative that says something: plain text before richer forms, and of these the richest."""
    plain = [child for child in children if child.get_content_type() == "text/plain"]
    for child in (*plain, *reversed(children)):
        texts = list(_texts(child))
        if any(text.strip() for text in texts):
            return texts
    return []


def text_of_part(part: Message) -> str:
    """The text of a part that is plain or HTML."""
    text = decode(content_of(part), part.get_content_charset()).text
    if part.get_content_type() != "text/html":
        return text
    from octavo.ingest.extract.html import text_of_html  # noqa: PLC0415 - needs a library; plain mail does not

    return text_of_html(text)


def content_of(part: Message) -> bytes:
    """The bytes of a part without its transfer encoding; of a mail inside a mail its source."""
    if part.is_multipart():
        return b"\n".join(child.as_bytes(policy=_AS_IT_WAS) for child in _children(part))
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""


def _attachments(mail: Message, original: Original) -> list[Attachment]:
    parts = [part for part in leaves(mail) if not _is_shown(part)]
    if len(parts) > original.limits.max_attachments:
        raise RefusedFile(
            f"{len(parts):,} attachments", remedy="raise max_attachments, or take the mail apart"
        )
    return [
        original.attach(content_of(part), _name(part, number), part.get_content_type())
        for number, part in enumerate(parts, 1)
    ]


def leaves(part: Message) -> Iterator[Message]:
    """The parts that are not divided further; a mail inside a mail is one."""
    if part.get_content_maintype() == "multipart" and part.is_multipart():
        for child in _children(part):
            yield from leaves(child)
    else:
        yield part


def _children(part: Message) -> list[Message]:
    children = part.get_payload()
    return [child for child in children if isinstance(child, Message)] if isinstance(children, list) else []


def _is_shown(part: Message) -> bool:
    return (
        part.get_content_type() in {"text/plain", "text/html"}
        and part.get_content_disposition() != "attachment"
        and part.get_filename() is None
    )


def _name(part: Message, number: int) -> str:
    """The name an attachment was given, without folders; else its number."""
    given = part.get_filename()
    name = PureWindowsPath(decoded(collapse_rfc2231_value(given))).name if given else ""
    return name or f"attachment-{number}{_EXTENSIONS.get(part.get_content_type(), '')}"


def _time(value: str | None) -> datetime | None:
    try:
        return utc(parsedate_to_datetime(value or ""))
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
