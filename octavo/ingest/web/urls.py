"""What is a URL that may be fetched, taken apart once, and lists of them."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import quote, unquote, urljoin, urlsplit

from octavo.errors import RefusedFile, UnreadableFile

_SCHEMES = {"http": 80, "https": 443}
_CHARACTERS = 2_000
_UNFIT = re.compile(r"[\x00-\x20\x7f\\]")
_USER = re.compile(r"//[^/?#]*@")
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
# What may stand in a path and a query as it is; everything else is percent-encoded.
_AS_IT_IS = "%/:=&?~#+!$,;'@()*[]"


class Url(NamedTuple):
    """A URL in its parts, each of which goes where it belongs: nobody takes the text apart a second time."""

    scheme: str
    host: str
    port: int
    target: str

    def __str__(self) -> str:
        return f"{self.site}{self.target}"

    @property
    def site(self) -> str:
        """Scheme, host and port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _SCHEMES[self.scheme] else f":{self.port}")

    @property
    def authority(self) -> str:
        """Host and port as a request names them."""
        return self.site.partition("://")[2]

    @property
    def name(self) -> str:
        """A name for the file: the last part of its path."""
        return PurePosixPath(unquote(self.target.partition("?")[0])).name or "page"

    def joined(self, location: str) -> Url:
        """Where a redirection leads.

        Raises:
            RefusedFile: that is no URL that may be fetched.
        """
        return parse(urljoin(str(self), location))


def is_url(text: str) -> bool:
    """Whether a text is meant as a URL, not as a path."""
    return text.lower().startswith(("http://", "https://"))


def parse(text: str) -> Url:
    """Take a URL apart; the fragment does not matter.

    Raises:
        RefusedFile: it is no URL of http or https, or has a user and password in it.
    """
    shown = repr(text[:200])
    if len(text) > _CHARACTERS or _UNFIT.search(text):
        raise RefusedFile(f"{shown} is no URL", remedy="write it without spaces, percent-encoded")
    try:
        parts = urlsplit(text)
        host, port = _host((parts.hostname or "").removesuffix(".")), parts.port
    except ValueError as error:
        raise RefusedFile(f"{shown} is no URL") from error
    scheme = parts.scheme.lower()
    if scheme not in _SCHEMES:
        raise RefusedFile(f"{shown} is not of http or https")
    if "@" in parts.netloc:
        raise RefusedFile("a URL with a user in it", remedy="leave out user and password")
    if not _HOST.fullmatch(host):
        raise RefusedFile(f"{shown} names no host")
    target = quote(parts.path or "/", safe=_AS_IT_IS) + (
        f"?{quote(parts.query, safe=_AS_IT_IS)}" if parts.query else ""
    )
    return Url(scheme, host, port or _SCHEMES[scheme], target)


def without_user(text: str) -> str:
    """A URL as it may be printed: what may be a password is left out."""
    return _USER.sub("//…@", text)


def listed(path: Path) -> list[str]:
    """The URLs of a list: one a line; blank lines and those that begin with `#` are none.

    Raises:
        UnreadableFile: the list cannot be read.
    """
    try:
        lines = path.expanduser().read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UnreadableFile(f"the list {path} cannot be read: {reason}") from error
    return [text for line in lines if (text := line.strip()) and not text.startswith("#")]


def _host(name: str) -> str:
    """A host in lower case and in ASCII. Raises `UnicodeError`, a `ValueError`, if it is no name."""
    return name.lower() if name.isascii() else name.encode("idna").decode("ascii").lower()
