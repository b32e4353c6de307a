"""How much at once, and how fast, from one site; and what it asks of programs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from octavo.errors import UnreadableFile
from octavo.ingest.limits import Limits
from octavo.ingest.web.fetch import AGENT, Fetcher
from octavo.ingest.web.robots import Rules
from octavo.ingest.web.urls import Url, parse

_BUSY = {429, 503}
_FIRST_PAUSE_SECONDS = 1.0
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)
_RULES_BYTES = 512 * 1024  # RFC 9309, 2.5: at least 500 KiB are read


class Politeness:
    """Knows the sites of one run."""

    def __init__(self, fetcher: Fetcher, limits: Limits) -> None:
        self._fetcher = fetcher
        self._limits = limits
        self._sites: dict[str, _Site] = {}

    @asynccontextmanager
    async def turn(self, url: Url) -> AsyncIterator[None]:
        """Wait until a URL may be fetched; the block is the fetching.

        Raises:
            RefusedFile: the site asks not to. UnreadableFile: it does not say what it asks.
        """
        site = self._site(url)
        async with site.room:
            rules = await self._rules(url)
            await site.pause(max(rules.delay_seconds, self._limits.milliseconds_between_pages / 1000))
            yield

    def put_off(self, url: Url, error: UnreadableFile, attempt: int) -> bool:
        """Whether a site that is busy is asked again; if so, all its pages wait until it wants to be asked.

        Args:
            attempt: how often the page was asked for, from 1 on.
        """
        if error.fields.get("status") not in _BUSY or attempt >= self._limits.attempts_per_page:
            return False
        seconds = pause_seconds(error.fields.get("retry_after"), attempt, datetime.now(UTC))
        if seconds > self._limits.seconds_per_pause:
            return False
        self._site(url).put_off(seconds)
        return True

    async def allow(self, url: Url) -> None:
        """Raise `RefusedFile` if the site asks not to fetch this, `UnreadableFile` if it does not say."""
        (await self._rules(url)).check(str(url))

    async def _rules(self, url: Url) -> Rules:
        site = self._site(url)
        async with site.asking:
            if site.rules is None:
                site.rules = Rules(await self._asked(url), AGENT)
        return site.rules

    async def _asked(self, url: Url) -> str:
        """The site's robots.txt. One that has none asks nothing; one that fails to answer asks for everything."""
        text = bytearray()
        try:
            await self._fetcher.fetch(parse(f"{url.site}/robots.txt"), text.extend, allowed=_anything)
        except UnreadableFile as error:
            if 400 <= error.fields.get("status", 0) < 500:
                return ""
            raise
        return text[:_RULES_BYTES].decode("utf-8", "replace")

    def _site(self, url: Url) -> _Site:
        if url.site not in self._sites:
            self._sites[url.site] = _Site(self._limits.pages_at_once_per_host)
        return self._sites[url.site]


class _Site:
    """What is known of one site, and when it may be asked next."""

    def __init__(self, at_once: int) -> None:
        self.room = asyncio.Semaphore(at_once)
        self.asking = asyncio.Lock()
        self.rules: Rules | None = None
        self._next = 0.0

    async def pause(self, seconds: float) -> None:
        """Wait until so many seconds after the request before."""
        now = asyncio.get_running_loop().time()
        at = max(now, self._next)
        self._next = at + seconds
        await asyncio.sleep(at - now)

    def put_off(self, seconds: float) -> None:
        """Ask nothing for so long."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)


def pause_seconds(told: str | None, attempt: int, now: datetime) -> float:
    """How long a busy site wants to be left alone (RFC 9110, 10.2.3), or twice as long each time if it does not say.

    Args:
        told: its Retry-After, seconds or a moment; None without one.
        attempt: how often it was asked, from 1 on.
        now: what a moment is counted from.
    """
    text = (told or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return _FIRST_PAUSE_SECONDS * 2.0 ** (attempt - 1)
    left: float = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return max(left, 0.0)


async def _anything(_url: Url) -> None:
    """No rules apply to the rules themselves."""
