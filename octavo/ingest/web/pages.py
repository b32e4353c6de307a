"""URLs as files for ingest: several fetched at once, those that have not changed passed over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from octavo.errors import IngestFault, UnreadableFile
from octavo.ingest.extracted import Failed, Found, Place
from octavo.ingest.limits import Limits
from octavo.ingest.staging import Staging
from octavo.ingest.summary import Summary
from octavo.ingest.web.fetch import Fetched, Fetcher, Version
from octavo.ingest.web.politeness import Politeness
from octavo.ingest.web.urls import Url, parse, without_user
from octavo.store import sources
from octavo.store.scope import Scope


async def fetched(
    urls: Iterable[str],
    scope: Scope,
    limits: Limits,
    staging: Staging,
    summary: Summary,
    *,
    allow_private: bool,
) -> AsyncIterator[Found | Failed]:
    """What URLs give, each once, in the order it comes; it is named by the URL that was asked for.

    Args:
        urls: to be fetched; taken no faster than they are.
        staging: takes the files.
        summary: counts the URLs, and those that are unchanged.
        allow_private: also from this machine and its networks.
    """
    async with Fetcher(limits, allow_private=allow_private) as fetcher:
        fetching = _Fetching(fetcher, scope, limits, staging)
        running: set[asyncio.Task[Found | Failed | None]] = set()
        try:
            for text in dict.fromkeys(urls):
                running.add(asyncio.create_task(fetching.page(text)))
                if len(running) >= limits.pages_at_once:
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for item in _counted(done, summary):
                        yield item
            while running:
                done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for item in _counted(done, summary):
                    yield item
        finally:
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)


def _counted(
    done: Iterable[asyncio.Task[Found | Failed | None]], summary: Summary
) -> Iterable[Found | Failed]:
    for task in done:
        summary.files += 1
        item = task.result()
        if item is None:
            summary.unchanged += 1
        else:
            yield item


class _Fetching:
    """Fetches one page after the other."""

    def __init__(self, fetcher: Fetcher, scope: Scope, limits: Limits, staging: Staging) -> None:
        self._fetcher = fetcher
        self._polite = Politeness(fetcher, limits)
        self._scope = scope
        self._staging = staging

    async def page(self, text: str) -> Found | Failed | None:
        """A page as a file, or why there is none; None if it is the one that was read before."""
        try:
            return await self._asked(parse(text))
        except IngestFault as error:
            name = without_user(text)
            return Failed(Path(name), error.code, str(error), Place(name))

    async def _asked(self, url: Url) -> Found | None:
        """A page, asked for again if its site is busy and says so."""
        attempt = 1
        while True:
            try:
                async with self._polite.turn(url):
                    return await self._page(url)
            except UnreadableFile as error:
                if not self._polite.put_off(url, error, attempt):
                    raise
            attempt += 1

    async def _page(self, url: Url) -> Found | None:
        known = await self._known(url)
        path = await asyncio.to_thread(self._staging.path, url.name)
        try:
            with await asyncio.to_thread(path.open, "xb") as file:
                answer = await self._fetcher.fetch(url, file.write, known=known, allowed=self._polite.allow)
        except IngestFault:
            await asyncio.to_thread(self._staging.discard, path)
            raise
        if answer.is_unchanged:
            await asyncio.to_thread(self._staging.discard, path)
            return None
        place = _place(url, answer)
        return await asyncio.to_thread(self._staging.found, path, place, time.time_ns(), answer.charset)

    async def _known(self, url: Url) -> Version:
        key = sources.key_of(str(url))
        source = (await sources.known(self._scope, [key])).get(key)
        return Version(source.etag, source.last_modified) if source else Version()


def _place(url: Url, answer: Fetched) -> Place:
    return Place(
        str(url), url=str(answer.url), etag=answer.version.etag, last_modified=answer.version.last_modified
    )
