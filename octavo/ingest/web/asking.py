"""Whether a URL answers, within bounds: nothing is kept of what it says."""

from __future__ import annotations

from collections.abc import Callable

from octavo.ingest.limits import Limits
from octavo.ingest.web.fetch import Fetcher
from octavo.ingest.web.urls import Url, parse

_MOST_BYTES = 1 << 20


async def require_answer(url: str, allowed: Callable[[str], None], *, seconds: int) -> None:
    """Ask a URL, and those it redirects to.

    Args:
        allowed: raises when a URL may not be asked. What it allows may be of this machine and its networks.
        seconds: longest time, redirections included.

    Raises:
        RefusedFile, UnreadableFile: it leads elsewhere, takes too long, or answers with something else than 200.
        And what `allowed` raises.
    """

    async def check(to: Url) -> None:
        allowed(str(to))

    limits = Limits(seconds_per_page=seconds, max_page_bytes=_MOST_BYTES)
    async with Fetcher(limits, allow_private=True) as fetcher:
        await fetcher.fetch(parse(url), lambda _: None, allowed=check)
