"""Engines of one URL: the first is the URL itself, another one has its number behind it, as `tantivy:./index#2`.

So an engine can be built anew beside itself: the same folder or server, and in it another place.
"""

from __future__ import annotations

import re

FIRST = 1
MOST = 99
_MARK = re.compile(r"#([2-9]|[1-9][0-9])\Z")


def parted(url: str) -> tuple[str, int]:
    """A URL without the number of its engine, and the number."""
    found = _MARK.search(url)
    return (url, FIRST) if found is None else (url[: found.start()], int(found[1]))


def numbered(url: str, number: int) -> str:
    """The URL of an engine with this number; of the first one it is the URL itself."""
    return url if number == FIRST else f"{url}#{number}"
