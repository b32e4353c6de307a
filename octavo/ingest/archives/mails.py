"""Mailboxes in one file (mbox, RFC 4155): a mail after each line that begins with `From `."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import BinaryIO

from octavo.errors import RefusedFile
from octavo.ingest.archives.member import Budget, Member, Refusal, refuse_large
from octavo.ingest.limits import Limits

_HEADER_BYTES = 65_536
_LINE_BYTES = 1 << 20
_MESSAGE_ID = re.compile(rb"^message-id:\s*<([^<>\s]{1,200})>", re.IGNORECASE | re.MULTILINE)
_UNFIT = re.compile(r"[^\w.@+=-]+")
# Lines of a mail that look like the beginning of another are quoted (mboxrd).
_QUOTED = re.compile(rb">+From ")


def members(file: BinaryIO, budget: Budget) -> Iterator[Member | Refusal]:
    """The mails of a mailbox, each named after its message id, so that it keeps its name when others are deleted.

    Raises:
        RefusedFile: there are too many, or too much in all.
    """
    seen: dict[str, int] = {}
    for number, mail in enumerate(_mails(file, budget), 1):
        budget.enter()
        try:
            refuse_large(len(mail), budget.limits)
        except RefusedFile as error:
            yield Refusal(f"mail {number}", error)
            continue
        name = _name(mail)
        seen[name] = seen.get(name, 0) + 1
        own = f"{name}.eml" if seen[name] == 1 else f"{name}-{seen[name]}.eml"
        yield Member(own, len(mail), _likeness(mail), partial(_save, mail))


def _mails(file: BinaryIO, budget: Budget) -> Iterator[bytes]:
    """Each mail; of one that is too large no more than shows it."""
    mail, is_blank = bytearray(), True
    for line in _lines(file, budget):
        if is_blank and line.startswith(b"From ") and mail:
            yield bytes(mail)
            mail.clear()
        elif not (line.startswith(b"From ") and not mail) and _has_room(mail, budget.limits):
            mail += line[1:] if _QUOTED.match(line) else line
        is_blank = not line.strip()
    if mail:
        yield bytes(mail)


def _lines(file: BinaryIO, budget: Budget) -> Iterator[bytes]:
    while line := file.readline(_LINE_BYTES):
        budget.unpack(len(line))
        yield line


def _has_room(mail: bytearray, limits: Limits) -> bool:
    return len(mail) <= limits.max_file_bytes


def _name(mail: bytes) -> str:
    head = mail[:_HEADER_BYTES].partition(b"\n\n")[0]
    told = _MESSAGE_ID.search(head)
    name = _UNFIT.sub("_", told[1].decode("ascii", "replace")).lstrip(".") if told else ""
    return name or hashlib.sha256(mail).hexdigest()[:32]


def _likeness(mail: bytes) -> int:
    """Something in place of a time: another when the mail is another."""
    return int.from_bytes(hashlib.sha256(mail).digest()[:7])


def _save(mail: bytes, to: Path) -> None:
    to.write_bytes(mail)
