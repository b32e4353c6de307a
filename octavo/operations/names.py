"""Names of exported files: one can read them, every file system takes them, and no two files share one."""

from __future__ import annotations

import mimetypes
import re
import unicodedata
from pathlib import PurePosixPath

_LONGEST_BYTES = 100
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")


def readable_name(name: str | None, media_type: str, sha256: bytes) -> str:
    """A file's name: what its document is called, 16 digits of its checksum, and an ending that fits.

    The digits keep apart files of one name; two files with the same digits are the same file. Letters of every
    script stay; separators, control characters, quotes and what shells or Windows mind become `-`.
    """
    last = PurePosixPath((name or "").replace("\\", "/")).name
    suffix = _SUFFIX.fullmatch(PurePosixPath(last).suffix)
    ending = suffix.group() if suffix else mimetypes.guess_extension(media_type) or ".bin"
    stem = last.removesuffix(suffix.group()) if suffix else last
    return f"{_safe(stem) or 'file'}--{sha256.hex()[:16]}{ending.lower()}"


def _safe(text: str) -> str:
    normal = unicodedata.normalize("NFC", text)
    kept = "".join(character if character.isalnum() or character in "_." else "-" for character in normal)
    short = re.sub(r"-{2,}", "-", kept).encode()[:_LONGEST_BYTES].decode(errors="ignore")
    return short.strip("-. ")
